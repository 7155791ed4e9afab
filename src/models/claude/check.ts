import Anthropic from '@anthropic-ai/sdk';
import { type ClaudeFailure, describeClaudeFailure } from '../../domain/model-failures.ts';
import { connect, DEFAULT_BASE_URL } from './connection.ts';
import type { SentRequest } from './fetch.ts';

type CheckResult = { readonly ok: true } | { readonly ok: false; readonly why: string };

/**
 * Checks that the API accepts the key and knows the model. The request is free. `why` is shown to the user of
 * `container-doctor check`. Never rejects.
 */
export async function checkClaude(options: {
  readonly apiKey: string;
  readonly baseURL?: string;
  readonly model: string;
  /** Default 10 s. */
  readonly timeoutMs?: number;
}): Promise<CheckResult> {
  const { model, baseURL = DEFAULT_BASE_URL, timeoutMs = 10_000 } = options;
  const host = URL.parse(baseURL)?.host ?? baseURL;
  const requests: SentRequest[] = [];
  try {
    const client = connect({ ...options, timeoutMs, requests, now: Date.now });
    const signal = AbortSignal.timeout(timeoutMs);
    const info: unknown = await client.models.retrieve(model, null, { maxRetries: 0, signal });
    if (typeof info !== 'object' || info === null || !('id' in info)) {
      return { ok: false, why: explain(host, requests.at(-1)?.webPage ? 'proxy_page' : 'wrong_url') };
    }
    if ('lifecycle' in info && info.lifecycle === 'retired') return { ok: false, why: `the model ${model} is retired` };
    return { ok: true };
  } catch (error) {
    return { ok: false, why: explain(host, failureOf(error, requests.at(-1))) };
  }
}

function failureOf(error: unknown, request: SentRequest | undefined): ClaudeFailure {
  if (error instanceof Anthropic.APIConnectionTimeoutError || error instanceof Anthropic.APIUserAbortError) {
    return 'timeout';
  }
  if (request?.webPage) return 'proxy_page';
  return request?.outcome ?? (error instanceof SyntaxError ? 'wrong_url' : 'unreachable');
}

function explain(host: string, failure: ClaudeFailure): string {
  return `${host}: ${describeClaudeFailure(failure)}`;
}
