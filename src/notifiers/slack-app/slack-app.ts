import { randomUUID } from 'node:crypto';
import { waitAtMost } from '../../lib/time.ts';
import type { SendResult } from '../../pipeline/ports/receiver.ts';
import type { ReceiverDeps, ReceiverModule, ReceiverParts } from '../receiver-module.ts';
import { renderSlackNotice } from '../slack/notice.ts';
import { checkSlackApp } from './check.ts';
import { createClicks, type IdentifiedClick } from './clicks.ts';
import { sendResultOf } from './failures.ts';
import { createIncidentMessages } from './incident-messages.ts';
import { createAgentId, createKeptIncidents } from './kept.ts';
import { renderAnswer } from './message.ts';
import { configureSlackApp, SLACK_APP_SETTINGS, type SlackAppSettings } from './settings.ts';
import { passClick, runAlone } from './shared-socket.ts';
import type { Socket } from './socket.ts';
import { createSummaryMessage } from './summary-message.ts';
import type { WebApi } from './web-api.ts';

/** Keeps one message for each incident, with buttons where a restart waits for a person. */
export const slackApp: ReceiverModule<typeof SLACK_APP_SETTINGS, SlackAppSettings> = {
  name: 'slack_app',
  title: 'Slack app',
  follows: true,
  settings: SLACK_APP_SETTINGS,
  configure: configureSlackApp,
  takesAnswers: hasButtons,
  create: createSlackApp,
  check: (settings) => checkSlackApp(settings),
};

function hasButtons({ appToken, approvers }: SlackAppSettings): boolean {
  return appToken !== undefined && approvers.length > 0;
}

/** Slack accepts about one message per second in a channel, and an alert may take two. */
const PACE_MS = 2_000;
const REFRESH_MS = 5_000;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;
/** How long clicks that are being handled may delay the end of the agent. */
const LAST_CLICKS_MS = 2_000;
/** How long /health says that another agent uses the same app, after a click for it arrived here. */
const SHARED_MS = 24 * 3_600_000;
const SHARED =
  'clicks for another agent arrive here, so some buttons do not work: give each agent an app of its own (docs/slack.md)';
/** How long a click that another agent has passed on waits for Slack. */
const SLACK_WITHIN_MS = 20_000;
const NOT_LOADED = "the agent's files cannot be loaded; was it updated while it ran?";

