/**
 * A stand-in for the Claude API over HTTP, for the real SDK.
 *
 * ```ts
 * const claude = await startClaudeServer();                    // answers `answer()` to everything
 * const claude = await startClaudeServer((prompt) =>           // chooses by the prompt
 *   prompt.includes('No space left') ? answer({ severity: 'high', auto_restart_safe: false }) : answer());
 * claude.reply([status(529), answer()]);                       // the next two requests; then the default again
 * claude.reply((prompt) => hang());                            // from now on
 * claude.requests                                              // what arrived: body, headers, at, prompt
 * await claude.close();
 * ```
 */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { type HttpStandIn, readBody, startHttpStandIn } from './http-stand-in.ts';

/** The assessment as JSON, as the API sends it. */
interface WireAssessment {
  readonly root_cause: string;
  readonly severity: string;
  readonly suggested_fix: string;
  readonly auto_restart_safe: boolean;
  readonly config_suggestions: readonly string[];
  readonly likely_recurring: boolean;
  readonly estimated_impact: string;
  readonly evidence?: readonly unknown[];
  readonly confidence?: string;
}

interface WireUsage {
  readonly input_tokens?: number;
  readonly output_tokens?: number;
  readonly cache_read_input_tokens?: number | null;
  readonly cache_creation_input_tokens?: number | null;
}

