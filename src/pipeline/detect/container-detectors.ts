import type { ContainerRef, LogLine } from '../../domain.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../lib/time.ts';
import type { Policy } from '../policy/settings.ts';
import { type CompiledRules, compileRules, createLogDetector, type LogDetector } from './log-detector.ts';
import type { LogError } from './log-error.ts';

type DetectPatterns = Pick<Policy, 'detectMatch' | 'detectIgnore'>;

/** How often records that wait for more lines are looked at. */
const FLUSH_EVERY_MS = 50;

export interface ContainerDetectors {
  push(container: ContainerRef, lines: readonly LogLine[]): void;
  /** Ends the waiting for more lines: the container has ended. */
  complete(containerId: string): void;
  completeAll(): void;
  forget(containerId: string): void;
}

/** One log detector a container, and the timer that completes records which wait for more lines. */
export function createContainerDetectors(options: {
  emit(container: ContainerRef, trouble: LogError): void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stopped: AbortSignal;
  /** A user's own patterns for this container, as they are now. */
  patternsOf(container: ContainerRef): DetectPatterns;
}): ContainerDetectors {
  const { clock, logger, stopped } = options;
  const byContainer = new Map<
    string,
    { container: ContainerRef; readonly detector: LogDetector; readonly patterns: DetectPatterns }
  >();
  const waiting = new Set<LogDetector>();
  let ticking = false;

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

  const complete = (detector: LogDetector): void => detector.flush(Number.POSITIVE_INFINITY);

  const detectorOf = (container: ContainerRef): LogDetector => {
    let entry = byContainer.get(container.id);
    const patterns = options.patternsOf(container);
    if (entry && !sameAs(entry.patterns, patterns)) {
      complete(entry.detector);
      entry = undefined;
    }
    if (!entry) {
      const rules = compile(patterns, container, logger);
      const created = {
        container,
        patterns,
        detector: createLogDetector({
          rules,
          emit: (trouble) => options.emit(created.container, trouble),
          now: clock.monotonic,
        }),
      };
      entry = created;
      byContainer.set(container.id, created);
    }
    entry.container = container;
    return entry.detector;
  };

  return {
    push(container, lines) {
      const detector = detectorOf(container);
      for (const line of lines) detector.push(line);
      if (!detector.pending) return;
      waiting.add(detector);
      if (!ticking) void tick();
    },
    complete(containerId) {
      const entry = byContainer.get(containerId);
      if (entry) complete(entry.detector);
    },
    completeAll() {
      for (const { detector } of byContainer.values()) complete(detector);
    },
    forget(containerId) {
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
    logger.error('the detect patterns are refused, the container is watched without them', {
      container: container.name,
      why: error instanceof Error ? error.message : String(error),
    });
    return undefined;
  }
}
