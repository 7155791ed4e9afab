/** What the pipeline needs from the container engine. */
import type { ContainerFacts, EngineEvent, ListedContainer, LogLine, StreamName } from '../../domain/containers.ts';

/**
 * A position in a container's log: the engine's timestamp of the last line read (RFC 3339 with nanoseconds, exactly as
 * received), and the number of lines read with this timestamp.
 */
export interface LogCursor {
  readonly at: string;
  readonly seen: number;
  /** The position of each stream: the engine orders lines within a stream only. Absent: both are at `at`. */
  readonly streams?: Readonly<Record<StreamName, { readonly at: string; readonly seen: number }>>;
  /**
   * Present if the engine's clock was set back: lines with timestamps after `at` and up to this time precede `at` in
   * the log and were read. New lines are then recognised by their position, not by their timestamp.
   */
  readonly readUpTo?: string;
}

/** Used by watch. Every method rejects with an EngineError on a fault. */
export interface ContainerSource {
  /** Every container, running or not. */
  list(signal?: AbortSignal): Promise<readonly ListedContainer[]>;
  /**
   * Delivers events from `since` (epoch ms, inclusive) on. Resolves when the connection ends or `signal`
   * aborts. `onConnected` is called once the engine has accepted the subscription.
   */
  events(options: {
    readonly since: number;
    readonly signal: AbortSignal;
    onConnected(): void;
    onEvent(event: EngineEvent): void;
  }): Promise<void>;
  /**
   * Delivers lines after `from` (a cursor: none twice; a number: epoch ms, inclusive), in batches, each with
   * the cursor after its last line. Resolves when the engine ends the stream or `signal` aborts. `clockStepBackMs`: how
   * far the clock has stepped back since `from` was reached. `maxBacklogLines`: the most lines delivered of those already
   * in the log, the newest; if others are skipped, `onSkipped` is called first, with the time of the first line delivered.
   */
  followLogs(
    containerId: string,
    options: {
      readonly from: LogCursor | number;
      readonly clockStepBackMs?: number;
      readonly maxBacklogLines?: number;
      readonly signal: AbortSignal;
      onSkipped?(before: number): void;
      onLines(lines: readonly LogLine[], cursor: LogCursor): void;
    },
  ): Promise<void>;
}

/** Used by collect, decide, restart and verify. Every method rejects with an EngineError on a fault. */
export interface ContainerControl {
  /** Undefined if the container does not exist. */
  inspect(containerId: string, signal?: AbortSignal): Promise<ContainerFacts | undefined>;
  /** The last `count` lines of both streams in order, the newest last; [] if the container does not exist. */
  tailLogs(containerId: string, count: number, signal?: AbortSignal): Promise<readonly LogLine[]>;
  /** Resolves when the engine confirms it, which may take longer than the stop timeout. Aborting does not stop the restart. */
  restart(containerId: string, signal?: AbortSignal): Promise<void>;
  list(signal?: AbortSignal): Promise<readonly ListedContainer[]>;
}

/** What a running container uses at one moment, from the engine's statistics. */
export interface ResourceUse {
  /** Bytes, without the page cache that the kernel can drop. */
  readonly memory?: number;
  /** Bytes; the host's memory if the container has no limit. */
  readonly memoryLimit?: number;
  /** Processes and threads. */
  readonly pids?: number;
  /** Absent if it has no limit. */
  readonly pidsLimit?: number;
  /** Since the container was started. Absent without a CPU limit. */
  readonly cpuThrottling?: {
    readonly periods: number;
    readonly throttledPeriods: number;
    readonly throttledMs: number;
  };
}

/** Used by the question to a model. Rejects with an EngineError on a fault. */
export interface ContainerStats {
  /** Undefined if the container does not exist or does not run. */
  stats(containerId: string, signal?: AbortSignal): Promise<ResourceUse | undefined>;
}
