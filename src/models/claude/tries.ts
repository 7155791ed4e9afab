import type { ClaudeFailure } from '../../domain.ts';
import { retryAfterMs } from '../../lib/retry-after.ts';
import type { Headroom, HeadroomResource } from '../../pipeline/observer.ts';

/** One HTTP request that left. `outcome` is set where it failed before its answer could be read. */
export interface Try {
  readonly at: number;
  outcome?: ClaudeFailure;
  /** When it failed; absent where its answer is still to be read. */
  endedAt?: number;
}

export interface FetchOptions {
  readonly apiKey: string;
  readonly now: () => number;
  /** Each try is pushed here as it leaves. */
  readonly tries: Try[];
  onHeadroom?(headroom: readonly Headroom[]): void;
}

/** A longer pause than this would delay the alert; the rules answer instead. */
const LONGEST_RETRY_AFTER_MS = 10_000;

/** Some 30 times the longest answer we let the model give. What is longer was not written by it. */
const LONGEST_BODY = 1024 * 1024;

/**
 * Everything the API needs, and nothing else: the SDK also sends what ANTHROPIC_CUSTOM_HEADERS holds, which
 * could be another credential.
 */
const SENT_HEADERS =
  /^(?:accept|content-type|user-agent|anthropic-version|anthropic-beta|idempotency-key|x-stainless-.*)$/;

/**
 * The `fetch` given to the SDK: notes each try, sends no credential but `apiKey`, follows no redirect with
 * it, and keeps retries short and bodies bounded.
 */
export function createFetch(options: FetchOptions): typeof fetch {
  return async (input, init) => {
    const headers = new Headers(init?.headers);
    for (const name of [...headers.keys()]) if (!SENT_HEADERS.test(name)) headers.delete(name);
    headers.set('x-api-key', options.apiKey);

    const tried: Try = { at: options.now() };
    options.tries.push(tried);
    let response: Response;
    try {
      response = await fetch(input, { ...init, headers, redirect: 'manual' });
    } catch (error) {
      // The SDK aborts for nothing else than time: its own limit, or the deadline of the question.
      tried.outcome = init?.signal?.aborted ? 'timeout' : 'error';
      tried.endedAt = options.now();
      throw error;
    }
    const headroom = readHeadroom(response.headers, options.now());
    if (headroom.length > 0) options.onHeadroom?.(headroom);
    if (!response.ok) {
      tried.outcome = outcomeOf(response.status);
      tried.endedAt = options.now();
    }
    return bounded(response, options.now());
  };
}

export function outcomeOf(status: number): ClaudeFailure {
  if (status === 429) return 'rate_limited';
  return status === 529 ? 'overloaded' : 'error';
}

function bounded(response: Response, now: number): Response {
  const headers = new Headers(response.headers);
  const pause = retryAfterMs(headers, now);
  if (!response.ok && pause !== undefined && pause > LONGEST_RETRY_AFTER_MS) headers.set('x-should-retry', 'false');
  let length = 0;
  const body = response.body?.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        length += chunk.byteLength;
        if (length > LONGEST_BODY) controller.error(new SyntaxError('the answer is longer than any the model gives'));
        else controller.enqueue(chunk);
      },
    }),
  );
  // A redirect that was not followed has status 3xx, which a Response may have; 1xx never gets here.
  return new Response(body ?? null, { status: response.status, statusText: response.statusText, headers });
}

const RESOURCES: readonly HeadroomResource[] = ['requests', 'input_tokens', 'output_tokens'];

function readHeadroom(headers: Headers, observedAt: number): Headroom[] {
  const found: Headroom[] = [];
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
