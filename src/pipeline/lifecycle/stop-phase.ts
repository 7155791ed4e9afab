/** The time between a stop request and the next start: what a container prints then is part of its being stopped. */
import type { Signal, Suppression } from '../../domain.ts';
import { DETECTOR_INFO } from '../detectors.ts';
import type { LifecycleRecord } from './record.ts';

export interface StopPhase {
  readonly from: number;
  /** Absent while it lasts. */
  readonly until?: number;
  readonly by: 'agent' | 'person';
}

/** A process that lives on so long after a stop request has ignored it, or is at work again. */
const SURVIVED_MS = 60_000;

/** The engine reports a signal after it has sent it: the program may have answered before. */
const REPORT_LAG_MS = 500;

export function beginStop(record: LifecycleRecord, at: number, by: StopPhase['by']): void {
  const { stopPhase } = record;
  if (stopPhase === undefined || stopPhase.until !== undefined || stopPhase.by !== by) {
    record.stopPhase = { from: at, by };
  } else if (at < stopPhase.from) {
    record.stopPhase = { ...stopPhase, from: at };
  }
}

export function endStop(record: LifecycleRecord, at: number): void {
  const { stopPhase } = record;
  if (stopPhase !== undefined && stopPhase.until === undefined) record.stopPhase = { ...stopPhase, until: at };
}

/**
 * Why a signal opens no incident if it belongs to a stop: it is part of the incident for which the agent restarts the
 * container, or a person knows that the container is going down. The end itself is judged elsewhere.
 */
export function suppressedByStop({ stopPhase, dead }: LifecycleRecord, signal: Signal): Suppression | undefined {
  if (stopPhase === undefined || DETECTOR_INFO[signal.detector].processEnded) return undefined;
  const { from, until, by } = stopPhase;
  if (signal.at < from - REPORT_LAG_MS || (until !== undefined && signal.at >= until)) return undefined;
  if (by === 'agent') return 'repeat';
  const survived = until === undefined && !dead && signal.at - from > SURVIVED_MS;
  return survived ? undefined : 'ignored';
}
