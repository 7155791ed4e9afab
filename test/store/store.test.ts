import { describe, expect, test } from 'vitest';
import { alert, attempt, incident, NOON, open, request, SECOND, temporaryDirectory } from './support.ts';

describe('concurrent calls', () => {
  test('do not interfere with each other', async () => {
    const store = await open(await temporaryDirectory());
    const numbers = Array.from({ length: 100 }, (_, n) => n);
    const reads: Promise<unknown>[] = [];
    await Promise.all(
      numbers.flatMap((n) => {
        reads.push(store.openCases(), store.totals(), store.spendSince(0));
        return [
          store.saveIncident(incident({ id: `i-${n}` })),
          store.recordRequests([request({ costUsd: 0.5 }), request({ costUsd: 0.5 })]),
          store.saveCursors(new Map([['same', { at: String(n), seen: n }]])),
          store.beginAttempt(attempt({ id: `a-${n}`, startedAt: NOON + n * SECOND })),
          store.enqueue(alert({ id: `alert-${n % 10}` }), ['slack']),
        ];
      }),
    );
    await Promise.all(reads);
    expect(await store.openCases()).toHaveLength(100);
    expect(await store.spendSince(0)).toBe(100);
    expect((await store.attemptsSince({ project: 'shop', service: 'api' }, NOON)).map(({ id }) => id)).toEqual(
      numbers.map((n) => `a-${n}`),
    );
    expect(await store.pending()).toEqual(new Map([['slack', 10]]));
    expect(await store.loadCursors()).toEqual(new Map([['same', { at: '99', seen: 99 }]]));
  });

  test('that enqueue the same alert report only once that it is new', async () => {
    const store = await open(await temporaryDirectory());
    const answers = await Promise.all(Array.from({ length: 20 }, () => store.enqueue(alert(), ['slack'])));
    expect(answers.filter(Boolean)).toHaveLength(1);
  });
});

describe('closing', () => {
  test('waits for running queries and rejects later ones', async () => {
    const dataDir = await temporaryDirectory();
    const store = await open(dataDir);
    const writes = Array.from({ length: 20 }, (_, n) => store.saveIncident(incident({ id: `i-${n}` })));
    await store.close();
    await Promise.all(writes);
    await store.close();
    await expect(store.saveIncident(incident())).rejects.toMatchObject({
      reason: 'unavailable',
      message: 'could not save an incident: the store is closed',
    });
    expect(await (await open(dataDir)).openCases()).toHaveLength(20);
  });
});
