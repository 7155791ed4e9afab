import type { ContainerRef, LogLine } from '../domain.ts';
import type { Clock } from '../lib/time.ts';

/** Beyond the minute that is looked back where nothing is known of an earlier run. */
const LATE_MS = 90_000;
/** A log that is read late is read all the time: nothing read for so long, it was read to its end. */
const READING_MS = 10_000;

export interface LateLog {
  readonly container: string;
  readonly ms: number;
}

/** Which logs are read long after they were written: after an outage, or where a container prints faster than is read. */
export function noteLateLogs(clock: Pick<Clock, 'now' | 'monotonic'>) {
  const late = new Map<string, { name: string; ms: number; readAt: number }>();
  return {
    onLines({ id, name }: ContainerRef, lines: readonly LogLine[]): void {
      const ms = clock.now() - (lines.at(-1)?.time ?? Number.POSITIVE_INFINITY);
      if (ms >= LATE_MS) late.set(id, { name, ms, readAt: clock.monotonic() });
      else if (late.size > 0) late.delete(id);
    },
    forget: ({ id }: ContainerRef): boolean => late.delete(id),
    /** The latest first. */
    now(): readonly LateLog[] {
      const since = clock.monotonic() - READING_MS;
      return [...late.values()]
        .filter(({ readAt }) => readAt >= since)
        .sort((a, b) => b.ms - a.ms)
        .map(({ name, ms }) => ({ container: name, ms }));
    },
  };
}
