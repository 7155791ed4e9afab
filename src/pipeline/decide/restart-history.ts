import type { Attempt } from '../../domain/decision.ts';
import type { Incident } from '../../domain/incident.ts';

/** What the agent's restarts in the last hour mean for the next one. */
export interface RestartHistory {
  /** Restarts of the service, whatever their outcome. */
  readonly lastHour: number;
  /** Restarts of all services together. */
  readonly hostLastHour: number;
  /** The state of restarts of the same container for other incidents, since this incident opened. */
  readonly otherIncidents: 'none' | 'in_progress' | 'recovered';
  /** When a restart last failed to start the container. 0: never. */
  readonly couldNotStartAt: number;
  /** No restart before this time, because restarts for other incidents did not help. 0: no wait. */
  readonly backOffUntil: number;
}

/** After each restart that did not help, so that a restart loop is slow even without a limit. */
const BACKOFF_MS = [5_000, 30_000, 120_000] as const;

/** The wait after this many consecutive restarts that did not help, ms. */
export function backOffMs(failures: number): number {
  return BACKOFF_MS[Math.min(failures, BACKOFF_MS.length) - 1] ?? 0;
}

/** The number of consecutive restarts of this container, up to the latest, that did not end in a verified recovery. */
export function failuresInARow(containerId: string, attempts: readonly Attempt[]): number {
  return sinceRecovery(attempts.filter((attempt) => attempt.containerId === containerId)).length;
}

function sinceRecovery(attempts: readonly Attempt[]): readonly Attempt[] {
  return attempts.slice(attempts.findLastIndex(({ outcome }) => outcome === 'recovered') + 1);
}

/**
 * The back-off grows with each consecutive restart that did not end in a verified recovery. A recovery or the end of the
 * hour resets it. The workflow already waits between restarts for the same incident, so only others count here.
 *
 * Attempts with a time in the future are from before the clock was set back. They count toward the limit only.
 *
 * @param attempts of the service in the last hour, oldest first
 */
export function restartHistory(
  incident: Incident,
  attempts: readonly Attempt[],
  hostLastHour: number,
  now: number,
): RestartHistory {
  const ofContainer = attempts.filter(({ containerId }) => containerId === incident.container.id);
  const others = ofContainer.filter(({ incidentId }) => incidentId !== incident.id);
  const since = others.filter(({ startedAt }) => startedAt >= incident.openedAt && startedAt <= now);
  const inProgress = others.some(({ outcome }) => outcome === undefined);
  const inARow = sinceRecovery(ofContainer);
  const last = inARow.at(-1);
  const lastEnd = last?.finishedAt ?? last?.startedAt ?? 0;
  const holdsBack = last !== undefined && last.incidentId !== incident.id && lastEnd <= now;
  return {
    lastHour: attempts.length,
    hostLastHour,
    otherIncidents: inProgress
      ? 'in_progress'
      : since.some(({ outcome }) => outcome === 'recovered')
        ? 'recovered'
        : 'none',
    couldNotStartAt: last?.outcome === 'error' && lastEnd <= now ? lastEnd : 0,
    backOffUntil: holdsBack ? lastEnd + backOffMs(inARow.length) : 0,
  };
}
