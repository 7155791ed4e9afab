import { describe, expect, test } from 'vitest';
import { alert, DAY, incident, NOON, onEveryEngine, open, recordingLogger, SECOND } from './support.ts';

const toSlack = (alertId: string) => ({ alertId, receiver: 'slack' });
const toConsole = (alertId: string) => ({ alertId, receiver: 'console' });
const idsOf = (rows: readonly { readonly alert: { readonly id: string } }[]) => rows.map((row) => row.alert.id);

onEveryEngine(({ newLocation }) => {
  test('a pending alert is complete after a restart of the agent', async () => {
    const where = await newLocation();
    const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };
    const store = await open(where);
    expect(await store.enqueue(alert(), ['slack'], trace)).toBe(true);
    await store.close();

    const reopened = await open(where);
    expect(await reopened.pending()).toEqual(new Map([['slack', 1]]));
    expect(await reopened.due('slack', NOON, 10)).toStrictEqual([{ alert: alert(), tries: 0, trace }]);
  });

  test('enqueuing an alert again changes nothing, whatever the state of the first', async () => {
    const store = await open(await newLocation());
    expect(await store.enqueue(alert(), ['slack'])).toBe(true);
    expect(await store.enqueue(alert({ excerpt: ['other'] }), ['slack'])).toBe(false);
    expect(await store.due('slack', NOON, 10)).toStrictEqual([{ alert: alert(), tries: 0 }]);

    await store.markSent(toSlack('alert-1'), NOON);
    expect(await store.enqueue(alert(), ['slack'])).toBe(false);
    expect(await store.pending()).toEqual(new Map());
    expect(await store.due('slack', NOON, 10)).toEqual([]);
  });

  test('alerts are due in the order in which they were enqueued, even within the same millisecond', async () => {
    const store = await open(await newLocation());
    const ids = ['z', 'b', 'y', 'a'];
    for (const id of ids) await store.enqueue(alert({ id }), ['slack', 'console']);
    expect(idsOf(await store.due('slack', NOON, 3))).toEqual(ids.slice(0, 3));
    expect(idsOf(await store.due('console', NOON, 9))).toEqual(ids);
  });

  test('a postponed alert is due again at the given time, with its number of tries', async () => {
    const store = await open(await newLocation());
    await store.enqueue(alert(), ['slack']);
    await store.enqueue(alert({ id: 'alert-2' }), ['slack']);
    await store.markRetry(toSlack('alert-1'), NOON + 30 * SECOND, 'HTTP 429');
    await store.markSent(toSlack('alert-2'), NOON);

    expect(await store.due('slack', NOON + 29 * SECOND, 10)).toEqual([]);
    expect(await store.due('slack', NOON + 30 * SECOND, 10)).toMatchObject([{ alert: { id: 'alert-1' }, tries: 1 }]);
  });

  test('sent and dropped are final', async () => {
    const store = await open(await newLocation());
    await store.enqueue(alert(), ['slack']);
    await store.markDropped(toSlack('alert-1'), NOON, 'the webhook is revoked');
    await store.markRetry(toSlack('alert-1'), NOON, 'late answer to an earlier try');
    await store.markSent(toSlack('alert-1'), NOON);
    expect(await store.pending()).toEqual(new Map());
  });

  test('a later change of the incident does not change a pending alert', async () => {
    const store = await open(await newLocation());
    await store.saveIncident(incident());
    await store.enqueue(alert(), ['slack']);
    await store.resolveIncident('incident-1', NOON);
    expect(await store.due('slack', NOON, 1)).toMatchObject([{ alert: { incident: { state: 'open' } } }]);
  });

  describe('with several receivers', () => {
    test('an alert has a separate state for each', async () => {
      const where = await newLocation();
      const store = await open(where);
      expect(await store.enqueue(alert(), ['slack', 'console', 'slack'])).toBe(true);
      await store.enqueue(alert({ id: 'alert-2' }), ['console']);
      expect(await store.pending()).toEqual(
        new Map([
          ['slack', 1],
          ['console', 2],
        ]),
      );

      await store.markSent(toSlack('alert-1'), NOON);
      await store.markRetry(toConsole('alert-1'), NOON + SECOND, 'busy');
      await store.close();
      const reopened = await open(where);
      expect(await reopened.pending()).toEqual(new Map([['console', 2]]));
      expect(idsOf(await reopened.due('console', NOON, 9))).toEqual(['alert-2']);
      expect(await reopened.due('console', NOON + SECOND, 9)).toMatchObject([
        { alert: { id: 'alert-1' }, tries: 1 },
        { alert: { id: 'alert-2' }, tries: 0 },
      ]);
    });

    test('an alert that was enqueued for one is not new for another', async () => {
      const store = await open(await newLocation());
      await store.enqueue(alert(), ['slack']);
      expect(await store.enqueue(alert(), ['console'])).toBe(false);
      expect(await store.pending()).toEqual(new Map([['slack', 1]]));
    });

    test('an alert to none of them is new, but not pending', async () => {
      const store = await open(await newLocation());
      expect(await store.enqueue(alert(), [])).toBe(true);
      expect(await store.pending()).toEqual(new Map());
    });

    test('an alert to one that is no longer configured is dropped after a day, and logged', async () => {
      const where = await newLocation();
      const clock = { time: NOON };
      const store = await open(where, { clock, receivers: ['slack', 'console'] });
      await store.enqueue(alert(), ['slack', 'console']);
      await store.enqueue(alert({ id: 'alert-2' }), ['console']);
      await store.close();

      clock.time = NOON + DAY;
      const logger = recordingLogger();
      const reopened = await open(where, { clock, logger, receivers: ['slack'] });
      await reopened.prune();
      expect((await reopened.pending()).get('console')).toBe(2);

      clock.time += 1;
      await reopened.prune();
      expect(await reopened.pending()).toEqual(new Map([['slack', 1]]));
      expect(await reopened.enqueue(alert({ id: 'alert-2' }), ['slack'])).toBe(false);
      expect(logger.lines).toMatchObject([
        {
          level: 'error',
          message: expect.stringContaining('no longer configured'),
          fields: { receiver: 'console', alerts: 2 },
        },
      ]);
    });
  });
});
