/** One HTTP request to the server of the local model: no redirects, no environment, bounded bodies. */
import type { LocalFailure } from '../../domain/model-failures.ts';

export interface ServerOptions {
  /** As the user set it. */
  readonly url: string;
  readonly key?: string;
}

export type ServerResponse =
  | { readonly kind: 'response'; readonly status: number; readonly body: string }
  | { readonly kind: 'failed'; readonly reason: LocalFailure };

/** Bytes. About 100 times the longest answer that is requested, each token in a chunk of its own. */
const LONGEST_BODY = 1024 * 1024;

/** Never rejects. If `signal` aborts, the failure is `timeout`. */
export async function request(
  url: string,
  { key }: ServerOptions,
  body: object | undefined,
  signal: AbortSignal,
): Promise<ServerResponse> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      redirect: 'manual',
      signal,
    });
  } catch {
    return { kind: 'failed', reason: signal.aborted ? 'timeout' : 'unreachable' };
  }
  try {
    return { kind: 'response', status: response.status, body: await boundedText(response) };
  } catch (error) {
    if (signal.aborted) return { kind: 'failed', reason: 'timeout' };
    return { kind: 'failed', reason: error instanceof TooLong ? 'invalid' : 'truncated' };
  }
}

class TooLong extends Error {}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    if (length > LONGEST_BODY) throw new TooLong();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Removes from the end of `url` what users copy along: a slash, and the API's own paths. */
export function baseOf(url: string, ends: RegExp): string {
  return url.replace(/\/+$/, '').replace(ends, '').replace(/\/+$/, '');
}

/** Undefined if the text is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
