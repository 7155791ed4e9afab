import Anthropic from '@anthropic-ai/sdk';
import { connect, DEFAULT_BASE_URL } from './connection.ts';

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
  try {
    const client = connect({ ...options, timeoutMs, requests: [], now: Date.now });
    const signal = AbortSignal.timeout(timeoutMs);
    const info: unknown = await client.models.retrieve(model, null, { maxRetries: 0, signal });
    if (typeof info !== 'object' || info === null || !('id' in info)) {
      return { ok: false, why: `${host} does not answer as the Claude API does; is there a proxy in between?` };
    }
    if ('lifecycle' in info && info.lifecycle === 'retired') return { ok: false, why: `the model ${model} is retired` };
    return { ok: true };
  } catch (error) {
    return { ok: false, why: explain(error, host, model) };
  }
}

function explain(error: unknown, host: string, model: string): string {
  if (error instanceof Anthropic.APIConnectionTimeoutError || error instanceof Anthropic.APIUserAbortError) {
    return `${host} does not answer in time`;
  }
  if (!(error instanceof Anthropic.APIError) || error.status === undefined) return `${host} cannot be reached`;
  switch (error.status) {
    case 401:
    case 403:
      return `${host} does not accept the API key (status ${error.status})`;
    case 404:
      return `${host} does not know the model ${model}`;
    default:
      return `${host} answers with status ${error.status}`;
  }
}
