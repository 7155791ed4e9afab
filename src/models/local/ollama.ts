/** Ollama's own API. The OpenAI-compatible one that it has too cannot set the context size. */
import { z } from 'zod';
import { CONTEXT_TOKENS, failureOfStatus, type LocalApi, MAX_ANSWER_TOKENS, NO_TOKENS, tokens } from './api.ts';
import { baseOf, parseJson } from './transport.ts';

const COUNT = z.number().int().min(0).catch(0);

/** A response, or one line of a streamed one. */
const PART = z.object({
  message: z.object({ content: z.string().catch('') }),
  done: z.boolean(),
  done_reason: z.string().nullish(),
  prompt_eval_count: COUNT,
  eval_count: COUNT,
});

const TAGS = z.object({ models: z.array(z.object({ name: z.string() })) });

const ENDS = /\/(?:api(?:\/(?:chat|generate|tags))?|v1(?:\/chat\/completions)?)$/;

export const ollama: LocalApi = {
  provider: 'ollama',
  chatUrl: (url) => `${baseOf(url, ENDS)}/api/chat`,
  modelsUrl: (url) => `${baseOf(url, ENDS)}/api/tags`,

  body: ({ model, system, user, schema }) => ({
    model,
    messages: [
      { role: 'system', content: system },
      { role: 'user', content: user },
    ],
    stream: false,
    format: schema,
    // Time is short, and the schema asks for the conclusion only.
    think: false,
    // Without num_ctx, Ollama cuts long questions without saying so.
    options: { temperature: 0, num_ctx: CONTEXT_TOKENS, num_predict: MAX_ANSWER_TOKENS },
  }),

  read(body) {
    const whole = parseJson(body);
    const lines = whole === undefined ? body.split('\n').filter((line) => line.trim() !== '') : [];
    const values = whole === undefined ? lines.map(parseJson) : [whole];
    let text = '';
    for (const [index, value] of values.entries()) {
      const part = PART.safeParse(value).data;
      if (part === undefined) {
        if (typeof value === 'object' && value !== null && 'error' in value) {
          return { kind: 'failed', reason: failureOfStatus(500, '', value), tokens: NO_TOKENS };
        }
        // A line that ends in the middle is the last one of a stream that broke off.
        const brokeOff = value === undefined && index > 0 && index === values.length - 1;
        return { kind: 'failed', reason: brokeOff ? 'truncated' : notOllama(body), tokens: NO_TOKENS };
      }
      text += part.message.content;
      if (!part.done) continue;
      const used = tokens(part.prompt_eval_count, part.eval_count);
      if (part.done_reason === 'length') return { kind: 'failed', reason: 'truncated', tokens: used };
      if (part.done_reason === 'load') return { kind: 'failed', reason: 'loading', tokens: used };
      return { kind: 'text', text, tokens: used };
    }
    return { kind: 'failed', reason: values.length === 0 ? 'empty' : 'truncated', tokens: NO_TOKENS };
  },

  models: (body) => TAGS.safeParse(parseJson(body)).data?.models.map(({ name }) => name),
  isModel: (listed, wanted) => listed === wanted || listed === `${wanted}:latest`,
};

/** JSON of another shape comes from another service; a broken one may come from anywhere. */
function notOllama(body: string): 'wrong_url' | 'truncated' {
  return /^\s*\{\s*"model"/.test(body) ? 'truncated' : 'wrong_url';
}
