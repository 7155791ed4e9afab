/** 300 crashes at once, through the real receivers: what their services get. */
import { expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { createNotifier } from '../../src/pipeline/notify/notify.ts';
import { noopObserver } from '../../src/pipeline/observer.ts';
import { open, temporaryDirectory } from '../store/support.ts';
import { eventually } from '../support/eventually.ts';
import { createAdjustableClock } from '../support/fast-clock.ts';
import { appMessages, startReceivers } from '../support/receivers.ts';
import { sampleAlert, sampleIncident } from '../support/samples.ts';
import { startSlackServer } from '../support/slack-server.ts';
import { createRecordingLogger } from '../support/watching.ts';

const CRASHES = 300;

it('are at most twelve messages for Slack, its app, Apprise and the webhook, which count all; Alertmanager gets each', async () => {
  const clock = createAdjustableClock(1);
  const receivers = await startReceivers();
  const slack = await startSlackServer();
  const loaded = loadConfig({
    ...receivers.env,
    SLACK_WEBHOOK_URL: slack.webhookUrl,
    SLACK_MIN_SEVERITY: 'low',
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const store = await open(await temporaryDirectory(), {
    clock: {
      get time() {
        return clock.now();
      },
    },
  });
  const logger = createRecordingLogger();
  const stop = new AbortController();
  const notifier = createNotifier({
    routes: loaded.config.receivers.map((each) => ({
      ...each,
      receiver: each.create({
        print: () => {},
        now: clock.now,
        clock,
        logger,
        memory: store,
        people: { store, onRequestChanged: () => () => {} } as never,
      }),
    })),
    hasOwnMinSeverity: () => false,
    hostName: () => undefined,
    outbox: store,
    observer: noopObserver,
    logger,
    clock,
    traceSend: (_receiver, _tries, _trace, send) => send(),
  });
  const running = notifier.run(stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await running;
    await Promise.all([receivers.close(), slack.close()]);
  });

  const incidents = Array.from({ length: CRASHES }, (_, n) => {
    const incident = sampleIncident({ id: `incident-${n}`, detector: 'crash' });
    return { ...incident, container: { ...incident.container, name: `web-${n}`, project: `shop-${n % 3}` } };
  });
  for (const incident of incidents) {
    void notifier.notify(sampleAlert({ id: `${incident.id}/diagnosed/0`, at: clock.now(), incident }), undefined);
  }
  const inSummaries = (texts: readonly string[]) =>
    Math.max(0, ...texts.map((text) => Number(/(\d+) more problems/.exec(text)?.[1] ?? 0)));
  await eventually(
    () => {
      clock.speed = receivers.alertmanager.length >= CRASHES ? 20 : 1;
      const ofWebhook = receivers.webhook.map(({ body }) => (body.type === 'summary' ? body.data.alerts : 0));
      expect({
        slack: inSummaries(slack.posts.map(({ text }) => text)),
        app: inSummaries(appMessages(receivers).map(({ text }) => text)),
        apprise: inSummaries(receivers.apprise.map(({ body }) => body.title)),
        webhook: Math.max(...ofWebhook),
        alertmanager: new Set(receivers.alertmanager.map(({ body }) => body.labels.incident)).size,
      }).toEqual({ slack: 290, app: 290, apprise: 290, webhook: 290, alertmanager: CRASHES });
      return true;
    },
    { deadlineMs: 120_000, everyMs: 100 },
  );
  await eventually(async () => ([...(await store.pending()).values()].every((n) => n === 0) ? true : undefined), {
    deadlineMs: 60_000,
  });
  const ofApp = appMessages(receivers);
  for (const count of [slack.posts.length, ofApp.length, receivers.apprise.length, receivers.webhook.length]) {
    expect(count).toBeLessThanOrEqual(12);
  }
  expect(receivers.slackApp.violations).toEqual([]);
}, 240_000);
