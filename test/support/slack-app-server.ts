/**
 * A stand-in for Slack as an app sees it: the Web API over HTTP and Socket Mode over WebSocket, for Slack's own clients.
 * It checks every call against Slack's rules; `violations` has what Slack would not accept.
 *
 * ```ts
 * const slack = await startSlackApp();
 * loadConfig({ SLACK_API_URL: slack.apiUrl, SLACK_BOT_TOKEN: slack.botToken, SLACK_CHANNEL: slack.channel, ... });
 * slack.reply('chat.postMessage', [{ status: 429, headers: { 'retry-after': '2' } }]);   // then as Slack does
 * slack.shown()                      // the messages of the channel, as people see them
 * await slack.click({ user: 'U0JANE0001', action: 'restart' });
 * await slack.close();
 * ```
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type HttpStandIn, readBody, startHttpStandIn } from './http-stand-in.ts';
import { ARGUMENTS, brokenRules } from './slack-rules.ts';
import { type Click, createSocketMode, type Delivered, type SocketMode } from './slack-socket-server.ts';

export type ApiBehaviour =
  | { readonly status: number; readonly body?: string; readonly headers?: Readonly<Record<string, string>> }
  /** Slack's own error: status 200 and this code. */
  | { readonly error: string }
  /** Receives the call and never responds. */
  | 'hang'
  /** Does what was asked, then closes the connection without a response. */
  | 'cut'
  /** Closes the connection without a response. */
  | 'drop';

export interface ApiCall {
  readonly method: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read arbitrary parts of the Block Kit JSON
  readonly args: Readonly<Record<string, any>>;
  readonly at: number;
  /** `ok`, the error code, or the status. Absent if there was no response. */
  answered?: string;
}

export interface ChannelMessage {
  readonly ts: string;
  readonly threadTs?: string;
  readonly broadcast: boolean;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  blocks: any[];
  edits: number;
  deleted: boolean;
}

export interface Ephemeral {
  readonly user: string;
  readonly text: string;
  readonly threadTs?: string;
}

export interface SlackApp extends HttpStandIn {
  readonly apiUrl: string;
  readonly team: string;
  readonly channel: string;
  readonly botToken: string;
  readonly appToken: string;
  readonly calls: readonly ApiCall[];
  /** What Slack would reject or ignore, in any call or acknowledgement so far. */
  readonly violations: readonly string[];
  readonly ephemerals: readonly Ephemeral[];
  readonly socket: SocketMode;
  /** The scopes that the bot has. */
  scopes: readonly string[];
  /** Those of the app-level token. */
  appScopes: readonly string[];
  /** A list is used for the next calls of the method, before the default. A single behaviour becomes the default. */
  reply(method: string, next: ApiBehaviour | readonly ApiBehaviour[] | undefined): void;
  callsOf(method: string): readonly ApiCall[];
  /** The messages of the channel, oldest first: without replies, except those that were sent to the channel too. */
  shown(): readonly ChannelMessage[];
  thread(ts: string): readonly ChannelMessage[];
  message(ts: string): ChannelMessage | undefined;
  /** All texts of a message, one a line. */
  textOf(message: ChannelMessage): string;
  /** The app posts a message that the agent does not know. Resolves to its `ts`. */
  postAs(args: ApiCall['args']): Promise<string>;
  /** A person deletes a message. */
  deleteMessage(ts: string): void;
  setChannel(state: 'open' | 'archived' | 'deleted' | 'left'): void;
  revoke(): void;
  /** Presses a button of a message as Slack does. Resolves once the click is acknowledged, or not within 3 s. */
  click(click: ClickOn): Promise<Delivered>;
}

export interface ClickOn {
  readonly user: string;
  readonly message: ChannelMessage;
  /** The `action_id`, or its beginning. */
  readonly action: string;
  /** Of a menu. */
  readonly option?: string;
  /** What a forged click has instead. */
  readonly forged?: Partial<Click>;
}

const BOT_USER = 'U0BOT00001';
const TEAM = 'T0TEAM0001';
const CHANNEL = 'C0ALERTS01';
const APP = 'A0DOCTOR01';

