/**
 * Incidents whose restart was left to the restart policy of the engine. The engine may give up: at the limit of
 * `on-failure:N`, or because it can no longer start the container.
 */
import type { ContainerFacts, ListedContainer } from '../../domain/containers.ts';
import type { Decision } from '../../domain/decision.ts';
import type { Incident } from '../../domain/incident.ts';
import type { ContainerControl } from '../ports/engine.ts';

export interface LeftToEngine {
  decided(incident: Incident, decision: Decision): void;
  ended(incident: Incident): void;
  /** Whether the incident was left to the engine and its container is listed as down. */
  isListedDown(incident: Incident, listed: readonly ListedContainer[]): boolean;
  /** Asks the engine whether it has given up. True once for each decision to leave it to the engine; never rejects. */
  gaveUp(incident: Incident): Promise<boolean>;
}

const DOWN: ReadonlySet<ContainerFacts['status']> = new Set(['exited', 'dead']);

export function createLeftToEngine(control: Pick<ContainerControl, 'inspect'>): LeftToEngine {
  const left = new Set<string>();
  return {
    decided({ id }, { reason }) {
      if (reason === 'engine_restarting') left.add(id);
      else left.delete(id);
    },

    ended: ({ id }) => void left.delete(id),

    isListedDown({ id, container }, listed) {
      if (!left.has(id)) return false;
      return listed.some(({ ref, status }) => ref.id === container.id && DOWN.has(status));
    },

    async gaveUp({ id, container }) {
      if (!left.has(id)) return false;
      const facts = await control.inspect(container.id).catch(() => undefined);
      return facts !== undefined && hasGivenUp(facts) && left.delete(id);
    },
  };
}

/**
 * A container that is down for another reason may have been stopped by a person, which must not be undone. Between two
 * restarts the engine reports `restarting`.
 */
function hasGivenUp(facts: ContainerFacts): boolean {
  if (!DOWN.has(facts.status)) return false;
  const { restartPolicy, maximumRetryCount, restartCount, exitCode, error } = facts;
  const isAtLimit = restartPolicy === 'on-failure' && maximumRetryCount > 0 && restartCount >= maximumRetryCount;
  return error !== '' || (isAtLimit && exitCode !== 0);
}
