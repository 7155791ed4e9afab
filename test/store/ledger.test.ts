import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HOUR, NOON, onEveryEngine, open, request } from './support.ts';

onEveryEngine(({ newLocation }) => {
  test('the ledger of a new store is empty', async () => {
    const store = await open(await newLocation());
    expect(await store.asksSince(0)).toBe(0);
    expect(await store.spendSince(0)).toBe(0);
  });

  test('every saved question counts, even a second one about the same incident', async () => {
    const where = await newLocation();
    const store = await open(where);
    await store.recordAsk({ at: NOON, incidentId: 'incident-1' });
    await store.recordAsk({ at: NOON, incidentId: 'incident-1' });
    await store.close();
    const reopened = await open(where);
    expect(await reopened.asksSince(NOON)).toBe(2);
    expect(await reopened.asksSince(NOON + 1)).toBe(0);
  });

  test('failed requests count toward the spend', async () => {
    const store = await open(await newLocation());
    await store.recordRequests([
      request({ outcome: 'truncated', costUsd: 0.002 }),
      request({ outcome: 'overloaded', costUsd: 0 }),
      request({ outcome: 'ok', costUsd: 0.0005 }),
    ]);
    await store.recordRequests([]);
    expect(await store.spendSince(NOON)).toBeCloseTo(0.0025, 12);
  });

  test('windows are rolling: exactly the rows of the last hour count', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ at: fc.integer({ min: 0, max: 4 * HOUR }), cents: fc.integer({ min: 0, max: 50 }) }), {
          maxLength: 30,
        }),
        fc.array(fc.integer({ min: 0, max: 5 * HOUR }), { minLength: 1, maxLength: 5 }),
        async (rows, moments) => {
          // This location makes the store use memory, which is faster: no directory can be created below a file.
          const store = await open('/dev/null/store');
          for (const { at } of rows) await store.recordAsk({ at, incidentId: 'incident-1' });
          await store.recordRequests(rows.map(({ at, cents }) => request({ at, costUsd: cents / 100 })));
          for (const moment of moments) {
            const counted = rows.filter(({ at }) => at >= moment - HOUR);
            expect(await store.asksSince(moment - HOUR)).toBe(counted.length);
            const spend = counted.reduce((sum, { cents }) => sum + cents, 0) / 100;
            expect(await store.spendSince(moment - HOUR)).toBeCloseTo(spend, 9);
          }
          await store.close();
        },
      ),
      { numRuns: 60 },
    );
  });
});
