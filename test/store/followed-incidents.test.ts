import { expect, test } from 'vitest';
import { alert, incident, NOON, onEveryEngine, open } from './support.ts';

const HOUR = 3_600_000;

onEveryEngine(({ newLocation }) => {
  test('a receiver follows an incident from its first alert on, also after a restart of the agent', async () => {
    const where = await newLocation();
    const store = await open(where);
    await store.enqueue(alert(), ['slack', 'app'], undefined, ['app']);
    await store.enqueue(alert({ id: 'alert-2' }), ['slack', 'app'], undefined, ['app']);
    await store.close();
    const reopened = await open(where);
    expect(await reopened.followersOf(alert().incident.id)).toEqual(['app']);
    expect(await reopened.followersOf('another')).toEqual([]);
  });

  test('what a receiver remembers of an incident is replaced, and survives a restart of the agent', async () => {
    const where = await newLocation();
    const store = await open(where);
    expect(await store.recall('app', 'incident-1')).toBeUndefined();
    await store.remember('app', incident(), 'thread 1\0');
    await store.remember('app', incident(), 'thread 2');
    await store.remember('other', incident(), 'elsewhere');
    await store.close();
    const reopened = await open(where);
    expect(await reopened.recall('app', incident().id)).toBe('thread 2');
    expect(await reopened.recallOpen('app')).toEqual([{ incidentId: incident().id, value: 'thread 2' }]);
  });

  test('what a receiver remembers apart from incidents survives a restart of the agent', async () => {
    const where = await newLocation();
    const store = await open(where);
    expect(await store.recallNote('app', 'summary')).toBeUndefined();
    await store.rememberNote('app', 'summary', 'message 1');
    await store.rememberNote('app', 'summary', 'message 2');
    await store.rememberNote('other', 'summary', 'elsewhere');
    await store.close();
    expect(await (await open(where)).recallNote('app', 'summary')).toBe('message 2');
  });

  test('a problem that returns finds what was remembered of it until some time after its end', async () => {
    const clock = { time: NOON };
    const store = await open(await newLocation(), { clock });
    const first = incident({ id: 'first' });
    await store.enqueue(alert({ incident: first }), ['app'], undefined, ['app']);
    await store.remember('app', first, 'thread');
    await store.enqueue(alert({ id: 'end', kind: 'resolved', incident: first }), ['app'], undefined, ['app']);
    expect(await store.recallOpen('app')).toEqual([]);
    const again = incident({ id: 'again' });
    await store.remember('app', again, 'own');
    const earlier = { incidentId: 'first', value: 'thread' };
    expect(await store.recallEarlier('app', again, NOON - HOUR)).toEqual(earlier);
    expect(await store.recallEarlier('app', again, NOON + 1)).toBeUndefined();
    expect(await store.recallEarlier('other', again, 0)).toBeUndefined();
    expect(await store.recallEarlier('app', incident({ id: 'x', fingerprint: 'another' }), 0)).toBeUndefined();
  });

  test('an end that the followers do not know is found, until it is in the outbox', async () => {
    const store = await open(await newLocation());
    await store.saveIncident(incident());
    await store.enqueue(alert({ incident: incident() }), ['app'], undefined, ['app']);
    expect(await store.untoldResolutions()).toEqual([]);
    await store.resolveIncident(incident().id, NOON);
    expect(await store.untoldResolutions()).toEqual([incident().id]);
    await store.enqueue(alert({ id: 'end', kind: 'resolved', incident: incident() }), ['app'], undefined, ['app']);
    expect(await store.untoldResolutions()).toEqual([]);
  });

  test('what is remembered is deleted with the incident', async () => {
    const clock = { time: NOON };
    const store = await open(await newLocation(), { clock });
    await store.saveIncident(incident());
    await store.remember('app', incident(), 'thread');
    await store.resolveIncident(incident().id, NOON);
    clock.time = NOON + 2 * HOUR;
    await store.prune({ retention: { resolvedIncidentsMs: HOUR } });
    expect(await store.recall('app', incident().id)).toBeUndefined();
  });

  test('what is remembered of an incident that was never stored is deleted in time too', async () => {
    const clock = { time: NOON };
    const store = await open(await newLocation(), { clock });
    await store.remember('app', incident({ id: 'unstored' }), 'thread');
    await store.prune({ retention: { resolvedIncidentsMs: HOUR } });
    expect(await store.recall('app', 'unstored')).toBe('thread');
    clock.time = NOON + 2 * HOUR;
    await store.prune({ retention: { resolvedIncidentsMs: HOUR } });
    expect(await store.recall('app', 'unstored')).toBeUndefined();
  });
});
