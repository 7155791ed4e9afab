/** Reads the engine's statistics of one container. */
import type { ResourceUse } from '../pipeline/ports/engine.ts';

interface RawStats {
  readonly memory_stats?: {
    readonly usage?: unknown;
    readonly limit?: unknown;
    readonly stats?: Readonly<Record<string, unknown>>;
  };
  readonly pids_stats?: { readonly current?: unknown; readonly limit?: unknown };
  readonly cpu_stats?: { readonly throttling_data?: Readonly<Record<string, unknown>> };
}

/** The engine reports "no limit" as the largest number of 64 bits, rounded by JSON. */
const NO_LIMIT = 2 ** 53;

/** Undefined if the container does not run: the engine then sends empty statistics. */
export function toResourceUse(answer: unknown): ResourceUse | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  const { memory_stats, pids_stats, cpu_stats } = answer as RawStats;
  const usage = toCount(memory_stats?.usage);
  const pids = toCount(pids_stats?.current);
  if (usage === undefined && pids === undefined) return undefined;
  // cgroup v2, else v1. `docker stats` subtracts the same.
  const cache = toCount(memory_stats?.stats?.inactive_file ?? memory_stats?.stats?.total_inactive_file) ?? 0;
  const memoryLimit = toCount(memory_stats?.limit);
  const pidsLimit = toCount(pids_stats?.limit);
  const throttling = cpu_stats?.throttling_data;
  const periods = toCount(throttling?.periods);
  return {
    ...(usage !== undefined && { memory: cache < usage ? usage - cache : usage }),
    ...(memoryLimit !== undefined && { memoryLimit }),
    ...(pids !== undefined && { pids }),
    ...(pidsLimit !== undefined && { pidsLimit }),
    ...(periods !== undefined && {
      cpuThrottling: {
        periods,
        throttledPeriods: toCount(throttling?.throttled_periods) ?? 0,
        throttledMs: Math.round((toCount(throttling?.throttled_time) ?? 0) / 1e6),
      },
    }),
  };
}

/** Undefined for 0, for "no limit", and for what is not a number. */
function toCount(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 && value < NO_LIMIT ? value : undefined;
}
