import type { ContainerFacts } from '../../domain/containers.ts';
import type { Attempt } from '../../domain/decision.ts';
import type { Incident } from '../../domain/incident.ts';
import { EngineError } from '../../errors.ts';
import type { Clock } from '../../lib/time.ts';
import type { ContainerControl } from '../ports/engine.ts';
import type { AttemptStore } from '../ports/store.ts';
import { START_PATIENCE_MS } from './verify.ts';

interface RestartDeps {
  readonly control: Pick<ContainerControl, 'restart'>;
  readonly attempts: Pick<AttemptStore, 'beginAttempt'>;
  readonly clock: Clock;
  newId(): string;
  /** Default: a new one. */
  readonly attemptId?: string;
  /** The attempt is stored, and the engine is called next. */
  onBegun?(): void;
}

/**
 * `done`: the engine confirmed the restart. `late`: it received the request and may still be restarting the container.
 * `lost`: the connection was lost; whether the engine received the request is unknown. For the last two, verification
 * finds out.
 */
type EngineAnswer = 'done' | 'late' | 'lost';

export type Restarted =
  | { readonly kind: 'restarted'; readonly attempt: Attempt; readonly answer: EngineAnswer }
  | { readonly kind: 'refused'; readonly attempt: Attempt; readonly detail: string };

/** Restarts the container. The attempt is stored before the engine is called; rejects if it cannot be stored. */
export async function restart(incident: Incident, facts: ContainerFacts, deps: RestartDeps): Promise<Restarted> {
  const { container } = incident;
  const attempt: Attempt = {
    id: deps.attemptId ?? deps.newId(),
    incidentId: incident.id,
    containerId: container.id,
    containerName: container.name,
    service: container.service,
    project: container.project,
    startedAt: deps.clock.now(),
  };
  await deps.attempts.beginAttempt(attempt);
  deps.onBegun?.();
  try {
    await deps.control.restart(container.id, AbortSignal.timeout(facts.stopTimeout * 1000 + START_PATIENCE_MS));
    return { kind: 'restarted', attempt, answer: 'done' };
  } catch (error) {
    // The engine continues a restart after its caller has disconnected.
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
