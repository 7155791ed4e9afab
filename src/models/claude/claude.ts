import { randomBytes } from 'node:crypto';
import Anthropic from '@anthropic-ai/sdk';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import type { ClaudeFailure } from '../../domain/diagnosis.ts';
import type { AnthropicRateLimit } from '../../pipeline/observer.ts';
import type { ClaudeAnswer, ClaudePort, TokenUsage } from '../../pipeline/ports/model.ts';
import { ANSWER_SCHEMA, parseAnswer, usageOf } from './answer.ts';
import { connect } from './connection.ts';
import { outcomeOf, type SentRequest } from './fetch.ts';
import { costUsd } from './prices.ts';
import { renderPrompt } from './prompt.ts';

export interface ClaudeOptions {
  readonly apiKey: string;
  /** Default: Anthropic's. */
  readonly baseURL?: string;
  /** The first model asked. */
  readonly model: string;
  /** Asked if the first is unsure or its advice did not help. */
  readonly strongModel: string;
  /** Timeout of a question including its retries. Default: 90 s. */
  readonly timeoutMs?: number;
  /** Called for each response that contains rate limits. */
  onRateLimits?(rateLimits: readonly AnthropicRateLimit[]): void;
  now(): number;
}

/** Includes thinking. An answer takes about 500 tokens, so only a runaway answer reaches this limit. */
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

      const sent: SentRequest[] = [];
      // The SDK's own timeout is per request, and set to expire later than this one.
      const deadline = AbortSignal.timeout(timeoutMs);
      let body: unknown;
      let failure: ClaudeFailure | undefined;
      try {
        const { data } = await connect({ ...options, requests: sent, timeoutMs: timeoutMs * 2 })
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
      const requests = sent.map((request, index): ClaudeAnswer['requests'][number] => {
        const last = index === sent.length - 1;
        // The usage is only known if the response was read to its end.
        const tokens = last && failure === undefined ? usageOf(body) : NO_TOKENS;
        const outcome = parsed.kind === 'answered' ? 'ok' : parsed.kind;
        return {
          at: request.at,
          durationMs: (request.endedAt ?? options.now()) - request.at,
          model,
          outcome: request.outcome ?? (last ? outcome : 'error'),
          tokens,
          costUsd: costUsd(model, tokens),
        };
      });
      // An answer that has arrived is paid for, so it is returned even if the signal has just aborted.
      if (failure !== undefined) signal.throwIfAborted();
      const asked = { requests, ...(sent.length > 0 && { question: prompt.user }) };
      if (parsed.kind === 'answered') return { ...parsed, model, ...asked };
      return { kind: 'failed', reason: sent.at(-1)?.outcome ?? parsed.kind, ...asked };
    },
  };
}

function failureOf(error: unknown, outOfTime: boolean): ClaudeFailure {
  if (error instanceof Anthropic.APIConnectionTimeoutError) return 'timeout';
  if (error instanceof Anthropic.APIError && error.status !== undefined) {
    return outcomeOf(error.status);
  }
  if (outOfTime) return 'timeout';
  // A SyntaxError: the body is too long, or is not JSON although its header says so.
  return error instanceof SyntaxError ? 'invalid' : 'error';
}
