import { expect, test } from 'vitest';
import { alert, incident, NOON, onEveryEngine, open, SECOND } from './support.ts';

const toSlack = (alertId: string) => ({ alertId, receiver: 'slack' });

onEveryEngine(({ newLocation }) => {
  test('a held alert is not due alone, waits with the others of its flood, and is sent with their summary', async () => {
    const where = await newLocation();
    const store = await open(where);
    for (const id of ['a', 'b', 'c']) await store.enqueue(alert({ id }), ['slack', 'console']);
    await store.hold(toSlack('a'), 'flood-1');
    await store.hold(toSlack('b'), 'flood-1');
    await store.close();

    const reopened = await open(where);
    expect((await reopened.due('slack', NOON, 9)).map((row) => row.alert.id)).toEqual(['c']);
    expect(await reopened.pending()).toEqual(
      new Map([
        ['slack', 3],
        ['console', 3],
      ]),
    );
    const { alerts, upTo } = await reopened.held('slack', 'flood-1');
    expect(alerts.map(({ id }) => id)).toEqual(['a', 'b']);
    await reopened.hold(toSlack('c'), 'flood-1');
    await reopened.markSummarized('slack', 'flood-1', upTo, NOON);
    expect((await reopened.pending()).get('slack')).toBe(1);
    expect((await reopened.held('slack', 'flood-1')).alerts).toHaveLength(3);
    expect(await reopened.enqueue(alert({ id: 'a' }), ['slack'])).toBe(false);
  });

  test('counts the incidents whose alerts were sent alone since a time', async () => {
    const store = await open(await newLocation());
    for (const id of ['a', 'b', 'c', 'd']) {
      await store.enqueue(alert({ id, incident: incident({ id: `incident-${id}` }) }), ['slack']);
    }
    await store.markSent(toSlack('a'), NOON - 60 * SECOND);
    await store.markSent(toSlack('b'), NOON - 10 * SECOND);
    await store.hold(toSlack('c'), 'flood-1');
    await store.markSummarized('slack', 'flood-1', Number.MAX_SAFE_INTEGER, NOON);
    expect(await store.sentSince('slack', NOON - 30 * SECOND)).toEqual([{ at: NOON - 10 * SECOND, isRequest: false }]);
  });

  test('tells questions from other alerts among those that were sent', async () => {
    const store = await open(await newLocation());
    const request = { id: 'request-1', expiresAt: NOON + 60 * SECOND };
    await store.enqueue(alert({ id: 'a', incident: incident({ id: 'incident-a' }), request }), ['slack']);
    await store.enqueue(alert({ id: 'b', incident: incident({ id: 'incident-b' }) }), ['slack']);
    await store.enqueue(alert({ id: 'c', incident: incident({ id: 'incident-b' }), request }), ['slack']);
    for (const [n, id] of ['a', 'b', 'c'].entries()) await store.markSent(toSlack(id), NOON + n);
    expect(await store.sentSince('slack', NOON - SECOND)).toEqual([
      { at: NOON, isRequest: true },
      { at: NOON + 1, isRequest: false },
    ]);
  });

  test('knows whether a receiver has shown an incident alone', async () => {
    const store = await open(await newLocation());
    await store.enqueue(alert(), ['slack'], undefined, ['slack']);
    expect(await store.isShown('slack', alert().incident.id)).toBe(false);
    await store.markSent(toSlack('alert-1'), NOON);
    expect(await store.isShown('slack', alert().incident.id)).toBe(true);
  });

  test('the state of a flood and the date of a digest survive a restart of the agent', async () => {
    const where = await newLocation();
    const store = await open(where);
    expect([await store.loadFlood('slack'), await store.loadDigest('slack')]).toEqual([undefined, undefined]);
    await store.saveFlood('slack', '{"id":"flood-1"}');
    await store.saveDigest('slack', '2026-11-25');
    await store.close();
    const reopened = await open(where);
    expect(await reopened.loadFlood('slack')).toBe('{"id":"flood-1"}');
    expect([await reopened.loadDigest('slack'), await reopened.loadDigest('apprise')]).toEqual([
      '2026-11-25',
      undefined,
    ]);
  });

  test('sums what was spent in a period, and lists the cases since a time', async () => {
    const store = await open(await newLocation());
    expect(await store.spendBetween(0, NOON)).toBe(0);
    await store.saveIncident(incident());
    expect(await store.casesSince(0, 10)).toEqual([]);
  });
});
