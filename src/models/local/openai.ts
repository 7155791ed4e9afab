/** The API that llama.cpp, vLLM, LM Studio, Docker Model Runner and others have in common. */
import { z } from 'zod';
import { failureOfStatus, type LocalApi, MAX_ANSWER_TOKENS, NO_TOKENS, type RawAnswer, tokens } from './api.ts';
import { baseOf, parseJson } from './transport.ts';

const COUNT = z.number().int().min(0).catch(0);
const CONTENT = z
  .union([
    z.string(),
    z.array(z.object({ text: z.string().catch('') })).transform((all) => all.map((one) => one.text).join('')),
  ])
  .nullish()
  .transform((content) => content ?? '');
const USAGE = z.object({ prompt_tokens: COUNT, completion_tokens: COUNT }).nullish().catch(undefined);

const COMPLETION = z.object({
  choices: z.array(z.object({ message: z.object({ content: CONTENT }), finish_reason: z.string().nullish() })).min(1),
  usage: USAGE,
});
/** One event of a streamed response. The last one may have usage and no choice. */
const CHUNK = z.object({
  choices: z.array(z.object({ delta: z.object({ content: CONTENT }).optional(), finish_reason: z.string().nullish() })),
  usage: USAGE,
});
const MODELS = z.object({ data: z.array(z.object({ id: z.string() })) });

const ENDS = /\/(?:chat\/completions|models)$/;

/** `…/v1`, whether or not the user wrote it. */
function rootOf(url: string): string {
  const base = baseOf(url, ENDS);
  return /\/v\d+$/.test(base) ? base : `${base}/v1`;
}

export const openai: LocalApi = {
  provider: 'openai_compatible',
  chatUrl: (url) => `${rootOf(url)}/chat/completions`,
  modelsUrl: (url) => `${rootOf(url)}/models`,

  body: ({ model, system, user, schema }) => ({
    model,
    messages: [
      { role: 'system', content: system },
      { role: 'user', content: user },
    ],
    stream: false,
    temperature: 0,
    max_tokens: MAX_ANSWER_TOKENS,
    response_format: { type: 'json_schema', json_schema: { name: 'diagnosis', strict: true, schema } },
  }),

  read(body) {
    if (/^\s*(?:data|event|id|retry)?:/.test(body)) return readEvents(body);
    const value = parseJson(body);
    const completion = COMPLETION.safeParse(value).data;
    const choice = completion?.choices[0];
    if (choice === undefined) return { kind: 'failed', reason: reasonOf(value, body), tokens: NO_TOKENS };
    const used = tokens(completion?.usage?.prompt_tokens ?? 0, completion?.usage?.completion_tokens ?? 0);
    return choice.finish_reason === 'length'
      ? { kind: 'failed', reason: 'truncated', tokens: used }
      : { kind: 'text', text: choice.message.content, tokens: used };
  },

  models: (body) => MODELS.safeParse(parseJson(body)).data?.data.map(({ id }) => id),
  isModel: (listed, wanted) => listed === wanted || listed === `${wanted}:latest`,
};

function readEvents(body: string): RawAnswer {
  let text = '';
  let used = NO_TOKENS;
  let finished: string | undefined;
  for (const line of body.split(/\r\n|\n|\r/)) {
    const data = /^data: ?(.*)$/.exec(line)?.[1]?.trim();
    if (data === undefined || data === '' || data === '[DONE]') continue;
    const value = parseJson(data);
    const chunk = CHUNK.safeParse(value).data;
    if (chunk === undefined) {
      const reason = value === undefined ? 'truncated' : reasonOf(value, data);
      return { kind: 'failed', reason, tokens: used };
    }
    if (chunk.usage) used = tokens(chunk.usage.prompt_tokens, chunk.usage.completion_tokens);
    text += chunk.choices[0]?.delta?.content ?? '';
    finished = chunk.choices[0]?.finish_reason ?? finished;
  }
  const cut = finished === undefined || finished === 'length';
  return cut ? { kind: 'failed', reason: 'truncated', tokens: used } : { kind: 'text', text, tokens: used };
}

function reasonOf(
  value: unknown,
  body: string,
): 'truncated' | 'empty' | 'wrong_url' | ReturnType<typeof failureOfStatus> {
  if (typeof value === 'object' && value !== null && 'error' in value) return failureOfStatus(500, '', value);
  if (body.trim() === '') return 'empty';
  return value === undefined && body.trimStart().startsWith('{') ? 'truncated' : 'wrong_url';
}
