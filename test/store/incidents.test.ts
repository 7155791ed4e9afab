import { describe, expect, test } from 'vitest';
import { attempt, container, diagnosis, HOUR, incident, NOON, onEveryEngine, open, SECOND } from './support.ts';

onEveryEngine(({ newLocation }) => {
  describe('incidents', () => {
    test('an open case is complete after a restart of the agent', async () => {
      const where = await newLocation();
      const first = await open(where);
      await first.saveIncident(incident());
      await first.saveDiagnosis('incident-1', diagnosis());
      await first.saveDecision('incident-1', { kind: 'restart', reason: 'restart_allowed' });
      await first.beginAttempt(attempt());
      await first.close();

      const second = await open(where);
      expect(await second.openCases()).toStrictEqual([
        {
          incident: incident(),
          diagnosis: diagnosis(),
          decision: { kind: 'restart', reason: 'restart_allowed' },
          attempt: attempt(),
        },
      ]);
      await second.finishAttempt('attempt-1', {
        outcome: 'recovered',
        detail: 'healthy after 4 s',
        finishedAt: NOON + 4,
      });
      await second.saveSettled('incident-1', NOON + 5);

      const finished = attempt({ outcome: 'recovered', detail: 'healthy after 4 s', finishedAt: NOON + 4 });
      expect(await second.openCases()).toMatchObject([
        { attempt: finished, outcome: 'recovered', settledAt: NOON + 5 },
      ]);
    });

    test('a case has no keys for unknown values', async () => {
      const store = await open(await newLocation());
      const bare = incident({ trace: undefined, container: container({ project: undefined, labels: {} }) });
      await store.saveIncident(bare);
      const [found] = await store.openCases();
      expect(found).toEqual({ incident: bare });
      expect(Object.keys(found ?? {})).toEqual(['incident']);
      expect(found?.incident).not.toHaveProperty('trace');
    });

    test('a case has the newest of several restart attempts', async () => {
      const store = await open(await newLocation());
      await store.saveIncident(incident());
      await store.beginAttempt(attempt({ id: 'a-2', startedAt: NOON + SECOND }));
      await store.beginAttempt(attempt({ id: 'a-1', startedAt: NOON }));
      expect((await store.openCases()).map((found) => found.attempt?.id)).toEqual(['a-2']);
    });

    test('saving an incident again updates it and keeps its diagnosis', async () => {
      const store = await open(await newLocation());
      await store.saveIncident(incident());
      await store.saveDiagnosis('incident-1', diagnosis());
      await store.saveIncident(incident({ detector: 'crash_loop', occurrences: 7, lastSeenAt: NOON + SECOND }));
      expect(await store.openCases()).toMatchObject([
        { incident: { detector: 'crash_loop', occurrences: 7, lastSeenAt: NOON + SECOND }, diagnosis: diagnosis() },
      ]);
    });

    test('counts are saved together and never decrease, whatever the order of the writes', async () => {
      const store = await open(await newLocation());
      await store.saveIncident(incident());
      await store.saveIncident(incident({ id: 'incident-2' }));
      await store.saveOccurrences([
        { id: 'incident-1', occurrences: 40, lastSeenAt: NOON + 40 },
        { id: 'incident-2', occurrences: 3, lastSeenAt: NOON + 3 },
        { id: 'never-saved', occurrences: 3, lastSeenAt: NOON + 3 },
      ]);
      await store.saveOccurrences([{ id: 'incident-1', occurrences: 30, lastSeenAt: NOON + 30 }]);
      await store.saveIncident(incident({ occurrences: 20, lastSeenAt: NOON + 20 }));
      await store.saveOccurrences([]);
      expect(
        (await store.openCases()).map(({ incident: { occurrences, lastSeenAt } }) => [occurrences, lastSeenAt]),
      ).toEqual([
        [40, NOON + 40],
        [3, NOON + 3],
      ]);
    });

    test('a resolved incident is no longer open, and resolving it again changes nothing', async () => {
      const store = await open(await newLocation());
      await store.saveIncident(incident());
      await store.resolveIncident('incident-1', NOON + SECOND);
      await store.resolveIncident('incident-1', NOON + HOUR);
      await store.resolveIncident('never-saved', NOON);
      expect(await store.openCases()).toEqual([]);
    });

    test('a decision, diagnosis or result without a saved incident or attempt is rejected', async () => {
      const store = await open(await newLocation());
      await expect(store.saveDecision('nobody', { kind: 'restart', reason: 'restart_allowed' })).rejects.toMatchObject({
        name: 'StoreError',
        reason: 'missing',
        message: 'could not save a decision: incident nobody is not in the store',
      });
      await expect(store.saveDiagnosis('nobody', diagnosis())).rejects.toMatchObject({ reason: 'missing' });
      await expect(
        store.finishAttempt('nothing', { outcome: 'failed', detail: '', finishedAt: NOON }),
      ).rejects.toMatchObject({ reason: 'missing' });
      expect(store.healthy()).toBe(true);
    });

    test('the text of a log line cannot change a query', async () => {
      const store = await open(await newLocation());
      const hostile = `'); DROP TABLE incidents; -- "\\ 🔥`;
      await store.saveIncident(incident({ id: hostile, summary: hostile, patterns: [hostile] }));
      expect(await store.openCases()).toMatchObject([
        { incident: { id: hostile, summary: hostile, patterns: [hostile] } },
      ]);
    });
  });

  test('text that a database cannot hold is replaced, not rejected', async () => {
    const store = await open(await newLocation());
    const broken = 'NUL \u0000, half a pair \ud800';
    await store.saveIncident(incident({ summary: broken, patterns: [broken] }));
    expect(await store.openCases()).toMatchObject([
      { incident: { summary: 'NUL \ufffd, half a pair \ufffd', patterns: [broken] } },
    ]);
  });

  describe('the latest case of a problem', () => {
    const problem = { project: 'shop', service: 'api', fingerprint: 'fp-1' };

    test('is the newest diagnosed one, open or resolved, with the outcome of its restart', async () => {
      const store = await open(await newLocation());
      await store.saveIncident(incident({ id: 'old' }));
      await store.saveDiagnosis('old', diagnosis({ at: NOON }));
      await store.saveIncident(incident({ id: 'new', openedAt: NOON + HOUR }));
      await store.saveDiagnosis('new', diagnosis({ at: NOON + HOUR, rootCause: 'newer' }));
      await store.beginAttempt(attempt({ incidentId: 'new' }));
      await store.finishAttempt('attempt-1', { outcome: 'failed', detail: 'died again', finishedAt: NOON + HOUR });
      await store.resolveIncident('new', NOON + HOUR);
      await store.saveIncident(incident({ id: 'undiagnosed', openedAt: NOON + 2 * HOUR }));

      expect(await store.lastCase(problem)).toMatchObject({
        incident: { id: 'new', state: 'resolved' },
        diagnosis: { rootCause: 'newer' },
        attempt: { outcome: 'failed', detail: 'died again' },
        outcome: 'failed',
      });
    });

    test('never has another fingerprint, service or compose project', async () => {
      const store = await open(await newLocation());
      await store.saveIncident(incident());
      await store.saveDiagnosis('incident-1', diagnosis());
      expect(await store.lastCase({ ...problem, fingerprint: 'fp-2' })).toBeUndefined();
      expect(await store.lastCase({ ...problem, service: 'web' })).toBeUndefined();
      expect(await store.lastCase({ ...problem, project: 'blog' })).toBeUndefined();
      expect(await store.lastCase({ service: 'api', fingerprint: 'fp-1' })).toBeUndefined();
      expect(await store.lastCase(problem)).toBeDefined();
    });
  });

  describe('restart attempts of a service', () => {
    test('are listed oldest first, including running ones, but not those of the same service name in other projects', async () => {
      const store = await open(await newLocation());
      await store.beginAttempt(attempt({ id: 'before', startedAt: NOON - 1 }));
      await store.beginAttempt(attempt({ id: 'second', startedAt: NOON + 5 }));
      await store.beginAttempt(attempt({ id: 'first', startedAt: NOON }));
      await store.beginAttempt(attempt({ id: 'elsewhere', project: 'blog' }));
      await store.beginAttempt(attempt({ id: 'alone', project: undefined }));
      await store.finishAttempt('first', { outcome: 'failed', detail: 'died again', finishedAt: NOON + 2 });

      const shop = await store.attemptsSince({ project: 'shop', service: 'api' }, NOON);
      expect(shop.map(({ id, outcome }) => [id, outcome])).toEqual([
        ['first', 'failed'],
        ['second', undefined],
      ]);
      expect((await store.attemptsSince({ service: 'api' }, NOON)).map(({ id }) => id)).toEqual(['alone']);
    });

    test('are saved only once, even if begun twice', async () => {
      const store = await open(await newLocation());
      await store.beginAttempt(attempt());
      await store.finishAttempt('attempt-1', { outcome: 'recovered', detail: 'healthy', finishedAt: NOON + 1 });
      await store.beginAttempt(attempt());
      expect(await store.attemptsSince({ project: 'shop', service: 'api' }, 0)).toMatchObject([
        { outcome: 'recovered' },
      ]);
    });
  });
});
