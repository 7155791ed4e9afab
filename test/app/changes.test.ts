import { describe, expect, it } from 'vitest';
import { type Change, notingChanges } from '../../src/app/changes.ts';
import {
  alert,
  attempt,
  container,
  diagnosis,
  incident,
  NOON,
  open,
  request,
  temporaryDirectory,
} from '../store/support.ts';

async function noting() {
  const noted: Change[] = [];
  const store = notingChanges(await open(await temporaryDirectory()), (change) => noted.push(change));
  const during = async (work: Promise<unknown>): Promise<readonly Change[]> => {
    noted.length = 0;
    await work;
    return [...noted];
  };
  return { store, noted, during };
}

const ofIncident = [{ area: 'incidents', incidentId: 'incident-1' }];

describe('a write to the store', () => {
  it('is noted with the incident that it is about', async () => {
    const { store, during } = await noting();
    expect(await during(store.saveIncident(incident()))).toEqual(ofIncident);
    expect(await during(store.saveDiagnosis('incident-1', diagnosis()))).toEqual(ofIncident);
    expect(await during(store.saveDecision('incident-1', { kind: 'notify', reason: 'quiet_hours' }))).toEqual(
      ofIncident,
    );
    expect(await during(store.saveOccurrences([incident({ occurrences: 2 })]))).toEqual(ofIncident);
    expect(await during(store.beginAttempt(attempt()))).toEqual(ofIncident);
    expect(await during(store.recordRequests([request()]))).toEqual(ofIncident);
    expect(await during(store.enqueue(alert(), ['slack']))).toEqual(ofIncident);
    expect(await during(store.saveAftermath('incident-1', 'came_back', NOON))).toEqual(ofIncident);
    expect(await during(store.saveVerdict('incident-1', { verdict: 'right', at: NOON }))).toEqual(ofIncident);
    expect(await during(store.resolveIncident('incident-1', NOON))).toEqual(ofIncident);
  });

  it('is noted with what else it changes on the pages', async () => {
    const { store, during } = await noting();
    expect(await during(store.saveDeployment({ at: NOON, container: container() }))).toEqual([{ area: 'containers' }]);
    expect(await during(store.saveAbsence({ kind: 'agent_stopped', from: 0, to: NOON }))).toEqual([{ area: 'status' }]);
    const snooze = { id: 's', service: { service: 'api' }, since: NOON, until: NOON + 1, heldBack: 0 };
    expect(await during(store.saveSnooze({ ...snooze, by: { via: 'page', who: 'token' } }))).toEqual([
      { area: 'people' },
    ]);
  });

  it('is noted only once it has succeeded', async () => {
    const { store, noted } = await noting();
    const saving = store.saveIncident(incident());
    expect(noted).toEqual([]);
    await saving;
    expect(noted).toHaveLength(1);
    await store.close();
    await expect(store.saveIncident(incident())).rejects.toThrow();
    expect(noted).toHaveLength(1);
  });

  it('is not noted if the pages do not show it, and neither is a read', async () => {
    const { store, during } = await noting();
    expect(await during(store.saveLastRun(NOON))).toEqual([]);
    expect(await during(store.incidentPage({}, { limit: 1 }))).toEqual([]);
  });
});
