/**
 * A stand-in for the server of a local model, which speaks Ollama's API (`/api/chat`, `/api/tags`) and the
 * OpenAI-compatible one (`/v1/chat/completions`, `/v1/models`).
 *
 * ```ts
 * const server = await startLocalModelServer();                // answers `says(ANSWER)` to everything
 * server.reply([httpError(503, …), says(…)]);                  // the next requests; then the default again
 * server.reply((prompt) => says(…));                           // from now on
 * server.requests                                              // what arrived
 * ```
 */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { DEFAULT_ASSESSMENT } from './claude-server.ts';
import { type HttpStandIn, readBody, startHttpStandIn } from './http-stand-in.ts';

export type LocalBehaviour =
  /** `text`: what the model writes. `streamed`: in parts, whatever the request asks for. */
  | {
      readonly kind: 'say';
      readonly text: string;
      readonly streamed?: boolean;
      /** Thinking that the server separates from the text. */
      readonly thinking?: string;
      /** `length`: cut at the most tokens. `broken`: the connection ends in the middle. */
      readonly end?: 'stop' | 'length' | 'broken';
      readonly delayMs?: number;
      readonly after?: Promise<unknown>;
    }
  | { readonly kind: 'error'; readonly status: number; readonly body: string; readonly type?: string }
  | { readonly kind: 'hang' };

interface LocalRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Record<string, unknown>;
  readonly prompt: string;
}

type LocalReply = (prompt: string) => LocalBehaviour;

export interface LocalModelServer extends HttpStandIn {
  readonly requests: readonly LocalRequest[];
  /** The most questions that it was answering at the same time. */
  readonly mostAtOnce: () => number;
  reply(next: LocalReply | readonly LocalBehaviour[]): void;
}

export const LOCAL_MODEL = 'qwen3:4b';

/** A complete answer as JSON; `over` replaces fields. */
export function localAnswer(over: object = {}): string {
  return JSON.stringify({ ...DEFAULT_ASSESSMENT, evidence: ['L1'], confidence: 'high', ...over });
}

export function says(
  text: string = localAnswer(),
  options: Partial<LocalBehaviour & { kind: 'say' }> = {},
): LocalBehaviour {
  return { ...options, kind: 'say', text };
}

/** The errors that the servers send, word for word. */
export const SERVER_ERRORS = {
  ollamaNoModel: { kind: 'error', status: 404, body: '{"error":"model \'qwen3:4b\' not found"}' },
  ollamaMemory: {
    kind: 'error',
    status: 500,
    body: '{"error":"model requires more system memory (5.6 GiB) than is available (2.1 GiB)"}',
  },
  ollamaBusy: {
    kind: 'error',
    status: 503,
    body: '{"error":"server busy, please try again.  maximum pending requests exceeded"}',
  },
  openaiNoModel: {
    kind: 'error',
    status: 404,
    body: '{"object":"error","message":"The model `qwen3:4b` does not exist.","type":"NotFoundError","param":null,"code":404,"error":{"message":"The model `qwen3:4b` does not exist.","type":"NotFoundError","param":null,"code":404}}',
  },
  llamaLoading: {
    kind: 'error',
    status: 503,
    body: '{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}',
  },
  llamaContext: {
    kind: 'error',
    status: 400,
    body: '{"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","type":"exceed_context_size_error","n_prompt_tokens":9000,"n_ctx":4096}}',
  },
  unauthorized: {
    kind: 'error',
    status: 401,
    body: '{"error":{"message":"Invalid API Key","type":"authentication_error","code":401}}',
  },
  notFound: { kind: 'error', status: 404, body: '404 page not found', type: 'text/plain' },
  page: { kind: 'error', status: 200, body: '<!doctype html><title>Log in</title>', type: 'text/html' },
  fault: { kind: 'error', status: 500, body: '{"error":"llama runner process has terminated: exit status 2"}' },
} as const satisfies Record<string, LocalBehaviour>;

