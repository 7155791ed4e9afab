/** The calls of Slack's Web API that the app makes, through Slack's client. Loaded on demand: it takes memory. */
import { type KnownBlock, WebClient } from '@slack/web-api';
import type { AppBlock } from './app-blocks.ts';
import { type ApiFailure, failureOf } from './failures.ts';
import { silentLogger } from './silent-logger.ts';

export interface WebApiOptions {
  /** A secret. */
  readonly botToken: string;
  readonly channel: string;
  readonly apiUrl: string;
  /** Of one call. Default: 8 s. */
  readonly timeoutMs?: number;
}

export interface AppMessage {
  /** For notifications and clients without blocks. */
  readonly text: string;
  readonly blocks: readonly AppBlock[];
}

export type ApiResult<T> = { readonly kind: 'ok'; readonly value: T } | ({ readonly kind: 'failed' } & Failed);
type Failed = { readonly failure: ApiFailure };

export interface Identity {
  readonly team: string;
  readonly teamName?: string;
  readonly botUser?: string;
  /** Absent if Slack did not say. */
  readonly scopes?: readonly string[];
}

/** Slack's Web API for one channel. No call rejects, and none is repeated: the outbox does that. */
export interface WebApi {
  identify(): Promise<ApiResult<Identity>>;
  /** Resolves to the message's `ts`. */
  post(message: AppMessage, thread?: { readonly ts: string; readonly broadcast: boolean }): Promise<ApiResult<string>>;
  edit(ts: string, message: AppMessage): Promise<ApiResult<string>>;
  /** Shows a message to one person only. `where`: a channel other than the agent's. */
  whisper(user: string, message: AppMessage, where?: string): Promise<ApiResult<string>>;
}

const TIMEOUT_MS = 8_000;
/** Options that make Slack take the text as it is: no mentions, no links. */
const INERT = { parse: 'none', link_names: false } as const;
const POSTED = { ...INERT, mrkdwn: false, unfurl_links: false, unfurl_media: false } as const;

export function createWebApi(options: WebApiOptions): WebApi {
  const { channel } = options;
  const client = clientFor(options.botToken, options);

  /** An alert without a layout is better than none. */
  const withFallback = async (
    message: AppMessage,
    send: (content: { text: string; blocks?: KnownBlock[] }) => Promise<string>,
  ): Promise<ApiResult<string>> => {
    const { text } = message;
    const result = await call(() => send({ text, blocks: message.blocks as unknown as KnownBlock[] }));
    if (result.kind === 'ok' || result.failure.kind !== 'message') return result;
    return call(() => send({ text }));
  };

  return {
    identify: () =>
      call(async () => {
        const answer = await client.auth.test();
        const scopes = answer.response_metadata?.scopes;
        return { team: answer.team_id ?? '', teamName: answer.team, botUser: answer.user, scopes };
      }),

    post: (message, thread) =>
      withFallback(message, async (content) => {
        const reply = thread === undefined ? {} : { thread_ts: thread.ts, reply_broadcast: thread.broadcast };
        const { ts } = await client.chat.postMessage({ channel, ...content, ...reply, ...POSTED } as Parameters<
          typeof client.chat.postMessage
        >[0]);
        return ts ?? '';
      }),

    edit: (ts, message) =>
      withFallback(message, async (content) => {
        // Without blocks, Slack would keep the earlier ones.
        await client.chat.update({ channel, ts, blocks: [], ...content, ...INERT });
        return ts;
      }),

    whisper: (user, message, where = channel) =>
      withFallback(message, async (content) => {
        const { message_ts } = await client.chat.postEphemeral({ channel: where, user, ...content, ...INERT });
        return message_ts ?? '';
      }),
  };
}

/** Whether Slack would open a connection for clicks. Opens none. Resolves to the scopes of the token. Never rejects. */
export function canConnect(
  options: Pick<WebApiOptions, 'apiUrl' | 'timeoutMs'> & { readonly appToken: string },
): Promise<ApiResult<readonly string[]>> {
  return call(async () => {
    const answer = await clientFor(options.appToken, options).apps.connections.open({});
    return answer.response_metadata?.scopes ?? [];
  }, 'SLACK_APP_TOKEN');
}

function clientFor(token: string, { apiUrl, timeoutMs }: Pick<WebApiOptions, 'apiUrl' | 'timeoutMs'>): WebClient {
  return new WebClient(token, {
    slackApiUrl: apiUrl,
    timeout: timeoutMs ?? TIMEOUT_MS,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    allowAbsoluteUrls: false,
    logger: silentLogger,
  });
}

async function call<T>(work: () => Promise<T>, token?: 'SLACK_APP_TOKEN'): Promise<ApiResult<T>> {
  try {
    return { kind: 'ok', value: await work() };
  } catch (error) {
    return { kind: 'failed', failure: failureOf(error, token) };
  }
}
