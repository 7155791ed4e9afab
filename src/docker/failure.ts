import { EngineError, type EngineReason } from '../errors.ts';

/** Longer answers of an engine (or of a proxy's error page) tell no more. */
const MAX_DETAIL = 300;

/** Whatever dockerode or Node threw, as an EngineError that says what was being done. */
export function toEngineError(error: unknown, doing: string): EngineError {
  if (error instanceof EngineError) return error;
  const { reason, detail } = classify(error);
  return new EngineError(`Docker engine: ${doing}: ${detail.slice(0, MAX_DETAIL)}`, reason, error);
}

function classify(error: unknown): { reason: EngineReason; detail: string } {
  if (!(error instanceof Error)) return { reason: 'protocol', detail: String(error) };
  const { statusCode, code, json } = error as Error & { statusCode?: number; code?: unknown; json?: unknown };
  if (typeof statusCode === 'number') {
    return { reason: reasonOfStatus(statusCode), detail: `HTTP ${statusCode}: ${bodyMessage(json) ?? error.message}` };
  }
  if (error.name === 'TimeoutError') return { reason: 'timeout', detail: 'no answer in time' };
  if (typeof code !== 'string') return { reason: 'protocol', detail: error.message };
  return { reason: reasonOfCode(code), detail: `${error.message} (${code})` };
}

function reasonOfStatus(status: number): EngineReason {
  if (status === 404) return 'not_found';
  // A socket proxy answers what it does not allow with 403 or 405.
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

function bodyMessage(json: unknown): string | undefined {
  if (typeof json !== 'object' || json === null || !('message' in json)) return undefined;
  return String(json.message);
}
