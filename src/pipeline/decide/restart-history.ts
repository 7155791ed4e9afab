import type { Attempt, Incident } from '../../domain.ts';

/** What the restarts by us in the last hour mean for one more. */
export interface RestartHistory {
  /** Restarts of the service, whatever their outcome. */
  readonly lastHour: number;
  /** Restarts of all services together. */
  readonly hostLastHour: number;
  /** What a restart for another incident of this very container, made since this one opened, came to. */
  readonly meanwhile: 'none' | 'under_way' | 'recovered';
  /** Before this nothing is restarted again: restarts for other incidents did not help. 0 for none. */
  readonly backOffUntil: number;
}

export const NO_RESTARTS: RestartHistory = { lastHour: 0, hostLastHour: 0, meanwhile: 'none', backOffUntil: 0 };

/** Between a restart that did not help and the next, so that a loop of ours is slower than any limit. */
const BACKOFF_MS = [5_000, 30_000, 120_000] as const;

/** The wait after so many restarts in a row that did not help; from 1. */
export function backOffMs(failures: number): number {
  return failures < 1 ? 0 : (BACKOFF_MS[Math.min(failures, BACKOFF_MS.length) - 1] ?? 0);
}

/** Restarts of this container, newest last, that did not end in a verified recovery. */
export function failuresInARow(containerId: string, attempts: readonly Attempt[]): number {
  return sinceRecovery(attempts.filter((attempt) => attempt.containerId === containerId)).length;
}

function sinceRecovery(attempts: readonly Attempt[]): readonly Attempt[] {
  return attempts.slice(attempts.findLastIndex(({ outcome }) => outcome === 'recovered') + 1);
}

/**
 * @param attempts of the service in the last hour, oldest first. The waits grow with each restart in a row that
 * did not end in a verified recovery; only such a recovery, or the hour, starts them anew. The incident's own
 * walk does its waiting by itself, so only restarts for other incidents hold it back here.
 *
 * What was before the clock was set back bears times to come: it counts towards the limit, and else tells nothing.
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
  const underWay = others.some(({ outcome }) => outcome === undefined);
  const inARow = sinceRecovery(ofContainer);
  const last = inARow.at(-1);
  const lastEnd = last?.finishedAt ?? last?.startedAt ?? 0;
  const holdsBack = last !== undefined && last.incidentId !== incident.id && lastEnd <= now;
  return {
    lastHour: attempts.length,
    hostLastHour,
    meanwhile: underWay ? 'under_way' : since.some(({ outcome }) => outcome === 'recovered') ? 'recovered' : 'none',
    backOffUntil: holdsBack ? lastEnd + backOffMs(inARow.length) : 0,
  };
}
