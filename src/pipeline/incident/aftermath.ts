import {
  type Aftermath,
  type ContainerFacts,
  type Decision,
  type EngineEvent,
  HELD_BACK_REASONS,
  type Incident,
} from '../../domain.ts';

/** Watches what becomes of incidents for which a restart was held back. */
export interface Aftermaths {
  /** `facts`: as they were when it was decided; absent where an earlier run of the agent did. */
  decided(incident: Incident, decision: Decision, facts?: ContainerFacts): void;
  /** `byOperator`: somebody else than us asked the container to stop with this event. */
  observe(event: EngineEvent, byOperator: boolean): void;
  ended(incident: Incident): void;
}

interface Held {
  readonly containerId: string;
  /** It was down and the engine would not have started it: who starts it is a person. */
  readonly down: boolean;
}

export function isHeldBack(decision: Decision): boolean {
  return HELD_BACK_REASONS.some((reason) => reason === decision.reason);
}

export function createAftermaths(save: (incidentId: string, aftermath: Aftermath) => void): Aftermaths {
  const held = new Map<string, Held>();
  return {
    decided({ id, container }, decision, facts) {
      if (!isHeldBack(decision)) return;
      const down = facts !== undefined && facts.status === 'exited' && facts.restartPolicy === 'no';
      held.set(id, { containerId: container.id, down });
    },

    observe({ containerId, action }, byOperator) {
      for (const [id, incident] of held) {
        if (incident.containerId !== containerId) continue;
        if (!byOperator && action.kind !== 'destroy' && !(action.kind === 'start' && incident.down)) continue;
        held.delete(id);
        save(id, 'restarted_by_person');
      }
    },

    ended({ id }) {
      if (held.delete(id)) save(id, 'came_back');
    },
  };
}