export async function startSlackApp(
  options: { readonly now?: () => number; readonly answersAfterMs?: number } = {},
): Promise<SlackApp> {
  const now = options.now ?? Date.now;
  const calls: ApiCall[] = [];
  const violations: string[] = [];
  const ephemerals: Ephemeral[] = [];
  const messages: ChannelMessage[] = [];
  const defaults = new Map<string, ApiBehaviour>();
  const queues = new Map<string, ApiBehaviour[]>();
  const tokens = { bot: 'xoxb-100-200-standin', app: 'xapp-1-A0DOCTOR01-300-standin' };
  const revoked = new Set<string>();
  let channelState: 'open' | 'archived' | 'deleted' | 'left' = 'open';
  let scopes: readonly string[] = ['chat:write'];
  let appScopes: readonly string[] = ['connections:write'];
  let lastTs = 0;

  const server = await startHttpStandIn((request, response) => void handle(request, response));
  const socket = createSocketMode({ app: APP, team: TEAM, violations });
  server.onUpgrade(socket.upgrade);

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = /^\/api\/([a-zA-Z.]+)$/.exec(request.url ?? '')?.[1] ?? '';
    const args = parseForm(await readBody(request));
    const call: ApiCall = { method, args, at: now() };
    calls.push(call);
    if (request.method !== 'POST') violations.push(`${method}: ${request.method}`);
    const behaviour = queues.get(method)?.shift() ?? defaults.get(method);
    if (behaviour === 'hang') return;
    if (behaviour === 'drop') {
      request.socket.destroy();
      return;
    }
    if (options.answersAfterMs !== undefined) await delay(options.answersAfterMs);
    if (behaviour !== undefined && behaviour !== 'cut' && 'status' in behaviour) {
      call.answered = String(behaviour.status);
      response.writeHead(behaviour.status, behaviour.headers).end(behaviour.body ?? '');
      return;
    }
    const answer =
      behaviour !== undefined && behaviour !== 'cut'
        ? refused(behaviour.error)
        : answerTo(method, args, bearer(request));
    if (behaviour === 'cut') {
      request.socket.destroy();
      return;
    }
    call.answered = answer.ok ? 'ok' : String(answer.error);
    response.writeHead(200, {
      'content-type': 'application/json; charset=utf-8',
      'x-oauth-scopes': (method === 'apps.connections.open' ? appScopes : scopes).join(','),
      'x-slack-req-id': 'stand-in',
    });
    response.end(JSON.stringify(answer));
  }

  function answerTo(method: string, args: ApiCall['args'], token: string | undefined): Answer {
    const known = ARGUMENTS[method];
    if (known === undefined) return refused('unknown_method');
    const strange = Object.keys(args).filter((name) => !known.includes(name));
    if (strange.length > 0) violations.push(`${method}: unknown arguments ${strange}`);
    const authProblem = authenticate(method, token);
    if (authProblem) return authProblem;
    switch (method) {
      case 'auth.test':
        return { ok: true, url: 'https://stand-in.slack.com/', team: 'Stand-in', user: 'doctor', ...who() };
      case 'apps.connections.open':
        return { ok: true, url: socket.newUrl(server.url) };
      case 'chat.postMessage':
        return post(args);
      case 'chat.update':
        return update(args);
      case 'chat.postEphemeral':
        return postEphemeral(args);
      default:
        return refused('unknown_method');
    }
  }

  const who = () => ({ team_id: TEAM, user_id: BOT_USER, bot_id: 'B0BOT00001', is_enterprise_install: false });

  function authenticate(method: string, token: string | undefined): Answer | undefined {
    if (token === undefined) return refused('not_authed');
    if (revoked.has(token)) return refused('token_revoked');
    const wanted = method === 'apps.connections.open' ? tokens.app : tokens.bot;
    if (token !== tokens.app && token !== tokens.bot) return refused('invalid_auth');
    if (token !== wanted) return refused('not_allowed_token_type');
    if (method.startsWith('chat.') && !scopes.includes('chat:write')) {
      return { ok: false, error: 'missing_scope', needed: 'chat:write', provided: scopes.join(',') };
    }
    return undefined;
  }

  function channelProblem(channel: unknown, isUpdate: boolean): Answer | undefined {
    if (channel !== CHANNEL || channelState === 'deleted') return refused('channel_not_found');
    if (channelState === 'archived') return refused(isUpdate ? 'is_inactive' : 'is_archived');
    if (channelState === 'left') return refused('not_in_channel');
    return undefined;
  }

  function contentProblem(method: string, args: ApiCall['args']): Answer | undefined {
    const { text, blocks } = args;
    if (text === undefined && blocks === undefined) return refused('no_text');
    if (typeof text !== 'string' || text === '') violations.push(`${method}: no text for notifications`);
    if (String(text).length > 40_000) return refused('msg_too_long');
    if (typeof text === 'string' && /[<>]|&(?!(?:amp|lt|gt);)/.test(text)) violations.push(`${method}: markup in text`);
    if (blocks === undefined) return undefined;
    const broken = brokenRules(blocks);
    if (broken.length === 0) return undefined;
    violations.push(...broken.map((rule) => `${method}: ${rule}`));
    return { ok: false, error: 'invalid_blocks', response_metadata: { messages: broken } };
  }

  function post(args: ApiCall['args']): Answer {
    const problem = channelProblem(args.channel, false) ?? contentProblem('chat.postMessage', args);
    if (problem) return problem;
    if (args.reply_broadcast && args.thread_ts === undefined) violations.push('reply_broadcast without thread_ts');
    if (args.thread_ts !== undefined) {
      const parent = messages.find(({ ts }) => ts === args.thread_ts);
      // Slack keeps a deleted message that has replies.
      if (!parent || (parent.deleted && thread(parent.ts).length === 0)) return refused('thread_not_found');
      if (parent.threadTs !== undefined) violations.push('chat.postMessage: thread_ts of a reply');
    }
    lastTs = Math.max(lastTs + 1, now() * 1000);
    const ts = `${Math.floor(lastTs / 1_000_000)}.${String(lastTs % 1_000_000).padStart(6, '0')}`;
    messages.push({
      ts,
      threadTs: args.thread_ts,
      broadcast: args.reply_broadcast === true,
      text: args.text ?? '',
      blocks: args.blocks ?? [],
      edits: 0,
      deleted: false,
    });
    return { ok: true, channel: CHANNEL, ts, message: { ts, text: args.text, app_id: APP, bot_id: 'B0BOT00001' } };
  }

  function update(args: ApiCall['args']): Answer {
    const problem = channelProblem(args.channel, true) ?? contentProblem('chat.update', args);
    if (problem) return problem;
    const message = messages.find(({ ts, deleted }) => ts === args.ts && !deleted);
    if (!message) return refused('message_not_found');
    message.text = args.text ?? '';
    message.blocks = args.blocks ?? [];
    message.edits += 1;
    return { ok: true, channel: CHANNEL, ts: message.ts, text: message.text };
  }

  function postEphemeral(args: ApiCall['args']): Answer {
    const problem = channelProblem(args.channel, false) ?? contentProblem('chat.postEphemeral', args);
    if (problem) return problem;
    if (!/^[UW][A-Z0-9]+$/.test(String(args.user))) return refused('user_not_in_channel');
    ephemerals.push({ user: args.user, text: args.text, threadTs: args.thread_ts });
    return { ok: true, message_ts: '1.000001' };
  }

  const thread = (ts: string) => messages.filter(({ threadTs, deleted }) => threadTs === ts && !deleted);

  return {
    ...server,
    apiUrl: `${server.url}/api/`,
    team: TEAM,
    channel: CHANNEL,
    botToken: tokens.bot,
    appToken: tokens.app,
    calls,
    violations,
    ephemerals,
    socket,
    get scopes() {
      return scopes;
    },
    set scopes(next) {
      scopes = next;
    },
    get appScopes() {
      return appScopes;
    },
    set appScopes(next) {
      appScopes = next;
    },
    reply(method, next) {
      if (Array.isArray(next)) queues.set(method, [...next]);
      else if (next === undefined) defaults.delete(method);
      else defaults.set(method, next as ApiBehaviour);
    },
    callsOf: (method) => calls.filter((call) => call.method === method),
    shown: () => messages.filter(({ threadTs, broadcast, deleted }) => !deleted && (!threadTs || broadcast)),
    thread,
    message: (ts) => messages.find((each) => each.ts === ts),
    textOf: ({ blocks }) => textsOf(blocks).join('\n'),
    async postAs(args) {
      return String(post({ ...args, blocks: JSON.parse(args.blocks) }).ts);
    },
    deleteMessage(ts) {
      const message = messages.find((each) => each.ts === ts);
      if (message) message.deleted = true;
    },
    setChannel(state) {
      channelState = state;
    },
    revoke() {
      revoked.add(tokens.bot);
      revoked.add(tokens.app);
      socket.dropAll();
    },
    click: ({ user, message, action, option, forged }) => {
      const found = buttonOf(message.blocks, action);
      return socket.click({
        team: TEAM,
        channel: CHANNEL,
        messageTs: message.ts,
        threadTs: message.threadTs,
        user,
        actionId: found.element.action_id,
        blockId: found.blockId,
        type: found.element.type,
        value: found.element.type === 'button' ? found.element.value : option,
        ...forged,
      });
    },
    async refuse() {
      // The server does not close connections that have become WebSockets.
      socket.dropAll();
      await server.refuse();
    },
    async close() {
      socket.close();
      await server.close();
    },
  };
}

