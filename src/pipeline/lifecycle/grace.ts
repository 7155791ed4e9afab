import type { ListedContainer } from '../../domain/containers.ts';
import type { Signal } from '../../domain/incident.ts';
import { DETECTOR_INFO } from '../detectors.ts';
import type { LifecycleRecord } from './record.ts';

/**
 * Whether the signal falls into the grace period after a start, in which it opens no incident. A crash is held back and
 * becomes due if the container stays down. A crash loop is not a start-up problem and is never held back.
 */
export function isInGrace(record: LifecycleRecord, signal: Signal, graceMs: number): boolean {
  const { inGrace } = DETECTOR_INFO[signal.detector];
  if (record.startedAt === undefined || inGrace === 'pass') return false;
  const age = signal.at - record.startedAt;
  if (age < 0 || age >= graceMs) return false;
  if (inGrace === 'hold') record.heldSignal = signal;
  return true;
}

/** The held signal if the grace period is over and the container is down. A signal is returned only once. */
export function dueSignal(
  record: LifecycleRecord,
  status: ListedContainer['status'],
  now: number,
  graceMs: (signal: Signal) => number,
): Signal | undefined {
  const { heldSignal: held, startedAt } = record;
  if (held === undefined || startedAt === undefined) return undefined;
  // A start in the future: the clock was set back.
  if (startedAt <= now && now - startedAt < graceMs(held)) return undefined;
  record.heldSignal = undefined;
  return status === 'exited' || status === 'dead' ? held : undefined;
}
