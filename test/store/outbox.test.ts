import { expect, test } from 'vitest';
import { alert, incident, NOON, onEveryBackend, open, SECOND } from './support.ts';

onEveryBackend(({ place }) => {
  test('an alert waits in the outbox, whole, across a restart of the agent', async () => {
    const where = await place();
    const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };
    const store = await open(where);
    expect(await store.enqueue(alert(), ['slack'], trace)).toBe(true);
    await store.close();

    const reopened = await open(where);
    expect((await reopened.pending()).get('slack') ?? 0).toBe(1);
    expect(await reopened.due('slack', NOON, 10)).toStrictEqual([{ alert: alert(), tries: 0, trace }]);
  });

  test('enqueuing an alert again changes nothing, whatever became of the first', async () => {
    const store = await open(await place());
    expect(await store.enqueue(alert(), ['slack'])).toBe(true);
    expect(await store.enqueue(alert({ excerpt: ['other'] }), ['slack'])).toBe(false);
    expect(await store.due('slack', NOON, 10)).toStrictEqual([{ alert: alert(), tries: 0 }]);

    await store.markSent({ alertId: 'alert-1', receiver: 'slack' }, NOON);
    expect(await store.enqueue(alert(), ['slack'])).toBe(false);
    expect((await store.pending()).get('slack') ?? 0).toBe(0);
    expect(await store.due('slack', NOON, 10)).toEqual([]);
  });

  test('alerts leave in the order they came, those of one millisecond too', async () => {
    const store = await open(await place());
    const ids = ['z', 'b', 'y', 'a'];
    for (const id of ids) await store.enqueue(alert({ id }), ['slack']);
    expect((await store.due('slack', NOON, 3)).map((row) => row.alert.id)).toEqual(ids.slice(0, 3));
  });

  test('an alert that is put off is due again at its time, and remembers how often it was tried', async () => {
    const store = await open(await place());
    await store.enqueue(alert(), ['slack']);
    await store.enqueue(alert({ id: 'alert-2' }), ['slack']);
    await store.markRetry({ alertId: 'alert-1', receiver: 'slack' }, NOON + 30 * SECOND, 'HTTP 429');
    await store.markSent({ alertId: 'alert-2', receiver: 'slack' }, NOON);

    expect(await store.due('slack', NOON + 29 * SECOND, 10)).toEqual([]);
    expect(await store.due('slack', NOON + 30 * SECOND, 10)).toMatchObject([{ alert: { id: 'alert-1' }, tries: 1 }]);
  });

  test('sent and dropped are final', async () => {
    const store = await open(await place());
    await store.enqueue(alert(), ['slack']);
    await store.markDropped({ alertId: 'alert-1', receiver: 'slack' }, NOON, 'the webhook is revoked');
    await store.markRetry({ alertId: 'alert-1', receiver: 'slack' }, NOON, 'late answer of an earlier try');
    await store.markSent({ alertId: 'alert-1', receiver: 'slack' }, NOON);
    expect((await store.pending()).get('slack') ?? 0).toBe(0);
  });

  test('an incident’s later state does not change an alert that is on its way', async () => {
    const store = await open(await place());
    await store.saveIncident(incident());
    await store.enqueue(alert(), ['slack']);
    await store.resolveIncident('incident-1', NOON);
    expect(await store.due('slack', NOON, 1)).toMatchObject([{ alert: { incident: { state: 'open' } } }]);
  });
});
