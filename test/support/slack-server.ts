/**
 * A stand-in for Slack's incoming webhooks.
 *
 * ```ts
 * const slack = await startSlackServer();
 * createSlackSender({ webhookUrl: slack.webhookUrl, timeoutMs: 1000 });
 * slack.reply([{ status: 429, headers: { 'retry-after': '2' }, body: 'rate_limited' }]);  // then ok again
 * slack.posts      // what arrived: body (parsed), text (everything readable in it), headers, at
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
  /** Takes the post and never answers. */
  | 'hang'
  /** Cuts the connection without an answer. */
  | 'drop';

export interface SlackPost {
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into Block Kit JSON of their own choosing
  readonly body: any;
  /** Every piece of text in the message, in order, one a line. */
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
  /** Epoch ms. */
  readonly at: number;
  /** The status that it was answered with; absent where it was not. 200 means that Slack shows it. */
  readonly answered?: number;
}

export interface SlackServer extends HttpStandIn {
  readonly webhookUrl: string;
  /** Everything posted, oldest first, whatever was answered. */
  readonly posts: readonly SlackPost[];
  /** A queue is used up first, then the default answers again; a single behaviour becomes the default. */
  reply(next: SlackBehaviour | readonly SlackBehaviour[]): void;
}

const OK: SlackBehaviour = { status: 200, body: 'ok', headers: { 'content-type': 'text/html; charset=utf-8' } };

/** The incident that a message is about; undefined for a word about the agent itself. */
export function incidentOf({ text }: SlackPost): string | undefined {
  return /^incident (\S+)$/m.exec(text)?.[1];
}

export async function startSlackServer(
  options: {
    /** How long it takes to answer; at once by default. */
    readonly answersAfterMs?: number;
    /** Whose time the posts bear. */
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
