/** The time between a stop request and the next start: what a container prints in it is a consequence of the stop. */
import type { Signal, Suppression } from '../../domain/incident.ts';
import { DETECTOR_INFO } from '../detectors.ts';
import type { LifecycleRecord } from './record.ts';

export interface StopPhase {
  readonly from: number;
  /** Absent while it lasts. */
  readonly until?: number;
  readonly by: 'agent' | 'person';
}

/** A process that still runs this long after a stop request has ignored it. */
const SURVIVED_MS = 60_000;

/** The engine reports a signal after sending it: the program may have reacted before. */
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
 * Why a signal that belongs to a stop opens no incident: it is part of the incident for which the agent restarts the
 * container, or a person is stopping the container. The end itself is judged in ends.ts.
 */
export function suppressedByStop({ stopPhase, dead }: LifecycleRecord, signal: Signal): Suppression | undefined {
  if (stopPhase === undefined || DETECTOR_INFO[signal.detector].processEnded) return undefined;
  const { from, until, by } = stopPhase;
  if (signal.at < from - REPORT_LAG_MS || (until !== undefined && signal.at >= until)) return undefined;
  if (by === 'agent') return 'repeat';
  const survived = until === undefined && !dead && signal.at - from > SURVIVED_MS;
  return survived ? undefined : 'ignored';
}
