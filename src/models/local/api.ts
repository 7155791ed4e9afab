/** What the two APIs of local models have in common. */
import { z } from 'zod';
import type { LocalFailure } from '../../domain/model-failures.ts';
import type { TokenUsage } from '../../pipeline/ports/model.ts';

export interface Question {
  readonly model: string;
  readonly system: string;
  readonly user: string;
  /** The JSON schema of the answer. */
  readonly schema: object;
}

/** The text of an answer, complete or not. */
export type RawAnswer =
  | { readonly kind: 'text'; readonly text: string; readonly tokens: TokenUsage }
  | { readonly kind: 'failed'; readonly reason: LocalFailure; readonly tokens: TokenUsage };

export interface LocalApi {
  /** For `gen_ai.provider.name`. */
  readonly provider: string;
  chatUrl(url: string): string;
  body(question: Question): object;
  /** Reads a response with status 200, whether or not it was streamed. */
  read(body: string): RawAnswer;
  /** The page that lists the models. */
  modelsUrl(url: string): string;
  /** The names of the models; undefined if the page is not such a list. */
  models(body: string): readonly string[] | undefined;
  /** Whether a listed name is the model that was set. */
  isModel(listed: string, wanted: string): boolean;
}

/** Tokens of the prompt and the answer: system prompt, LOCAL_BUDGET and MAX_ANSWER_TOKENS. */
export const CONTEXT_TOKENS = 8192;
/** An answer takes about 500. A model that thinks first needs the rest. */
export const MAX_ANSWER_TOKENS = 1536;

export const NO_TOKENS: TokenUsage = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };

export function tokens(input: number, output: number): TokenUsage {
  return { ...NO_TOKENS, input, output };
}

const ERROR = z.object({
  error: z.union([
    z.string(),
    z.object({
      message: z.string().catch(''),
      type: z.string().nullish(),
      code: z.union([z.string(), z.number()]).nullish(),
    }),
  ]),
});

/** Why the server refused, from its status and body. Servers differ, but they name the model if it is missing. */
export function failureOfStatus(status: number, body: string, parsed: unknown): LocalFailure {
  const error = ERROR.safeParse(parsed).data?.error;
  const text = (typeof error === 'string' ? error : `${error?.message} ${error?.type} ${error?.code}`).toLowerCase();
  if (status < 400) return 'wrong_url';
  if (status === 401 || status === 403) return 'wrong_key';
  if (status === 429) return 'busy';
  if (status === 408 || status === 504) return 'timeout';
  if (/more system memory|out of memory|cudamalloc failed|insufficient memory/.test(text)) return 'out_of_memory';
  if (error !== undefined && isAboutMissingModel(status, text)) return 'model_missing';
  if (status === 503)
    return /busy|pending|queue/.test(text) ? 'busy' : /load|unavailable/.test(text) ? 'loading' : 'error';
  if (status === 404 || status === 405 || status === 501 || /^\s*</.test(body))
    return status >= 500 ? 'error' : 'wrong_url';
  if (status >= 500) return 'error';
  return /context (?:size|length|window)|exceed_context|too long|maximum context/.test(text) ? 'too_long' : 'rejected';
}

function isAboutMissingModel(status: number, text: string): boolean {
  if (!text.includes('model')) return false;
  return (
    status === 404 || /not found|not exist|no model|unknown model|not loaded|failed to load|no such model/.test(text)
  );
}

/**
 * Without the thinking of a model whose server leaves it in the text. Some templates open the block themselves, so that
 * the text has only its end.
 */
export function withoutThinking(text: string): string {
  const end = /<\/think(?:ing)?>/i.exec(text);
  const rest = end === null ? text : text.slice(end.index + end[0].length);
  return /^\s*<think(?:ing)?>/i.test(rest) ? '' : rest.trim();
}
