import { expect, it } from 'vitest';
import { openReviews } from '../../src/store/open-reviews.ts';
import { aDiagnosis, anIncident } from '../support/domain.ts';
import { open, recordingLogger, temporaryDirectory } from './support.ts';

const HELD = { kind: 'notify', reason: 'observe_mode' } as const;

it('keeps the first aftermath and the last verdict, and lists oldest first', async () => {
  const store = await open(await temporaryDirectory());
  for (const id of ['one', 'two', 'three']) {
    await store.saveIncident(anIncident({ id, fingerprint: id }));
    await store.saveDecision(id, id === 'three' ? { kind: 'record', reason: 'severity_too_low' } : HELD);
  }
  await store.saveAftermath('one', 'restarted_by_person', 2_000);
  await store.saveAftermath('one', 'came_back', 3_000);
  expect(await store.saveVerdict('one', { verdict: 'wrong', note: 'no', at: 4_000 })).toBe(true);
  expect(await store.saveVerdict('one', { verdict: 'right', at: 5_000 })).toBe(true);
  const cases = await store.reviewedCases(10);
  expect(cases.map(({ incidentId }) => incidentId)).toEqual(['one', 'two']);
  expect(cases[0]).toMatchObject({ aftermath: 'restarted_by_person', verdict: 'right', decision: HELD });
  expect(cases[0]?.note).toBeUndefined();
  expect((await store.reviewedCases(1)).map(({ incidentId }) => incidentId)).toEqual(['two']);
});

it('lists the verdicts since a time, and the judged diagnoses', async () => {
  const store = await open(await temporaryDirectory());
  for (const [i, id] of ['one', 'two', 'three'].entries()) {
    const trace = { traceId: 't'.repeat(32), spanId: 's'.repeat(16) };
    await store.saveIncident(anIncident({ id, fingerprint: id, trace }));
    await store.saveDiagnosis(id, aDiagnosis({ by: 'local', model: 'qwen3:4b' }));
    await store.saveDecision(id, HELD);
    if (id !== 'three') await store.saveVerdict(id, { verdict: 'right', at: 1_000 * (i + 1), note: 'so it is' });
  }
  expect(await store.verdictsSince(1_000)).toEqual([
    {
      incidentId: 'two',
      verdict: 'right',
      note: 'so it is',
      at: 2_000,
      model: 'qwen3:4b',
      trace: { traceId: 't'.repeat(32), spanId: 's'.repeat(16) },
    },
  ]);
  const judged = await store.judgedDiagnoses(10);
  expect(judged.map(({ verdict, diagnosis }) => [verdict, diagnosis.by])).toEqual(Array(2).fill(['right', 'local']));
  expect(await store.loadVerdictsSeen()).toBeUndefined();
  await store.saveVerdictsSeen(5);
  expect(await store.loadVerdictsSeen()).toBe(5);
});

it('rejects a verdict on an unknown incident', async () => {
  const store = await open(await temporaryDirectory());
  expect(await store.saveVerdict('nobody', { verdict: 'right', at: 1 })).toBe(false);
});

it('accepts a verdict while the agent has the store open', async () => {
  const directory = await temporaryDirectory();
  const store = await open(directory);
  await store.saveIncident(anIncident({ id: 'one' }));
  await store.saveDecision('one', HELD);
  const reviews = await openReviews({ dataDir: directory }, recordingLogger());
  expect(await reviews.saveVerdict('one', { verdict: 'right', at: 1 })).toBe(true);
  await reviews.close();
  expect((await store.reviewedCases(10))[0]?.verdict).toBe('right');
  await store.saveAftermath('one', 'came_back', 2);
  expect((await store.reviewedCases(10))[0]).toMatchObject({ verdict: 'right', aftermath: 'came_back' });
});

it('reports that there is no store', async () => {
  await expect(openReviews({ dataDir: await temporaryDirectory() }, recordingLogger())).rejects.toThrow(
    /the agent has not run/,
  );
});
