import type { Attempt, ContainerFacts, Incident } from '../../domain.ts';
import { EngineError } from '../../errors.ts';
import type { Clock } from '../../lib/time.ts';
import type { AttemptStore, ContainerControl } from '../ports.ts';
import { START_PATIENCE_MS } from './verify.ts';

export interface ActDeps {
  readonly control: Pick<ContainerControl, 'restart'>;
  readonly attempts: Pick<AttemptStore, 'beginAttempt'>;
  readonly clock: Clock;
  newId(): string;
}

/**
 * `done`: the engine says so. `late`: it was asked and may still be at it. `lost`: the connection was, and whether
 * it was asked is not known. Of the latter two verification tells.
 */
export type EngineAnswer = 'done' | 'late' | 'lost';

export type Acted =
  | { readonly kind: 'restarted'; readonly attempt: Attempt; readonly answer: EngineAnswer }
  | { readonly kind: 'refused'; readonly attempt: Attempt; readonly detail: string };

/**
 * Restarts the container. The attempt is on disk before the engine is called: rejects, with nothing done,
 * where it cannot be written.
 */
export async function restart(incident: Incident, facts: ContainerFacts, deps: ActDeps): Promise<Acted> {
  const { container } = incident;
  const attempt: Attempt = {
    id: deps.newId(),
    incidentId: incident.id,
    containerId: container.id,
    containerName: container.name,
    service: container.service,
    project: container.project,
    startedAt: deps.clock.now(),
  };
  await deps.attempts.beginAttempt(attempt);
  try {
    await deps.control.restart(container.id, AbortSignal.timeout(facts.stopTimeout * 1000 + START_PATIENCE_MS));
    return { kind: 'restarted', attempt, answer: 'done' };
  } catch (error) {
    // The engine goes on with a restart whose caller has gone.
    if (isTimeout(error)) return { kind: 'restarted', attempt, answer: 'late' };
    if (!(error instanceof EngineError)) throw error;
    if (error.reason === 'unreachable' || error.reason === 'protocol') {
      return { kind: 'restarted', attempt, answer: 'lost' };
    }
    return { kind: 'refused', attempt, detail: `the engine did not restart it: ${error.message}` };
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof EngineError ? error.reason === 'timeout' : (error as Error)?.name === 'TimeoutError';
}
