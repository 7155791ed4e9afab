/** A model on the user's own machines, asked over HTTP. It costs nothing, is slow, and answers one question at a time. */
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import type { LocalFailure } from '../../domain/model-failures.ts';
import { createSemaphore, type Permit } from '../../lib/limit.ts';
import type { LocalPort, ModelAnswer, ModelRequest } from '../../pipeline/ports/model.ts';
import { ANSWER_SCHEMA, readAnswer } from '../question/answer.ts';
import type { PromptBudget } from '../question/budget.ts';
import { type Prompt, renderPrompt } from '../question/prompt.ts';
import { failureOfStatus, type LocalApi, NO_TOKENS, type RawAnswer, withoutThinking } from './api.ts';
import { ollama } from './ollama.ts';
import { openai } from './openai.ts';
import { parseJson, request, type ServerOptions } from './transport.ts';

/** The values of LOCAL_MODEL_API. */
export const LOCAL_APIS = { ollama, openai } as const satisfies Record<string, LocalApi>;

export interface LocalOptions extends ServerOptions {
  readonly api: keyof typeof LOCAL_APIS;
  readonly model: string;
  /** For the answer to one question, and for its turn. */
  readonly timeoutMs: number;
  /** How long a server that loads the model is asked again. Default: 30 s. */
  readonly loadingMs?: number;
  now(): number;
}

/**
 * With all other parts and the system prompt at most 6,500 tokens of three characters, so that the answer fits into
 * CONTEXT_TOKENS too. Small models lose track of more, and reading takes a CPU most of the time.
 */
export const LOCAL_BUDGET: PromptBudget = {
  log: 5_000,
  evidence: 2_000,
  healthCheck: 300,
  surroundings: { ofOne: 1_200, ofGroup: 2_000 },
};

/** More would wait longer than an alert may. They get the next tier's answer instead. */
const MAX_WAITING = 4;
const LOADING_MS = 30_000;
const LOADING_POLL_MS = 1_000;

const SCHEMA = z.toJSONSchema(ANSWER_SCHEMA.required(), { target: 'draft-7' });

export function createLocalModel(options: LocalOptions): LocalPort {
  const { model, timeoutMs, now } = options;
  const api = LOCAL_APIS[options.api];
  const acquire = createSemaphore(1);
  let waiting = 0;

  const failed = (reason: LocalFailure, requests: readonly ModelRequest<LocalFailure>[]) =>
    ({ kind: 'failed', reason, requests }) as const;

  /** Undefined if it takes too long. */
  const takeTurn = async (signal: AbortSignal): Promise<Permit | undefined> => {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const turn = acquire();
    waiting += 1;
    const permit = await Promise.race([turn, aborted(patience)]);
    waiting -= 1;
    if (permit === undefined) void turn.then((late) => late.release());
    return permit;
  };

  const askOnce = async (body: object, deadline: AbortSignal): Promise<RawAnswer> => {
    const response = await request(api.chatUrl(options.url), options, body, deadline);
    if (response.kind === 'failed') return { ...response, tokens: NO_TOKENS };
    if (response.status === 200) return api.read(response.body);
    const reason = failureOfStatus(response.status, response.body, parseJson(response.body));
    return { kind: 'failed', reason, tokens: NO_TOKENS };
  };

  const askInTurn = async (prompt: Prompt, signal: AbortSignal): Promise<ModelAnswer<LocalFailure>> => {
    const { system, user, references } = prompt;
    const body = api.body({ model, system, user, schema: SCHEMA });
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const requests: ModelRequest<LocalFailure>[] = [];
    const startedAt = performance.now();
    for (;;) {
      const at = now();
      const sentAt = performance.now();
      const raw = await askOnce(body, deadline);
      const answer = raw.kind === 'text' ? assess(raw.text, references) : raw;
      const outcome = 'reason' in answer ? answer.reason : 'ok';
      requests.push({ at, model, outcome, tokens: raw.tokens, durationMs: performance.now() - sentAt });
      if (!('reason' in answer)) return { kind: 'answered', model, requests, question: user, ...answer };
      const isLoading =
        answer.reason === 'loading' && performance.now() - startedAt < (options.loadingMs ?? LOADING_MS);
      if (!isLoading || deadline.aborted) return failed(answer.reason, requests);
      await pause(LOADING_POLL_MS, undefined, { signal: deadline }).catch(() => undefined);
    }
  };

  return {
    async ask(context, _strength, signal) {
      signal.throwIfAborted();
      if (waiting >= MAX_WAITING) return failed('busy', []);
      const permit = await takeTurn(signal);
      try {
        signal.throwIfAborted();
        if (permit === undefined) return failed('busy', []);
        const prompt = renderPrompt(context, randomBytes(16).toString('hex'), LOCAL_BUDGET);
        const answer = await askInTurn(prompt, signal);
        if (answer.kind === 'failed') signal.throwIfAborted();
        return answer;
      } finally {
        permit?.release();
      }
    },
  };
}

function assess(text: string, references: Prompt['references']) {
  const rest = withoutThinking(text);
  if (rest === '') return { reason: 'empty' } as const;
  // First as it is: an answer may quote the end of a thinking block.
  return readAnswer(text, references) ?? readAnswer(rest, references) ?? ({ reason: 'invalid' } as const);
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}
