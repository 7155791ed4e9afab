/** Notes every change of what the pages show, where it is written. */
import type { Area } from '../http/api/changes.ts';
import type { Store } from '../store/store.ts';

export interface Change {
  readonly area: Area;
  readonly incidentId?: string;
}

// biome-ignore lint/suspicious/noExplicitAny: the arguments of any method
type AnyMethod = (...args: any[]) => Promise<unknown>;
type WriteMethod = { [Name in keyof Store]: Store[Name] extends AnyMethod ? Name : never }[keyof Store];
type ChangesOf = {
  readonly [Name in WriteMethod]?: (...args: Parameters<Extract<Store[Name], AnyMethod>>) => readonly Change[];
};

const incident = (incidentId: string): readonly Change[] => [{ area: 'incidents', incidentId }];

/** What changes when a method of the store succeeds. */
const CHANGES: ChangesOf = {
  saveIncident: ({ id }) => incident(id),
  saveOccurrences: (counts) => counts.flatMap(({ id }) => incident(id)),
  saveDiagnosis: incident,
  saveEvidence: incident,
  saveDecision: incident,
  saveSettled: incident,
  resolveIncident: incident,
  beginAttempt: ({ incidentId }) => incident(incidentId),
  finishAttempt: () => [{ area: 'incidents' }],
  recordRequests: (requests) => requests.flatMap(({ incidentId }) => incident(incidentId)),
  enqueue: (alert) => incident(alert.incident.id),
  markSent: () => [{ area: 'status' }],
  markRetry: () => [{ area: 'status' }],
  markDropped: () => [{ area: 'status' }],
  // Other hosts may have had incidents since the last heartbeat.
  beat: () => [{ area: 'containers' }, { area: 'incidents' }, { area: 'people' }, { area: 'status' }],
  saveAftermath: incident,
  saveVerdict: incident,
  saveDeployment: () => [{ area: 'containers' }],
  saveAbsence: () => [{ area: 'status' }],
  saveRequest: ({ incidentId }) => [{ area: 'people', incidentId }],
  endRequest: () => [{ area: 'people' }],
  saveSnooze: () => [{ area: 'people' }],
  endSnooze: () => [{ area: 'people' }],
  saveAudit: ({ incidentId }) => [{ area: 'people', ...(incidentId !== undefined && { incidentId }) }],
  saveAuditResult: () => [{ area: 'people' }],
};

/** The same store; `note` is called after each successful write. */
export function notingChanges(store: Store, note: (change: Change) => void): Store {
  const noting: Record<string, AnyMethod> = {};
  for (const [name, changesOf] of Object.entries(CHANGES) as [
    WriteMethod,
    (...args: unknown[]) => readonly Change[],
  ][]) {
    const method = store[name] as AnyMethod;
    noting[name] = async (...args) => {
      const result = await method(...args);
      for (const change of changesOf(...args)) note(change);
      return result;
    };
  }
  return { ...store, ...noting };
}
