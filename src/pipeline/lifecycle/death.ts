/** Judges the end of a container's process: did it end by itself, or did a person end it? */
import type { ContainerRef } from '../../domain/containers.ts';
import type { Signal } from '../../domain/incident.ts';
import type { LifecycleRecord } from './record.ts';
import { crashLoopSignal, crashSignal } from './signals.ts';

export interface Death {
  readonly container: ContainerRef;
  readonly at: number;
  readonly exitCode: number;
  readonly isPodman: boolean;
  /** The engine may not have reported a stop. */
  readonly stopsUnreported: boolean;
}

/**
 * `unreported_stop`: presumably a person stopped it, but no event says so. `undecided`: a `stop` event that follows
 * would explain the end. On Docker only after a person sent a signal that alone does not explain the end. Podman does
 * not report the signals of a stop, and reports end and stop in either order.
 */
export type Verdict = 'itself' | 'person' | 'unreported_stop' | 'undecided';

/** A loop: this many crashes within the window. One is an accident, two may be a dependency that is starting. */
const LOOP_CRASHES = 3;
const LOOP_WINDOW_MS = 5 * 60_000;
/** The engine also resets its restart back-off once a container has run for this long. */
const STABLE_AFTER_MS = 10_000;
/** How long a stop request explains an end that follows. Stop timeouts of minutes are rare. */
const STOP_EXPLAINS_MS = 10 * 60_000;
/** How long a signal other than the stop signal and SIGKILL explains an end whose exit code does not match it. */
const SIGNAL_EXPLAINS_MS = 5_000;

/** The kernel may take seconds to free the memory of a large process, and `die` is reported after that. */
const OOM_EXPLAINS_MS = 10_000;

export const DEFAULT_STOP_SIGNAL = 15;
export const SIGKILL = 9;
/** INT, QUIT, ABRT, TERM: whoever sends one of them usually wants the program to end. */
const ASKS_TO_END: ReadonlySet<number> = new Set([2, 3, 6, 15]);
/** The exit code of a process that was ended by signal n is 128 + n, by the shell's and the engine's convention. */
const SIGNAL_EXIT_BASE = 128;
export const KILLED = SIGNAL_EXIT_BASE + SIGKILL;

export function judge(record: LifecycleRecord, death: Death, stopSignal: number): Verdict {
  const { at, exitCode } = death;
  if (isStopping(record, at)) return 'person';
  const sent = record.personSignals.filter((signal) => at - signal.at <= STOP_EXPLAINS_MS);
  const killedForMemory = isKilledForMemory(record, at, exitCode);
  const explained = sent.some(({ signal, at: sentAt }) => {
    // Unlike when it was sent, the container's own stop signal may be known now. A SIGKILL always requests a stop.
    if (signal === stopSignal) return true;
    if (killedForMemory) return false;
    if (signal === undefined) return at - sentAt <= SIGNAL_EXPLAINS_MS;
    if (exitCode === SIGNAL_EXIT_BASE + signal) return true;
    return at - sentAt <= SIGNAL_EXPLAINS_MS && (exitCode === 0 || ASKS_TO_END.has(signal));
  });
  if (explained) return 'person';
  if (death.stopsUnreported && exitCode === SIGNAL_EXIT_BASE + stopSignal) return 'unreported_stop';
  return sent.length > 0 || death.isPodman ? 'undecided' : 'itself';
}

/** Whether a stop was requested at most STOP_EXPLAINS_MS ago, without a start since. */
export function isStopping({ stopRequestedAt }: LifecycleRecord, at: number): boolean {
  return isWithin(STOP_EXPLAINS_MS, stopRequestedAt, at);
}

/**
 * The signals of an end that nobody asked for. An end with code 0 is no crash, but part of a crash loop if the
 * engine starts the container again and again. `restartPolicy`: undefined if it is not known.
 */
export function endedByItself(
  record: LifecycleRecord,
  { container, at, exitCode }: Death,
  restartPolicy: string | undefined,
): readonly Signal[] {
  const isCrash = exitCode !== 0;
  if (!isCrash && !(restartsAlways(restartPolicy) && isQuickEnd(record, at))) return [];
  // In both directions: the clock may have been set back in between.
  record.crashes = [...record.crashes.filter((crash) => Math.abs(at - crash) <= LOOP_WINDOW_MS), at];
  const signals = isCrash ? [crashOf(record, container, at, exitCode)] : [];
  if (record.crashes.length < LOOP_CRASHES) return signals;
  const loop = { ends: record.crashes.length, minutes: LOOP_WINDOW_MS / 60_000 };
  return [...signals, crashLoopSignal(container, at, exitCode, loop)];
}

function crashOf(record: LifecycleRecord, container: ContainerRef, at: number, exitCode: number): Signal {
  const signal = crashSignal(container, at, exitCode);
  return isKilledForMemory(record, at, exitCode) ? { ...signal, killedForMemory: true } : signal;
}

export function restartsAlways(restartPolicy: string | undefined): boolean {
  return restartPolicy === 'always' || restartPolicy === 'unless-stopped';
}

function isQuickEnd({ startedAt }: LifecycleRecord, at: number): boolean {
  return startedAt !== undefined && startedAt <= at && at - startedAt < STABLE_AFTER_MS;
}

/** The engine reports `oom` for any process in the container. It explains this end only if the main one was killed. */
function isKilledForMemory({ oomAt }: LifecycleRecord, at: number, exitCode: number): boolean {
  return exitCode === KILLED && isWithin(OOM_EXPLAINS_MS, oomAt, at);
}

function isWithin(ms: number, since: number | undefined, at: number): boolean {
  return since !== undefined && at - since <= ms;
}
