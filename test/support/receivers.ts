/**
 * Stand-ins for Alertmanager, Apprise and a webhook, on one server, and for the Slack app: for tests in which an agent has
 * all receivers.
 *
 * ```ts
 * const receivers = await startReceivers();
 * await world.start(receivers.env);
 * receivers.webhook            // what arrived: the name of the message, the container, the JSON, whether it was accepted
 * receivers.reply('apprise', { status: 500 });
 * receivers.slackApp           // see slack-app-server.ts
 * await receivers.close();
 * ```
 */
import { createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { SettingValues } from '../../src/config/settings.ts';
import { eventually } from './eventually.ts';
import { readBody, startHttpStandIn } from './http-stand-in.ts';
import { slackAppMessages } from './slack-app-env.ts';
import { type SlackApp, startSlackApp } from './slack-app-server.ts';

export const STAND_INS = ['alertmanager', 'apprise', 'webhook'] as const;
export type StandIn = (typeof STAND_INS)[number];

export interface Arrival {
  /** Equal for two arrivals of the same message. */
  readonly message: string;
  /** The name of the container; absent for notices and summaries. */
  readonly container?: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read arbitrary parts of three kinds of JSON
  readonly body: any;
  /** The service has answered 200, or was about to. */
  readonly accepted: boolean;
}

export type ReceiverBehaviour =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** Never responds. */
  | 'hang'
  /** Closes the connection without a response. */
  | 'drop';

export interface Receivers extends Readonly<Record<StandIn, readonly Arrival[]>> {
  readonly slackApp: SlackApp;
  /** The Slack app without its buttons; slack-app-env.ts has the settings for them. */
  readonly env: Partial<Record<keyof SettingValues, string>> & Record<string, string>;
  /** Undefined: it accepts messages again. */
  reply(service: StandIn, behaviour: ReceiverBehaviour | undefined): void;
  /** As in http-stand-in.ts. */
  drained(): Promise<void>;
  close(): Promise<void>;
}

const SECRET = 'the secret of the stand-in';

export async function startReceivers(options: { readonly answersAfterMs?: number } = {}): Promise<Receivers> {
  const arrivals: Record<StandIn, Arrival[]> = { alertmanager: [], apprise: [], webhook: [] };
  const behaviours = new Map<StandIn, ReceiverBehaviour>();
  const slackApp = await startSlackApp(options);
  const server = await startHttpStandIn(async (request, response) => {
    const [, first = ''] = (request.url ?? '').split('/');
    const text = await readBody(request);
    const service = STAND_INS.find((each) => each === first);
    if (service === undefined) return void response.writeHead(404).end();
    const behaviour = behaviours.get(service);
    const accepted = behaviour === undefined;
    if (service === 'webhook' && !isSigned(request.headers, text)) return void response.writeHead(401).end();
    for (const arrival of READ[service](JSON.parse(text))) arrivals[service].push({ ...arrival, accepted });
    if (behaviour === 'hang') return;
    if (behaviour === 'drop') return void request.socket.destroy();
    if (options.answersAfterMs !== undefined) await delay(options.answersAfterMs);
    response.writeHead(behaviour?.status ?? 200, behaviour?.headers).end('{}');
  });
  return {
    ...arrivals,
    slackApp,
    env: {
      ...slackAppMessages(slackApp),
      ALERTMANAGER_URL: `${server.url}/alertmanager`,
      ALERTMANAGER_MIN_SEVERITY: 'low',
      APPRISE_URL: `${server.url}/apprise/notify/key`,
      APPRISE_MIN_SEVERITY: 'low',
      WEBHOOK_URL: `${server.url}/webhook`,
      WEBHOOK_SECRET: SECRET,
      WEBHOOK_MIN_SEVERITY: 'low',
    },
    reply(service, behaviour) {
      if (behaviour === undefined) behaviours.delete(service);
      else behaviours.set(service, behaviour);
    },
    drained: async () => void (await Promise.all([server.drained(), slackApp.drained()])),
    close: async () => void (await Promise.all([server.close(), slackApp.close()])),
  };
}

/** Without the time, because agents under test may have a fast clock. */
function isSigned(
  { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': given }: IncomingHttpHeaders,
  text: string,
) {
  return given === `v1,${createHmac('sha256', SECRET).update(`${id}.${time}.${text}`).digest('base64')}`;
}

// biome-ignore lint/suspicious/noExplicitAny: as above
type Read = (body: any) => readonly Omit<Arrival, 'accepted'>[];

const READ: Readonly<Record<StandIn, Read>> = {
  webhook: (body) => [{ message: body.id, container: body.data.incident?.container.name, body }],
  /** A message of Apprise has no id: two with the same text are the same. */
  apprise: (body) => [
    {
      message: `${body.title}\n${body.body}`,
      container: /, incident /.test(body.body) ? /^\S+ (.+?):/.exec(body.title)?.[1] : undefined,
      body,
    },
  ],
  /** What is repeated differs in its end only. */
  alertmanager: (body) =>
    body.map(({ endsAt, ...alert }: { endsAt: string; labels: Record<string, string> }) => ({
      message: JSON.stringify(alert),
      container: alert.labels.container,
      body: { ...alert, endsAt },
    })),
};

/** Alerts of incidents that the service has accepted. */
const accepted = (receivers: Receivers, service: StandIn) =>
  receivers[service].filter((each) => each.accepted && each.container !== undefined);

/** The messages of the Slack app's channel, without the replies in their threads, oldest first. */
export function appMessages({ slackApp }: Receivers): readonly { readonly text: string; readonly incident?: string }[] {
  return slackApp
    .shown()
    .filter(({ threadTs }) => threadTs === undefined)
    .map((message) => {
      const text = slackApp.textOf(message);
      return { text, incident: /^incident (\S+)$/m.exec(text)?.[1] };
    });
}

/** The incidents that have a message of the Slack app, in the order of the messages. */
export const incidentsInApp = (receivers: Receivers): readonly string[] =>
  appMessages(receivers).flatMap(({ incident }) => incident ?? []);

/**
 * Every stand-in received each incident once, in order. Alertmanager's are repeated by design; the Slack app has one
 * message for each, which it edits. `app`: false while the app fails.
 */
export async function expectEverywhereOnce(
  receivers: Receivers,
  history: readonly { readonly id: string }[],
  { app = true } = {},
): Promise<void> {
  const expected = history.map(({ id }) => id).sort();
  await eventually(
    () => {
      const incidents = accepted(receivers, 'alertmanager').map(({ body }) => body.labels.incident);
      expect([...new Set(incidents)].sort()).toEqual(expected);
      const told = accepted(receivers, 'apprise').map(({ body }) => /, incident (\S+)/.exec(body.body)?.[1]);
      expect(told).toEqual(expected);
      const events = accepted(receivers, 'webhook');
      expect([...new Set(events.map(({ body }) => body.data.incident.id))].sort()).toEqual(expected);
      expect(new Set(events.map(({ message }) => message)).size).toBe(events.length);
      if (app) expect(incidentsInApp(receivers)).toEqual(expected);
      expect(receivers.slackApp.violations).toEqual([]);
      return true;
    },
    { deadlineMs: 60_000, everyMs: 50 },
  );
}
