import type { ContainerRef, LogLine } from '../../domain/containers.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../lib/time.ts';
import type { Policy } from '../policy/settings.ts';
import { type CompiledRules, compileRules, createLogDetector, type LogDetector } from './log-detector.ts';
import type { LogError } from './log-error.ts';
import { limitTime } from './rules-time.ts';
import { createStartupHold, type StartupHold } from './startup-hold.ts';

type DetectPatterns = Pick<Policy, 'detectMatch' | 'detectIgnore'>;

/** Interval in ms at which records that wait for more lines are checked. */
const FLUSH_EVERY_MS = 50;

export interface ContainerDetectors {
  /** The container has started: for the next seconds weak evidence is recorded, not reported. `at`: epoch ms. */
  started(containerId: string, at: number): void;
  push(container: ContainerRef, lines: readonly LogLine[]): void;
  /** The container has ended: completes its records and reports the errors that were held back shortly before. */
  complete(containerId: string): void;
  completeAll(): void;
  forget(containerId: string): void;
}

/** One log detector per container, and the timer that completes records which wait for more lines. */
export function createContainerDetectors(options: {
  emit(container: ContainerRef, error: LogError): void;
  /** Called for an error that is only recorded: weak evidence while the container was starting. */
  recorded(container: ContainerRef, error: LogError): void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stopped: AbortSignal;
  /** Returns the user's current patterns for this container. */
  patternsOf(container: ContainerRef): DetectPatterns;
}): ContainerDetectors {
  const { clock, logger, stopped } = options;
  const byContainer = new Map<
    string,
    { container: ContainerRef; readonly detector: LogDetector; readonly patterns: DetectPatterns }
  >();
  const holds = new Map<string, StartupHold>();
  const waiting = new Set<LogDetector>();
  let ticking = false;
  /** Read once for all lines that arrived together. */
  let arrivedAt = clock.monotonic();

  const tick = async (): Promise<void> => {
    ticking = true;
    while (waiting.size > 0 && !stopped.aborted) {
      await clock.sleep(FLUSH_EVERY_MS, stopped);
      for (const detector of waiting) {
        detector.flush(clock.monotonic());
        if (!detector.pending) waiting.delete(detector);
      }
    }
    ticking = false;
  };

  const report = (container: ContainerRef, error: LogError): void => {
    if (holds.get(container.id)?.holds(error, clock.monotonic())) options.recorded(container, error);
    else options.emit(container, error);
  };

  const complete = (detector: LogDetector): void => detector.flush(Number.POSITIVE_INFINITY);

  const detectorOf = (container: ContainerRef): LogDetector => {
    let entry = byContainer.get(container.id);
    const patterns = options.patternsOf(container);
    if (entry && !sameAs(entry.patterns, patterns)) {
      complete(entry.detector);
      entry = undefined;
    }
    if (!entry) {
      const compiled = compile(patterns, container, logger);
      const rules =
        compiled &&
        limitTime(compiled, {
          now: clock.monotonic,
          onSuspended: () =>
            logger.warn('the detect patterns of a container take too much time and are not applied for a minute', {
              container: container.name,
              settings: 'container-doctor.detect.match, container-doctor.detect.ignore',
            }),
        });
      const created = {
        container,
        patterns,
        detector: createLogDetector({
          rules,
          emit: (error) => report(created.container, error),
          now: () => arrivedAt,
        }),
      };
      entry = created;
      byContainer.set(container.id, created);
    }
    entry.container = container;
    return entry.detector;
  };

  return {
    started(containerId, at) {
      let hold = holds.get(containerId);
      if (hold === undefined) {
        hold = createStartupHold();
        holds.set(containerId, hold);
      }
      hold.started(at);
    },
    push(container, lines) {
      const detector = detectorOf(container);
      arrivedAt = clock.monotonic();
      for (const line of lines) detector.push(line);
      if (!detector.pending) return;
      waiting.add(detector);
      if (!ticking) void tick();
    },
    complete(containerId) {
      const entry = byContainer.get(containerId);
      if (!entry) return;
      complete(entry.detector);
      for (const error of holds.get(containerId)?.ended(clock.monotonic()) ?? []) options.emit(entry.container, error);
    },
    completeAll() {
      for (const { detector } of byContainer.values()) complete(detector);
    },
    forget(containerId) {
      holds.delete(containerId);
      const entry = byContainer.get(containerId);
      if (!entry) return;
      complete(entry.detector);
      waiting.delete(entry.detector);
      byContainer.delete(containerId);
    },
  };
}

function sameAs(a: DetectPatterns, b: DetectPatterns): boolean {
  if (a === b) return true;
  const same = (x: readonly string[], y: readonly string[]) => x.length === y.length && x.every((p, i) => p === y[i]);
  return same(a.detectMatch, b.detectMatch) && same(a.detectIgnore, b.detectIgnore);
}

function compile(
  { detectMatch: match, detectIgnore: ignore }: DetectPatterns,
  container: ContainerRef,
  logger: Logger,
): CompiledRules | undefined {
  if (match.length === 0 && ignore.length === 0) return undefined;
  try {
    return compileRules({ match, ignore });
  } catch (error) {
    logger.error('the detect patterns are invalid; the container is watched without them', {
      container: container.name,
      why: error instanceof Error ? error.message : String(error),
    });
    return undefined;
  }
}
