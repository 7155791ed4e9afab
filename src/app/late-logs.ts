import type { ContainerRef, LogLine } from '../domain/containers.ts';
import type { Clock } from '../lib/time.ts';

/** More than a minute, which is how far back logs are read if no earlier run is known. */
const LATE_MS = 90_000;
/** A late log is read continuously. After this long without a line, it has been read to its end. */
const CAUGHT_UP_AFTER_MS = 10_000;

export interface LateLog {
  readonly container: string;
  /** The delay between printing and reading. */
  readonly ms: number;
}

/**
 * Tracks which logs are read long after their lines were printed: after an outage, or because a container prints faster
 * than the agent reads.
 */
export function trackLateLogs(clock: Pick<Clock, 'now' | 'monotonic'>) {
  const late = new Map<string, { name: string; ms: number; readAt: number }>();
  return {
    onLines({ id, name }: ContainerRef, lines: readonly LogLine[]): void {
      const ms = clock.now() - (lines.at(-1)?.time ?? Number.POSITIVE_INFINITY);
      if (ms >= LATE_MS) late.set(id, { name, ms, readAt: clock.monotonic() });
      else if (late.size > 0) late.delete(id);
    },
    forget: ({ id }: ContainerRef): boolean => late.delete(id),
    /** The logs that are currently late, with the largest delay first. */
    current(): readonly LateLog[] {
      const since = clock.monotonic() - CAUGHT_UP_AFTER_MS;
      return [...late.values()]
        .filter(({ readAt }) => readAt >= since)
        .sort((a, b) => b.ms - a.ms)
        .map(({ name, ms }) => ({ container: name, ms }));
    },
  };
}
