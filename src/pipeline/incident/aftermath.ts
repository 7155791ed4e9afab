import type { ContainerFacts, EngineEvent } from '../../domain/containers.ts';
import { type Aftermath, type Decision, HELD_BACK_REASONS } from '../../domain/decision.ts';
import type { Incident } from '../../domain/incident.ts';
import type { Lifecycle } from '../lifecycle/lifecycle.ts';

/** Records how problems ended after a restart was held back. */
interface Aftermaths {
  /** `facts`: at the time of the decision; absent if an earlier run of the agent decided. */
  decided(incident: Incident, decision: Decision, facts?: ContainerFacts): void;
  /** Must be called after the lifecycle has observed the event. */
  observe(event: EngineEvent): void;
  ended(incident: Incident): void;
}

interface Held {
  readonly containerId: string;
  /** The container was down and has no restart policy, so only a person starts it. */
  readonly down: boolean;
  /** When a person had last stopped it at the time of the decision. */
  readonly stoppedByPersonAt?: number;
}

export function isHeldBack(decision: Decision): boolean {
  return HELD_BACK_REASONS.some((reason) => reason === decision.reason);
}

export function createAftermaths(
  lifecycle: Pick<Lifecycle, 'of'>,
  save: (incidentId: string, aftermath: Aftermath) => void,
): Aftermaths {
  const held = new Map<string, Held>();
  return {
    decided({ id, container }, decision, facts) {
      held.delete(id);
      if (!isHeldBack(decision)) return;
      const down = facts !== undefined && facts.status === 'exited' && facts.restartPolicy === 'no';
      const { stoppedByPersonAt } = lifecycle.of(container.id);
      held.set(id, { containerId: container.id, down, stoppedByPersonAt });
    },

    observe({ containerId, action }) {
      if (held.size === 0) return;
      const { stoppedByPersonAt } = lifecycle.of(containerId);
      for (const [id, incident] of held) {
        if (incident.containerId !== containerId) continue;
        const stopped = stoppedByPersonAt !== undefined && stoppedByPersonAt !== incident.stoppedByPersonAt;
        if (!stopped && action.kind !== 'destroy' && !(action.kind === 'start' && incident.down)) continue;
        held.delete(id);
        save(id, 'restarted_by_person');
      }
    },

    ended({ id }) {
      if (held.delete(id)) save(id, 'came_back');
    },
  };
}
