import { expect, test } from 'vitest';
import { attempt, container, DAY, diagnosis, HOUR, incident, NOON, onEveryEngine, open } from './support.ts';

onEveryEngine(({ newLocation }) => {
  test('the history holds the newest diagnosed incidents, newest last', async () => {
    const store = await open(await newLocation());
    for (let n = 0; n < 6; n++) {
      await store.saveIncident(incident({ id: `i-${n}`, openedAt: NOON + n }));
      if (n !== 4) await store.saveDiagnosis(`i-${n}`, diagnosis({ at: NOON + n }));
    }
    await store.resolveIncident('i-2', NOON + HOUR);
    const ids = async (limit: number) => (await store.history({ limit })).map((found) => found.incident.id);
    expect(await ids(3)).toEqual(['i-2', 'i-3', 'i-5']);
    expect(await ids(50)).toEqual(['i-0', 'i-1', 'i-2', 'i-3', 'i-5']);
  });

  test('the history of a container includes only incidents with exactly its name', async () => {
    const store = await open(await newLocation());
    for (const name of ['api', 'api-2', 'API', 'a%']) {
      await store.saveIncident(incident({ id: name, container: container({ name }) }));
      await store.saveDiagnosis(name, diagnosis());
    }
    expect((await store.history({ limit: 50, container: 'api' })).map((found) => found.incident.id)).toEqual(['api']);
    expect(await store.history({ limit: 50, container: '%' })).toEqual([]);
  });

  test('totals count every diagnosed incident once and every restart that took place', async () => {
    const store = await open(await newLocation());
    expect(await store.totals()).toEqual({ diagnoses: 0, restartsByContainer: new Map() });
    await store.saveIncident(incident());
    await store.saveIncident(incident({ id: 'undiagnosed' }));
    await store.saveDiagnosis('incident-1', diagnosis());
    await store.saveDiagnosis('incident-1', diagnosis({ rootCause: 'asked again' }));
    const outcomes = ['recovered', 'failed', 'unknown', 'error', undefined] as const;
    for (const [n, outcome] of outcomes.entries()) {
      await store.beginAttempt(attempt({ id: `a-${n}`, containerName: n < 2 ? 'api' : 'web', outcome }));
    }
    expect(await store.totals()).toEqual({
      diagnoses: 1,
      restartsByContainer: new Map([
        ['api', 2],
        ['web', 1],
      ]),
    });
  });

  test('totals include rows that retention has deleted', async () => {
    const clock = { time: NOON };
    const store = await open(await newLocation(), { clock });
    for (const id of ['one', 'two']) {
      await store.saveIncident(incident({ id }));
      await store.saveDiagnosis(id, diagnosis());
      await store.beginAttempt(attempt({ id, outcome: 'recovered' }));
      await store.resolveIncident(id, clock.time);
      clock.time += 91 * DAY;
      await store.prune();
    }
    await store.saveIncident(incident({ id: 'three' }));
    await store.saveDiagnosis('three', diagnosis());
    expect(await store.history({ limit: 50 })).toHaveLength(1);
    expect(await store.totals()).toEqual({ diagnoses: 3, restartsByContainer: new Map([['shop-api-1', 2]]) });
  });
});
