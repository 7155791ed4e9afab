import type { ClaudeFailure } from '../../domain/model-failures.ts';
import { retryAfterMs } from '../../lib/retry-after.ts';
import type { AnthropicRateLimit, RateLimitResource } from '../../pipeline/observer.ts';
import { failureOfResponse, isWebPage } from './failures.ts';

/** An HTTP request to the API. */
export interface SentRequest {
  readonly at: number;
  /** Set if the request failed before its response could be read. */
  outcome?: ClaudeFailure;
  /** Set with `outcome`. */
  endedAt?: number;
  /** The body of the response begins like a web page. */
  webPage?: boolean;
}

export interface FetchOptions {
  readonly apiKey: string;
  readonly now: () => number;
  /** Every request is added here when it is sent. */
  readonly requests: SentRequest[];
  onRateLimits?(rateLimits: readonly AnthropicRateLimit[]): void;
}

/** After a request for a longer pause, the rules answer: waiting would delay the alert. */
const LONGEST_RETRY_AFTER_MS = 10_000;

/** Characters of an error's body. The API's errors have a few hundred. */
const LONGEST_ERROR = 64 * 1024;

/** Bytes. About 30 times the longest answer that MAX_TOKENS allows, so a longer body is not from the model. */
const LONGEST_BODY = 1024 * 1024;

/**
 * All headers that the API needs. The SDK also sends those in ANTHROPIC_CUSTOM_HEADERS, which may contain a credential.
 */
const SENT_HEADERS =
  /^(?:accept|content-type|user-agent|anthropic-version|anthropic-beta|idempotency-key|x-stainless-.*)$/;

/**
 * Creates the `fetch` for the SDK. It records every request, sends no credential but `apiKey`, follows no redirects,
 * prevents retries after a long pause and limits the length of bodies.
 */
export function createFetch(options: FetchOptions): typeof fetch {
  return async (input, init) => {
    const headers = new Headers(init?.headers);
    for (const name of [...headers.keys()]) if (!SENT_HEADERS.test(name)) headers.delete(name);
    headers.set('x-api-key', options.apiKey);

    const request: SentRequest = { at: options.now() };
    options.requests.push(request);
    let response: Response;
    try {
      response = await fetch(input, { ...init, headers, redirect: 'manual' });
    } catch (error) {
      // Aborted means a timeout: the SDK's own or that of the question. If the caller aborts, the outcome is not used.
      request.outcome = init?.signal?.aborted ? 'timeout' : 'unreachable';
      request.endedAt = options.now();
      throw error;
    }
    const rateLimits = readRateLimits(response.headers, options.now());
    if (rateLimits.length > 0) options.onRateLimits?.(rateLimits);
    if (response.ok) return bounded(response, request, options.now());
    const body = await textOf(bounded(response, request, options.now()), init?.signal);
    request.outcome = body === undefined ? 'timeout' : failureOfResponse(response.status, body);
    request.endedAt = options.now();
    const { status, statusText } = response;
    return new Response(body ?? null, { status, statusText, headers: headersOf(response, options.now()) });
  };
}

/** Undefined if the question ends first. A body that breaks off is as good as none. */
async function textOf(response: Response, signal: AbortSignal | null | undefined): Promise<string | undefined> {
  try {
    return (await response.text()).slice(0, LONGEST_ERROR);
  } catch {
    return signal?.aborted ? undefined : '';
  }
}

function bounded(response: Response, request: SentRequest, now: number): Response {
  let length = 0;
  const body = response.body?.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        if (length === 0) request.webPage = isWebPage(Buffer.from(chunk.subarray(0, 200)).toString('latin1'));
        length += chunk.byteLength;
        if (length > LONGEST_BODY)
          controller.error(new SyntaxError('the response is longer than any answer of the model'));
        else controller.enqueue(chunk);
      },
    }),
  );
  const { status, statusText } = response;
  return new Response(body ?? null, { status, statusText, headers: headersOf(response, now) });
}

function headersOf(response: Response, now: number): Headers {
  const headers = new Headers(response.headers);
  const pause = retryAfterMs(headers, now);
  if (!response.ok && pause !== undefined && pause > LONGEST_RETRY_AFTER_MS) headers.set('x-should-retry', 'false');
  return headers;
}

const RESOURCES: readonly RateLimitResource[] = ['requests', 'input_tokens', 'output_tokens'];

function readRateLimits(headers: Headers, observedAt: number): AnthropicRateLimit[] {
  const found: AnthropicRateLimit[] = [];
  for (const resource of RESOURCES) {
    const header = (what: string) => headers.get(`anthropic-ratelimit-${resource.replace('_', '-')}-${what}`) ?? '';
    const limit = count(header('limit'));
    const remaining = count(header('remaining'));
    const resetAt = Date.parse(header('reset'));
    if (limit === undefined || remaining === undefined || Number.isNaN(resetAt)) continue;
    found.push({ resource, limit, remaining, resetAt, observedAt });
  }
  return found;
}

function count(value: string): number | undefined {
  return /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}