export async function startLocalModelServer(defaultReply: LocalReply = () => says()): Promise<LocalModelServer> {
  const requests: LocalRequest[] = [];
  let byDefault = defaultReply;
  let queue: LocalBehaviour[] = [];
  let now = 0;
  let most = 0;

  const server = await startHttpStandIn(async (request, response) => {
    const path = request.url ?? '/';
    const text = await readBody(request).catch(() => '');
    if (request.method === 'GET' && path === '/api/tags') {
      sendJson(response, 200, { models: [{ name: LOCAL_MODEL, model: LOCAL_MODEL, size: 2_600_000_000 }] });
    } else if (request.method === 'GET' && path === '/v1/models') {
      sendJson(response, 200, { object: 'list', data: [{ id: LOCAL_MODEL, object: 'model' }] });
    } else if (request.method === 'POST' && (path === '/api/chat' || path === '/v1/chat/completions')) {
      const body = JSON.parse(text) as Record<string, unknown>;
      const prompt = (body.messages as { content: string }[]).map(({ content }) => content).join('\n');
      requests.push({ path, headers: request.headers, body, prompt });
      now += 1;
      most = Math.max(most, now);
      response.on('close', () => {
        now -= 1;
      });
      await perform(queue.shift() ?? byDefault(prompt), path === '/api/chat' ? ollama : openai, response);
    } else {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found');
    }
  });

  return {
    ...server,
    requests,
    mostAtOnce: () => most,
    reply(next) {
      if (typeof next === 'function') byDefault = next;
      else queue = [...next];
    },
  };
}

type Say = Extract<LocalBehaviour, { kind: 'say' }>;

interface Wire {
  whole(say: Say): object;
  readonly streamType: string;
  /** Parts of a streamed response, the end last. */
  parts(say: Say): readonly string[];
}

async function perform(behaviour: LocalBehaviour, wire: Wire, response: ServerResponse): Promise<void> {
  if (behaviour.kind === 'hang') return;
  if (behaviour.kind === 'error') {
    response.writeHead(behaviour.status, { 'content-type': behaviour.type ?? 'application/json' }).end(behaviour.body);
    return;
  }
  if (behaviour.after !== undefined) await behaviour.after;
  if (behaviour.delayMs !== undefined) await new Promise((done) => setTimeout(done, behaviour.delayMs).unref());
  if (!behaviour.streamed) {
    const text = JSON.stringify(wire.whole(behaviour));
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    if (behaviour.end === 'broken') response.write(text.slice(0, text.length / 2), () => response.destroy());
    else response.end(text);
    return;
  }
  const parts = wire.parts(behaviour);
  response.writeHead(200, { 'content-type': wire.streamType });
  const sent = behaviour.end === 'broken' ? parts.slice(0, 2) : parts;
  for (const part of sent) response.write(part);
  response.end();
}

/** Pieces of a few characters, as tokens arrive. */
const pieces = (text: string): readonly string[] => text.match(/[\s\S]{1,7}/g) ?? [];

const ollama: Wire = {
  streamType: 'application/x-ndjson',
  whole: (say) => ({ ...ollamaPart(say.text, say.thinking), ...ollamaEnd(say) }),
  parts: (say) => [
    ...pieces(say.thinking ?? '').map((piece) => `${JSON.stringify({ ...ollamaPart('', piece), done: false })}\n`),
    ...pieces(say.text).map((piece) => `${JSON.stringify({ ...ollamaPart(piece), done: false })}\n`),
    `${JSON.stringify({ ...ollamaPart(''), ...ollamaEnd(say) })}\n`,
  ],
};

function ollamaPart(content: string, thinking?: string) {
  const message = { role: 'assistant', content, ...(thinking === undefined ? {} : { thinking }) };
  return { model: LOCAL_MODEL, created_at: '2026-11-25T12:00:00.000Z', message };
}

function ollamaEnd({ end = 'stop' }: Say) {
  return { done: true, done_reason: end, total_duration: 9e9, prompt_eval_count: 1800, eval_count: 210 };
}

const openai: Wire = {
  streamType: 'text/event-stream',
  whole: ({ text, thinking, end = 'stop' }) => ({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    model: LOCAL_MODEL,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: text,
          ...(thinking === undefined ? {} : { reasoning_content: thinking }),
        },
        finish_reason: end,
      },
    ],
    usage: { prompt_tokens: 1800, completion_tokens: 210, total_tokens: 2010 },
  }),
  parts: ({ text, thinking, end = 'stop' }) => [
    openaiEvent({ role: 'assistant', content: null }),
    ...pieces(thinking ?? '').map((piece) => openaiEvent({ reasoning_content: piece })),
    ...pieces(text).map((piece) => openaiEvent({ content: piece })),
    openaiEvent({}, end),
    'data: {"object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":1800,"completion_tokens":210}}\n\n',
    'data: [DONE]\n\n',
  ],
};

function openaiEvent(delta: object, finish: string | null = null): string {
  const choices = [{ index: 0, delta, finish_reason: finish }];
  return `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', model: LOCAL_MODEL, choices })}\n\n`;
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
