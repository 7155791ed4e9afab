import { randomBytes } from 'node:crypto';
import Anthropic from '@anthropic-ai/sdk';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import type { ClaudeFailure } from '../../domain.ts';
import type { Headroom } from '../../pipeline/observer.ts';
import type { ClaudePort, ClaudeRequest, TokenUsage } from '../../pipeline/ports.ts';
import { ANSWER_SCHEMA, parseAnswer, usageOf } from './answer.ts';
import { connect } from './connection.ts';
import { costUsd, type ModelPrice } from './prices.ts';
import { renderPrompt } from './prompt.ts';
import { outcomeOf, type Try } from './tries.ts';

export const DEFAULT_MODEL = 'claude-haiku-5-5';
export const DEFAULT_STRONG_MODEL = 'claude-sonnet-5-5';

/** One try at the API: what the ledger keeps, without whom it was for. */
export type ClaudeTry = Omit<ClaudeRequest, 'incidentId' | 'containerName'>;

export interface ClaudeOptions {
  readonly apiKey: string;
  /** Default: Anthropic's. */
  readonly baseURL?: string;
  /** The first model asked. */
  readonly model: string;
  /** Asked where the first is unsure or its advice did not help. */
  readonly strongModel: string;
  /** For a whole question, its retries included; default 90 s. */
  readonly timeoutMs?: number;
  /** Win over the built-in table. */
  readonly prices?: readonly ModelPrice[];
  /** Called once for each try, when its outcome is known. */
  onRequest?(request: ClaudeTry): void;
  /** Called for each response that states them. */
  onHeadroom?(headroom: readonly Headroom[]): void;
  now(): number;
}

/**
 * Thinking counts toward it; the answer itself is some 500 tokens. Reached only by an answer that has gone
 * astray.
 */
const MAX_TOKENS = 8192;
const NO_TOKENS: TokenUsage = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };

export function createClaude(options: ClaudeOptions): ClaudePort {
  const format = zodOutputFormat(ANSWER_SCHEMA);
  const timeoutMs = options.timeoutMs ?? 90_000;

  return {
    async ask(context, strength, signal) {
      signal.throwIfAborted();
      const model = strength === 'strong' ? options.strongModel : options.model;
      const prompt = renderPrompt(context, randomBytes(16).toString('hex'));

      const tries: Try[] = [];
      // The only clock that counts; the SDK's own, for each try, is set to ring later.
      const deadline = AbortSignal.timeout(timeoutMs);
      let body: unknown;
      let failure: ClaudeFailure | undefined;
      try {
        const { data } = await connect({ ...options, tries, timeoutMs: timeoutMs * 2 })
          .messages.create(
            {
              model,
              max_tokens: MAX_TOKENS,
              system: prompt.system,
              messages: [{ role: 'user', content: prompt.user }],
              output_config: { effort: 'low', format: { type: format.type, schema: format.schema } },
            },
            { signal: AbortSignal.any([signal, deadline]) },
          )
          .withResponse();
        body = data;
      } catch (error) {
        failure = failureOf(error, deadline.aborted || signal.aborted);
      }

      const parsed = failure === undefined ? parseAnswer(body) : { kind: failure };
      const requests = tries.map((tried, index): ClaudeTry => {
        const last = index === tries.length - 1;
        // Only an answer that was read to its end states what it cost.
        const tokens = last && failure === undefined ? usageOf(body) : NO_TOKENS;
        const outcome = parsed.kind === 'answered' ? 'ok' : parsed.kind;
        return {
          at: tried.at,
          durationMs: (tried.endedAt ?? options.now()) - tried.at,
          model,
          outcome: tried.outcome ?? (last ? outcome : 'error'),
          tokens,
          costUsd: costUsd(model, tokens, options.prices),
        };
      });
      for (const request of requests) options.onRequest?.(request);
      // An answer that arrived is paid for: it is given, even if the caller has just stopped waiting.
      if (failure !== undefined) signal.throwIfAborted();
      if (parsed.kind === 'answered') return { ...parsed, model, requests };
      return { kind: 'failed', reason: tries.at(-1)?.outcome ?? parsed.kind, requests };
    },
  };
}

function failureOf(error: unknown, outOfTime: boolean): ClaudeFailure {
  if (error instanceof Anthropic.APIConnectionTimeoutError) return 'timeout';
  if (error instanceof Anthropic.APIError && error.status !== undefined) {
    return outcomeOf(error.status);
  }
  if (outOfTime) return 'timeout';
  // A body that is no JSON although its header says so, or that never ends.
  return error instanceof SyntaxError ? 'invalid' : 'error';
}