export function createSlackApp(settings: SlackAppSettings, deps: ReceiverDeps): ReceiverParts {
  const { appToken, approvers, channel, apiUrl } = settings;
  const { clock, people, logger, sharedClicks: shared, timeoutMs } = deps;
  const kept = createKeptIncidents(deps.memory);
  const buttons = hasButtons(settings);
  const agent = createAgentId(deps.memory);
  const showSummary = createSummaryMessage({ memory: deps.memory, now: clock.now, publicUrl: deps.publicUrl });
  const messages = createIncidentMessages({
    kept,
    now: clock.now,
    publicUrl: deps.publicUrl,
    buttons,
    agent,
    requestsOf: people.store.requestsOf,
  });
  const clicks = createClicks({
    channel,
    approvers: new Set(approvers),
    kept,
    messages,
    people,
    agent,
    onForeignClick() {
      foreignClickAt = clock.monotonic();
    },
    logger,
    now: clock.now,
    newId: randomUUID,
  });
  const handling = new Set<Promise<void>>();
  let loaded: Promise<WebApi | undefined> | undefined;
  let socket: Socket | undefined;
  let unidentified: string | undefined;
  let foreignClickAt: number | undefined;

  const api = (): Promise<WebApi | undefined> => {
    loaded ??= import('./web-api.ts').then(
      ({ createWebApi }) => createWebApi({ ...settings, timeoutMs }),
      () => {
        loaded = undefined;
        return undefined;
      },
    );
    return loaded;
  };

  const withApi = async (send: (api: WebApi) => Promise<SendResult>): Promise<SendResult> => {
    const ready = await api();
    return ready === undefined ? { kind: 'retry', why: NOT_LOADED } : send(ready);
  };

  /** Messages of requests that have expired, or were answered elsewhere. What is missed is found by comparison. */
  const refreshAnswered = async (signal: AbortSignal): Promise<void> => {
    const ignore = people.onRequestChanged(({ incidentId: id }) => {
      void api().then((ready) => ready && messages.refresh(ready, { id }));
    });
    signal.addEventListener('abort', ignore, { once: true });
    while (!signal.aborted) {
      await clock.sleep(REFRESH_MS, signal);
      const ready = signal.aborted ? undefined : await api();
      if (ready !== undefined) await messages.refreshAnswered(ready);
    }
  };

  /** The workspace of the app; undefined if `signal` aborts. */
  const teamOf = async (ready: WebApi, signal: AbortSignal): Promise<string | undefined> => {
    for (let pauseMs = FIRST_RETRY_MS; !signal.aborted; pauseMs = Math.min(2 * pauseMs, MAX_RETRY_MS)) {
      const identity = await ready.identify();
      unidentified = identity.kind === 'failed' ? identity.failure.why : undefined;
      if (identity.kind === 'ok') return identity.value.team;
      await clock.sleep(Math.max(pauseMs, identity.failure.afterMs ?? 0), signal);
    }
    return undefined;
  };

  const receiveClicks = async (signal: AbortSignal): Promise<void> => {
    if (appToken === undefined) return;
    const ready = await api();
    const module = await import('./socket.ts').catch(() => undefined);
    if (ready === undefined || module === undefined) {
      unidentified = NOT_LOADED;
      return;
    }
    const identified = teamOf(ready, signal);
    const handle = async (payload: unknown, isRepeat?: boolean): Promise<string | undefined> => {
      const team = await Promise.race([identified, clock.sleep(SLACK_WITHIN_MS, signal)]);
      if (team === undefined) return `the agent cannot use Slack: ${unidentified ?? 'it was stopped'}`;
      await clicks({ api: ready, team, isRepeat }, payload);
      return undefined;
    };
    shared?.onClick(handle);
    if ((await identified) === undefined) return;
    const receive = async (payload: unknown, acknowledge: () => Promise<void>): Promise<void> => {
      if (shared && (await passClick(payload, acknowledge, { shared, logger, tell: tell(ready) }))) return;
      const isHeard = shared
        ? true
        : await acknowledge().then(
            () => true,
            () => false,
          );
      if (isHeard) await handle(payload);
    };
    socket = module.createSocket({
      appToken,
      apiUrl,
      clock,
      timeoutMs,
      onInteraction(payload, acknowledge) {
        const handled = receive(payload, acknowledge).finally(() => handling.delete(handled));
        handling.add(handled);
        return handled;
      },
    });
    if (shared) await runAlone(socket, { appToken, shared, clock, signal });
    else await socket.run(signal);
    await waitAtMost(LAST_CLICKS_MS, Promise.all(handling), clock);
  };

  /** The agent whose message was clicked does not answer. */
  const tell =
    (ready: WebApi) =>
    async ({ user, channel: where }: IdentifiedClick, why: string): Promise<void> => {
      if (approvers.includes(user))
        await ready.whisper(
          user,
          renderAnswer(`The click was not confirmed: ${why}.`, (word) => approvers.includes(word)),
          where,
        );
    };

  return {
    paceMs: PACE_MS,
    send: (alert) => withApi((ready) => messages.show(ready, alert)),
    sendNotice: (notice) =>
      withApi(async (ready) => {
        const { text, blocks } = renderSlackNotice(notice);
        const result = await ready.post({ text, blocks });
        return result.kind === 'ok' ? { kind: 'sent', status: 200 } : sendResultOf(result.failure);
      }),
    updatesSummary: true,
    sendSummary: (summary) => withApi((ready) => showSummary(ready, summary)),
    async run(signal) {
      await Promise.all([refreshAnswered(signal), receiveClicks(signal)]);
    },
    problem() {
      const why = unidentified ?? (socket && (shared?.problem() ?? socket.problem()));
      if (why !== undefined) return `the buttons do not work: ${why}`;
      const isShared = foreignClickAt !== undefined && clock.monotonic() - foreignClickAt < SHARED_MS;
      return isShared ? SHARED : undefined;
    },
  };
}
