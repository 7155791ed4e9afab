import Anthropic from '@anthropic-ai/sdk';
import { createFetch, type FetchOptions } from './fetch.ts';

export const DEFAULT_BASE_URL = 'https://api.anthropic.com';
const RETRIES = 2;

/**
 * Creates a client for one question. The SDK uses nothing from the environment: base URL, credentials and log level are
 * set here, and `createFetch` drops headers that the SDK adds. `timeoutMs`: for the headers of each response.
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
    // The API does not receive our trace context, and the SDK's spans contain no prompts or answers.
    openTelemetry: { propagation: false, traces: { enabled: true, contentMode: 'metadata_only' } },
    fetch: createFetch(options),
  });
}