interface MessageOptions {
  readonly usage?: WireUsage;
  readonly stopReason?: string;
  /** Begin with a thinking block. */
  readonly thinking?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the server does with one request. Created by the functions below. */
export type ClaudeBehaviour =
  | {
      readonly kind: 'respond';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
      readonly delayMs?: number;
      readonly after?: Promise<unknown>;
      /** Send the head and this much of the body, then go silent. */
      readonly stallAfterBytes?: number;
    }
  | { readonly kind: 'hang' }
  | { readonly kind: 'drop' };

interface ClaudeServerRequest {
  /** The parsed body of POST /v1/messages; `undefined` for the models endpoint. */
  readonly body: Record<string, unknown> | undefined;
  /** System prompt and user messages as one text. */
  readonly prompt: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Epoch ms. */
  readonly at: number;
}

export type ClaudeReply = (prompt: string, request: ClaudeServerRequest) => ClaudeBehaviour;

export interface ClaudeServer extends HttpStandIn {
  /** Requests for messages, oldest first. Requests for models are in `modelLookups`. */
  readonly requests: readonly ClaudeServerRequest[];
  readonly modelLookups: readonly ClaudeServerRequest[];
  /** A list is used for the next requests, before the default. A function becomes the default. */
  reply(next: ClaudeReply | readonly ClaudeBehaviour[]): void;
  /** Responds to GET /v1/models/{id} from now on. Default: every model exists. */
  replyToModelLookup(behaviour: ClaudeBehaviour): void;
}

const RATE_LIMIT_HEADERS = {
  'anthropic-ratelimit-requests-limit': '4000',
  'anthropic-ratelimit-requests-remaining': '3999',
  'anthropic-ratelimit-requests-reset': '2026-11-23T12:01:00Z',
  'anthropic-ratelimit-input-tokens-limit': '400000',
  'anthropic-ratelimit-input-tokens-remaining': '398000',
  'anthropic-ratelimit-input-tokens-reset': '2026-11-23T12:01:00Z',
  'anthropic-ratelimit-output-tokens-limit': '80000',
  'anthropic-ratelimit-output-tokens-remaining': '80000',
  'anthropic-ratelimit-output-tokens-reset': '2026-11-23T12:01:00Z',
};

export const DEFAULT_ASSESSMENT: WireAssessment = {
  root_cause: 'The connection pool is exhausted.',
  severity: 'medium',
  suggested_fix: 'Raise the pool size and close connections that are not used.',
  auto_restart_safe: false,
  config_suggestions: ['DB_POOL_SIZE=20'],
  likely_recurring: false,
  estimated_impact: 'Some requests fail.',
  // The first fact, which every question has.
  evidence: ['F1'],
};

/** A well-formed answer; `DEFAULT_ASSESSMENT` fills in missing fields. */
export function answer(assessment: Partial<WireAssessment> = {}, options: MessageOptions = {}): ClaudeBehaviour {
  return message(JSON.stringify({ ...DEFAULT_ASSESSMENT, ...assessment }), options);
}

/** A well-formed message with any text. */
export function nonsense(text = 'I would say: it depends.', options: MessageOptions = {}): ClaudeBehaviour {
  return message(text, options);
}

/** An answer that ends in the middle of its JSON. */
export function truncated(options: MessageOptions = {}): ClaudeBehaviour {
  return message('{"root_cause": "The conn', { stopReason: 'max_tokens', ...options });
}

export function refusal(options: MessageOptions = {}): ClaudeBehaviour {
  return message('', { stopReason: 'refusal', ...options });
}

/** The API's own types and messages. */
const ERRORS: Readonly<Record<number, { readonly type: string; readonly message: string }>> = {
  400: { type: 'invalid_request_error', message: 'messages: at least one message is required' },
  401: { type: 'authentication_error', message: 'invalid x-api-key' },
  402: { type: 'billing_error', message: 'There is a problem with your billing or payment information' },
  403: { type: 'permission_error', message: 'Your API key does not have permission to use the specified resource' },
  404: { type: 'not_found_error', message: 'model: claude-stand-in' },
  413: { type: 'request_too_large', message: 'Request exceeds the maximum size' },
  429: { type: 'rate_limit_error', message: 'Number of request tokens has exceeded your per-minute rate limit' },
  529: { type: 'overloaded_error', message: 'Overloaded' },
};

/** An API error, such as 400, 401, 429, 500 or 529. */
export function status(code: number, headers: Readonly<Record<string, string>> = {}): ClaudeBehaviour {
  const { type, message } = ERRORS[code] ?? { type: 'api_error', message: `stand-in ${code}` };
  return apiError(code, type, message, headers);
}

/** An error in the API's form. */
export function apiError(
  code: number,
  type: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): ClaudeBehaviour {
  return respond(
    code,
    JSON.stringify({ type: 'error', error: { type, message }, request_id: 'req_stand_in' }),
    headers,
  );
}

/** A page of a captive portal or a proxy. */
export function html200(): ClaudeBehaviour {
  return {
    kind: 'respond',
    status: 200,
    headers: { 'content-type': 'text/html' },
    body: '<html><body>Please log in.</body></html>',
  };
}

export function delay(delayMs: number, behaviour: ClaudeBehaviour): ClaudeBehaviour {
  return behaviour.kind === 'respond' ? { ...behaviour, delayMs } : behaviour;
}

/** Answers when `until` has resolved. */
export function hold(until: Promise<unknown>, behaviour: ClaudeBehaviour): ClaudeBehaviour {
  return behaviour.kind === 'respond' ? { ...behaviour, after: until } : behaviour;
}

/** Receives the request and never responds. */
export function hang(): ClaudeBehaviour {
  return { kind: 'hang' };
}

/** Sends the head and the beginning of the body, then nothing. */
export function stall(): ClaudeBehaviour {
  return { ...(answer() as Extract<ClaudeBehaviour, { kind: 'respond' }>), stallAfterBytes: 40 };
}

/** Closes the connection without a response. */
export function drop(): ClaudeBehaviour {
  return { kind: 'drop' };
}

/** Any status, body and headers. Default: `content-type: application/json`. */
export function respond(
  code: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Extract<ClaudeBehaviour, { kind: 'respond' }> {
  return {
    kind: 'respond',
    status: code,
    headers: { 'content-type': 'application/json', ...RATE_LIMIT_HEADERS, ...headers },
    body,
  };
}

function message(text: string, options: MessageOptions): ClaudeBehaviour {
  const content = [
    ...(options.thinking ? [{ type: 'thinking', thinking: 'Let me look.', signature: 'sig' }] : []),
    ...(text === '' ? [] : [{ type: 'text', text, citations: null }]),
  ];
  const body = {
    id: 'msg_stand_in',
    type: 'message',
    role: 'assistant',
    model: 'claude-stand-in',
    content,
    stop_reason: options.stopReason ?? 'end_turn',
    stop_sequence: null,
    usage: {
      input_tokens: 1000,
      output_tokens: 200,
      cache_read_input_tokens: 0,
      cache_creation_input_tokens: 0,
      ...options.usage,
    },
  };
  return respond(200, JSON.stringify(body), options.headers);
}

export async function startClaudeServer(
  defaultReply: ClaudeReply = () => answer(),
  /** The time of the requests. */
  now: () => number = Date.now,
): Promise<ClaudeServer> {
  const requests: ClaudeServerRequest[] = [];
  const modelLookups: ClaudeServerRequest[] = [];
  let byDefault = defaultReply;
  let queue: ClaudeBehaviour[] = [];
  let lookup: ClaudeBehaviour | undefined;

  const server = await startHttpStandIn(async (request, response) => {
    const at = now();
    const text = await readBody(request).catch(() => '');
    const path = request.url ?? '/';
    const seen = { path, headers: request.headers, at };
    if (request.method === 'GET' && path.startsWith('/v1/models/')) {
      modelLookups.push({ ...seen, body: undefined, prompt: '' });
      const id = decodeURIComponent(path.slice('/v1/models/'.length).split('?')[0] ?? '');
      perform(lookup ?? respond(200, JSON.stringify({ type: 'model', id, display_name: id })), response);
    } else if (request.method === 'POST' && path.split('?')[0] === '/v1/messages') {
      const body = JSON.parse(text) as Record<string, unknown>;
      const entry = { ...seen, body, prompt: promptOf(body) };
      requests.push(entry);
      perform(queue.shift() ?? byDefault(entry.prompt, entry), response);
    } else {
      perform(status(404), response);
    }
  });

  return {
    ...server,
    requests,
    modelLookups,
    reply(next) {
      if (typeof next === 'function') byDefault = next;
      else queue = [...next];
    },
    replyToModelLookup(behaviour) {
      lookup = behaviour;
    },
  };
}

function perform(behaviour: ClaudeBehaviour, response: ServerResponse): void {
  if (behaviour.kind === 'hang') return;
  if (behaviour.kind === 'drop') {
    response.socket?.destroy();
    return;
  }
  const send = () => {
    response.writeHead(behaviour.status, behaviour.headers);
    if (behaviour.stallAfterBytes === undefined) response.end(behaviour.body);
    else response.write(behaviour.body.slice(0, behaviour.stallAfterBytes));
  };
  if (behaviour.after !== undefined) void behaviour.after.then(send);
  else if (behaviour.delayMs === undefined) send();
  else setTimeout(send, behaviour.delayMs).unref();
}

function promptOf(body: Record<string, unknown>): string {
  const messages = Array.isArray(body.messages) ? (body.messages as { content: unknown }[]) : [];
  return [body.system, ...messages.map((message) => message.content)].map(textOf).join('\n');
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((block: { text?: string }) => block.text ?? '').join('\n');
}
