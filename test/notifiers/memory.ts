import type { Incident } from '../../src/domain/incident.ts';
import type { IncidentMemory } from '../../src/notifiers/receiver-module.ts';

/** What the store keeps for one receiver. The end of an incident is told with `end`. */
export function createIncidentMemory(): IncidentMemory & { end(incidentId: string): void } {
  const notes = new Map<string, string>();
  const values = new Map<string, { readonly incident: Incident; readonly value: string; ended?: true }>();
  return {
    recall: async (incidentId) => values.get(incidentId)?.value,
    remember: async (incident, value) => void values.set(incident.id, { incident, value }),
    recallNote: async (name) => notes.get(name),
    rememberNote: async (name, value) => void notes.set(name, value),
    recallEarlier: async () => undefined,
    recallOpen: async () =>
      Array.from(values).flatMap(([incidentId, { value, ended }]) => (ended ? [] : [{ incidentId, value }])),
    end(incidentId) {
      const known = values.get(incidentId);
      if (known) known.ended = true;
    },
  };
}