type Answer = { readonly ok: boolean; readonly [key: string]: unknown };

const refused = (error: string): Answer => ({ ok: false, error });

// biome-ignore lint/suspicious/noExplicitAny: Block Kit JSON
function buttonOf(blocks: any[], action: string): { element: any; blockId: string } {
  for (const block of blocks) {
    // biome-ignore lint/suspicious/noExplicitAny: Block Kit JSON
    const element = block.type === 'actions' && block.elements.find((each: any) => each.action_id.startsWith(action));
    if (element) return { element, blockId: block.block_id ?? 'generated' };
  }
  throw new Error(`no button ${action} in ${JSON.stringify(blocks)}`);
}

/** The clients send forms in which all but strings is JSON. */
function parseForm(body: string): ApiCall['args'] {
  const fields = [...new URLSearchParams(body)].map(([name, value]) => [
    name,
    ['blocks', 'reply_broadcast', 'mrkdwn', 'link_names', 'unfurl_links', 'unfurl_media'].includes(name)
      ? JSON.parse(value)
      : value,
  ]);
  return Object.fromEntries(fields);
}

function bearer({ headers }: IncomingMessage): string | undefined {
  return /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1];
}

function textsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(textsOf);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'text' && typeof inner === 'string' ? [inner] : textsOf(inner),
  );
}
