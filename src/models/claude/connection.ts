import Anthropic from '@anthropic-ai/sdk';
import { createFetch, type FetchOptions } from './tries.ts';

export const DEFAULT_BASE_URL = 'https://api.anthropic.com';
const RETRIES = 2;

/**
 * A client for one question. Everything that the SDK would take from the environment is given here: base
 * address, credentials, log level; its fetch drops the headers that it adds from there. `timeoutMs`: for
 * each try, to the head of its answer.
 */
export function connect(options: FetchOptions & { readonly baseURL?: string; readonly timeoutMs: number }): Anthropic {
  return new Anthropic({
    apiKey: options.apiKey,
    authToken: null,
    webhookKey: null,
    baseURL: options.baseURL ?? DEFAULT_BASE_URL,
    maxRetries: RETRIES,
    timeout: options.timeoutMs,
    // `debug` prints prompts.
    logLevel: 'off',
    // Our trace context is no business of the API; its spans carry no content.
    openTelemetry: { propagation: false, traces: { enabled: true, contentMode: 'metadata_only' } },
    fetch: createFetch(options),
  });
}
