/** HTTP requests to the services behind receivers. */
import { retryAfterMs } from '../lib/retry-after.ts';
import type { SendResult } from '../pipeline/ports/receiver.ts';

export interface HttpRequest {
  /** The name to show to users, for example `Alertmanager`. */
  readonly service: string;
  readonly url: string;
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Real time. Default: 8 s. */
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
  readonly now: () => number;
}

export interface HttpResult {
  readonly result: SendResult;
  /** The start of the response. Not to be shown as it is. */
  readonly answer: string;
}

/** Services request pauses of seconds or minutes. A longer one is a mistake of a proxy. */
const MAX_PAUSE_MS = 3_600_000;
const MIN_PAUSE_MS = 1_000;
/** Characters read of a response. */
const MAX_ANSWER = 64_000;

/**
 * Sends one request and says whether it makes sense to try again. Never rejects. No result contains the URL, the headers
 * or text of the response.
 */
export async function request(options: HttpRequest): Promise<HttpResult> {
  const { service, url, method = 'POST', headers = {}, body, signal } = options;
  const timeout = AbortSignal.timeout(options.timeoutMs ?? 8_000);
  try {
    const response = await fetch(url, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      body,
      // A redirect could carry the credentials to another host.
      redirect: 'manual',
      signal: AbortSignal.any([signal, timeout]),
    });
    // If the body is cut off, the status still counts, so that an accepted message is not sent again.
    const answer = await readStart(response).catch(() => '');
    return { result: resultOf(service, response, options.now()), answer };
  } catch (error) {
    const why = signal.aborted
      ? 'sending was aborted'
      : timeout.aborted
        ? `${service} did not answer in time`
        : `no connection to ${service} (${codeOf(error)})`;
    return { result: { kind: 'retry', why }, answer: '' };
  }
}

/** Takes user name and password out of a URL, because `fetch` rejects it with them. */
export function withoutCredentials(text: string): { readonly url: string; readonly authorization?: string } {
  const url = new URL(text);
  const { username, password } = url;
  if (username === '' && password === '') return { url: text };
  url.username = '';
  url.password = '';
  const pair = `${decode(username)}:${decode(password)}`;
  return { url: url.href, authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

/** Adds a path to that of the URL. Its query stays. */
export function atPath(base: string, path: string): string {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}${path}`;
  return url.href;
}

function resultOf(service: string, response: Response, now: number): SendResult {
  const { status } = response;
  const why = `${service} answered ${status}`;
  if (response.ok) return { kind: 'sent', status };
  if (status === 429 || status === 503) {
    const asked = retryAfterMs(response.headers, now);
    if (asked === undefined) return { kind: 'retry', status, why };
    return { kind: 'retry', status, why, afterMs: Math.min(Math.max(asked, MIN_PAUSE_MS), MAX_PAUSE_MS) };
  }
  if (status >= 500 || status === 408 || status === 425) return { kind: 'retry', status, why };
  if (status >= 300 && status < 400) {
    return { kind: 'retry', status, why: `${why}: it redirects to another address, which is not followed` };
  }
  return { kind: 'dropped', status, why };
}

async function readStart(response: Response): Promise<string> {
  if (!response.body) return '';
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length >= MAX_ANSWER) break;
  }
  return text.slice(0, MAX_ANSWER);
}

/** The error's code, because its message may contain the URL. */
function codeOf(error: unknown): string {
  const { cause, name } = error as { cause?: { code?: unknown }; name?: unknown };
  const code = cause?.code ?? name;
  return typeof code === 'string' && /^[A-Za-z0-9_]{1,40}$/.test(code) ? code : 'error';
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
