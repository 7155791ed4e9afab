import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import {
  alert,
  attempt,
  DAY,
  diagnosis,
  incident,
  NOON,
  onEveryEngine,
  open,
  request,
  temporaryDirectory,
} from './support.ts';

onEveryEngine(({ newLocation }) => {
  test('resolved incidents are deleted after 90 days, open ones never', async () => {
    const clock = { time: NOON };
    const store = await open(await newLocation(), { clock });
    for (const id of ['open', 'resolved', 'resolved-late']) {
      await store.saveIncident(incident({ id }));
      await store.saveDiagnosis(id, diagnosis());
    }
    await store.resolveIncident('resolved', NOON);
    await store.resolveIncident('resolved-late', NOON + DAY);
    clock.time = NOON + 90 * DAY;
    expect(await store.prune()).toEqual({ incidents: 0, attempts: 0, ledger: 0, alerts: 0 });
    clock.time += 1;
    expect(await store.prune()).toMatchObject({ incidents: 1 });
    expect((await store.history({ limit: 9 })).map((found) => found.incident.id)).toEqual(['open', 'resolved-late']);
  });

  test('the oldest resolved incidents beyond the maximum are deleted, in batches', async () => {
    const store = await open(await newLocation());
    for (let n = 0; n < 450; n++) {
      await store.saveIncident(incident({ id: `i-${n}` }));
      await store.resolveIncident(`i-${n}`, NOON + n);
    }
    await store.saveDiagnosis('i-449', diagnosis());
    await store.saveDiagnosis('i-448', diagnosis());
    await store.saveDiagnosis('i-447', diagnosis());
    expect(await store.prune({ retention: { maxResolvedIncidents: 2 } })).toMatchObject({ incidents: 448 });
    expect((await store.history({ limit: 9 })).map((found) => found.incident.id)).toEqual(['i-448', 'i-449']);
    expect(await store.totals()).toMatchObject({ diagnoses: 3 });
  });

  test('restarts of the last hour count toward limits even if their incidents were deleted', async () => {
    const store = await open(await newLocation());
    await store.saveIncident(incident());
    await store.beginAttempt(attempt({ outcome: 'failed' }));
    await store.resolveIncident('incident-1', NOON);
    await store.prune({ retention: { maxResolvedIncidents: 0 } });
    expect(await store.attemptsSince({ project: 'shop', service: 'api' }, NOON)).toHaveLength(1);
  });

  test('the ledger is deleted after 90 days, alerts a week after they were sent or dropped, pending ones never', async () => {
    const clock = { time: NOON };
    const store = await open(await newLocation(), { clock });
    await store.recordAsk({ at: NOON, incidentId: 'incident-1' });
    await store.recordAsk({ at: NOON + 2, incidentId: 'incident-1' });
    await store.recordRequests([request(), request({ at: NOON + 2 })]);
    for (const id of ['sent', 'dropped', 'pending']) await store.enqueue(alert({ id }), ['slack']);
    await store.markSent({ alertId: 'sent', receiver: 'slack' }, NOON);
    await store.markDropped({ alertId: 'dropped', receiver: 'slack' }, NOON, 'revoked');

    clock.time = NOON + 7 * DAY + 1;
    expect(await store.prune()).toEqual({ incidents: 0, attempts: 0, ledger: 0, alerts: 2 });
    clock.time = NOON + 90 * DAY + 1;
    expect(await store.prune()).toEqual({ incidents: 0, attempts: 0, ledger: 2, alerts: 0 });
    expect(await store.asksSince(0)).toBe(1);
    expect(await store.pending()).toEqual(new Map([['slack', 1]]));
  });

  test('pruning stops if the signal aborts', async () => {
    const store = await open(await newLocation());
    await store.saveIncident(incident());
    await store.resolveIncident('incident-1', NOON - 91 * DAY);
    expect(await store.prune({ signal: AbortSignal.abort() })).toMatchObject({ incidents: 0 });
    expect(await store.prune()).toMatchObject({ incidents: 1 });
  });
});

test('the space of deleted rows is returned to the disk', async () => {
  const dataDir = await temporaryDirectory();
  const store = await open(dataDir);
  for (let n = 0; n < 300; n++) {
    await store.saveIncident(incident({ id: `i-${n}`, summary: 'x'.repeat(4_000) }));
    await store.resolveIncident(`i-${n}`, NOON + n);
  }
  const reader = new DatabaseSync(join(dataDir, 'doctor.db'), { readOnly: true });
  onTestFinished(() => reader.close());
  const pages = () => Number(reader.prepare('PRAGMA page_count').get()?.page_count);
  const before = pages();
  await store.prune({ retention: { maxResolvedIncidents: 1 } });
  expect(pages()).toBeLessThan(before / 4);
});
