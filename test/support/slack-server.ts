/**
 * A stand-in for Slack's incoming webhooks.
 *
 * ```ts
 * const slack = await startSlackServer();
 * createSlackWebhook({ webhookUrl: slack.webhookUrl, timeoutMs: 1000 });
 * slack.reply([{ status: 429, headers: { 'retry-after': '2' }, body: 'rate_limited' }]);  // then ok again
 * slack.posts      // what arrived: body (parsed), text (all texts in it), headers, at
 * await slack.close();
 * ```
 */
import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type HttpStandIn, readBody, startHttpStandIn } from './http-stand-in.ts';

export type SlackBehaviour =
  | {
      readonly status: number;
      readonly body?: string;
      readonly headers?: Readonly<Record<string, string>>;
      /** Send the head, then cut the connection. */
      readonly cut?: true;
    }
  /** Receives the post and never responds. */
  | 'hang'
  /** Closes the connection without a response. */
  | 'drop';

export interface SlackPost {
  // biome-ignore lint/suspicious/noExplicitAny: tests read arbitrary parts of the Block Kit JSON
  readonly body: any;
  /** All texts in the message, in order, one per line. */
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
  /** Epoch ms. */
  readonly at: number;
  /** The status of the response, if there was one. Slack shows the message if it is 200. */
  readonly answered?: number;
}

export interface SlackServer extends HttpStandIn {
  readonly webhookUrl: string;
  /** All posts, oldest first, whatever the response. */
  readonly posts: readonly SlackPost[];
  /** A list is used for the next posts, before the default. A single behaviour becomes the default. */
  reply(next: SlackBehaviour | readonly SlackBehaviour[]): void;
}

const OK: SlackBehaviour = { status: 200, body: 'ok', headers: { 'content-type': 'text/html; charset=utf-8' } };

/** The incident that a message is about; undefined if it is about the agent itself. */
export function incidentOf({ text }: SlackPost): string | undefined {
  return /^incident (\S+)$/m.exec(text)?.[1];
}

export async function startSlackServer(
  options: {
    /** Default: it responds at once. */
    readonly answersAfterMs?: number;
    /** The time of the posts. */
    readonly now?: () => number;
  } = {},
): Promise<SlackServer> {
  const now = options.now ?? Date.now;
  const posts: SlackPost[] = [];
  let byDefault: SlackBehaviour = OK;
  let queue: SlackBehaviour[] = [];

  const server = await startHttpStandIn(async (request, response) => {
    const at = now();
    const body: unknown = JSON.parse(await readBody(request));
    const behaviour = queue.shift() ?? byDefault;
    const answered = typeof behaviour === 'object' ? behaviour.status : undefined;
    posts.push({ body, text: textsOf(body).join('\n'), headers: request.headers, at, answered });
    if (behaviour === 'hang') return;
    if (behaviour === 'drop') {
      request.socket.destroy();
      return;
    }
    if (options.answersAfterMs !== undefined) await delay(options.answersAfterMs);
    response.writeHead(behaviour.status, behaviour.headers);
    if (behaviour.cut) response.write('o', () => request.socket.destroy());
    else response.end(behaviour.body ?? '');
  });

  return {
    ...server,
    webhookUrl: `${server.url}/services/T000/B000/stand-in`,
    posts,
    reply(next) {
      if (Array.isArray(next)) queue = [...next];
      else byDefault = next as SlackBehaviour;
    },
  };
}

function textsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(textsOf);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'text' && typeof inner === 'string' ? [inner] : textsOf(inner),
  );
}
