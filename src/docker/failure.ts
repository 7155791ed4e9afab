import { EngineError, type EngineReason } from '../errors.ts';
import { cutMiddle } from '../lib/text.ts';

/** Truncates error pages of proxies. The cause is often at the end. */
const MAX_DETAIL_CHARS = 600;
/** What Podman answers, with status 500, about a container that is removed during the request. */
const REMOVED_MEANWHILE = /: no such container$/;
const LONG_ID = /\b[0-9a-f]{64}\b/g;

/** Converts an error of dockerode or Node. `doing` names the operation, for example `listing containers`. */
export function toEngineError(error: unknown, doing: string, adviseOnMissingSocket?: () => string): EngineError {
  if (error instanceof EngineError) return error;
  if (adviseOnMissingSocket !== undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') {
    return new EngineError(`Docker engine: ${doing}: ${adviseOnMissingSocket()}`, 'unreachable', error);
  }
  const { reason, detail, status } = classify(error);
  return new EngineError(`Docker engine: ${doing}: ${shorten(detail)}`, reason, error, status);
}

function shorten(detail: string): string {
  return cutMiddle(
    detail.replace(LONG_ID, (id) => id.slice(0, 12)),
    MAX_DETAIL_CHARS,
  );
}

function classify(error: unknown): { reason: EngineReason; detail: string; status?: number } {
  if (!(error instanceof Error)) return { reason: 'protocol', detail: String(error) };
  const { statusCode, code, json } = error as Error & { statusCode?: number; code?: unknown; json?: unknown };
  if (typeof statusCode === 'number') {
    const message = bodyMessage(json) ?? error.message;
    const reason = REMOVED_MEANWHILE.test(message) ? 'not_found' : reasonOfStatus(statusCode);
    return { reason, detail: `HTTP ${statusCode}: ${message}`, status: statusCode };
  }
  if (error.name === 'TimeoutError') return { reason: 'timeout', detail: 'no response in time' };
  if (typeof code !== 'string') return { reason: 'protocol', detail: error.message };
  return { reason: reasonOfCode(code), detail: `${error.message} (${code})` };
}

function reasonOfStatus(status: number): EngineReason {
  if (status === 404) return 'not_found';
  // Socket proxies answer forbidden requests with 403 or 405.
  if (status === 401 || status === 403 || status === 405) return 'forbidden';
  if (status === 409) return 'conflict';
  return status >= 500 ? 'server_error' : 'protocol';
}

function reasonOfCode(code: string): EngineReason {
  if (code === 'EACCES' || code === 'EPERM') return 'forbidden';
  if (code === 'ETIMEDOUT') return 'timeout';
  if (code.startsWith('HPE_')) return 'protocol';
  return 'unreachable';
}

/** The message in the JSON of an error response. */
export function bodyMessage(json: unknown): string | undefined {
  if (typeof json !== 'object' || json === null || !('message' in json)) return undefined;
  return String(json.message);
}
