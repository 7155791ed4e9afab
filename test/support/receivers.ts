/**
 * Stand-ins for Alertmanager, Apprise and a webhook, on one server: for tests in which an agent has all receivers.
 *
 * ```ts
 * const receivers = await startReceivers();
 * await world.start(receivers.env);
 * receivers.webhook            // what arrived: the name of the message, the container, the JSON, whether it was accepted
 * receivers.reply('apprise', { status: 500 });
 * await receivers.close();
 * ```
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import type { SettingValues } from '../../src/config/settings.ts';
import { readBody, startHttpStandIn } from './http-stand-in.ts';

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
  readonly env: Partial<Record<keyof SettingValues, string>> & Record<string, string>;
  /** Undefined: it accepts messages again. */
  reply(service: StandIn, behaviour: ReceiverBehaviour | undefined): void;
  close(): Promise<void>;
}

const SECRET = 'the secret of the stand-in';

export async function startReceivers(options: { readonly answersAfterMs?: number } = {}): Promise<Receivers> {
  const arrivals: Record<StandIn, Arrival[]> = { alertmanager: [], apprise: [], webhook: [] };
  const behaviours = new Map<StandIn, ReceiverBehaviour>();
  const server = await startHttpStandIn(async (request, response) => {
    const [, first = ''] = (request.url ?? '').split('/');
    const text = await readBody(request);
    const service = STAND_INS.find((each) => each === first);
    if (service === undefined) return void response.writeHead(404).end();
    const behaviour = behaviours.get(service);
    const accepted = behaviour === undefined;
    if (service === 'webhook') {
      new Webhook(SECRET, { format: 'raw' }).verify(text, request.headers as Record<string, string>);
    }
    for (const arrival of READ[service](JSON.parse(text))) arrivals[service].push({ ...arrival, accepted });
    if (behaviour === 'hang') return;
    if (behaviour === 'drop') return void request.socket.destroy();
    if (options.answersAfterMs !== undefined) await delay(options.answersAfterMs);
    response.writeHead(behaviour?.status ?? 200, behaviour?.headers).end('{}');
  });
  return {
    ...arrivals,
    env: {
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
    close: server.close,
  };
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
