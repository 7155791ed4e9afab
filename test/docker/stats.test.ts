import { describe, expect, it } from 'vitest';
import { toResourceUse } from '../../src/docker/stats.ts';

describe('the statistics of a container', () => {
  it('are read with cgroup v2, without the page cache that the kernel can drop', () => {
    const answer = {
      memory_stats: { usage: 300, limit: 512, stats: { inactive_file: 100 } },
      pids_stats: { current: 12, limit: 100 },
      cpu_stats: { throttling_data: { periods: 200, throttled_periods: 50, throttled_time: 4_000_000_000 } },
    };
    expect(toResourceUse(answer)).toEqual({
      memory: 200,
      memoryLimit: 512,
      pids: 12,
      pidsLimit: 100,
      cpuThrottling: { periods: 200, throttledPeriods: 50, throttledMs: 4_000 },
    });
  });

  it('are read with cgroup v1, where the engine reports no limit as the largest number', () => {
    const answer = {
      memory_stats: { usage: 300, limit: 2 ** 63, stats: { total_inactive_file: 100 } },
      pids_stats: { current: 3, limit: 2 ** 64 },
      cpu_stats: { throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 } },
    };
    expect(toResourceUse(answer)).toEqual({ memory: 200, pids: 3 });
  });

  it.each([
    ['a stopped container', { memory_stats: {}, pids_stats: {}, cpu_stats: {} }],
    ['nothing', undefined],
    ['text', 'OK'],
    ['values of other types', { memory_stats: { usage: '300' }, pids_stats: { current: Number.NaN } }],
  ])('are undefined for %s', (_, answer) => {
    expect(toResourceUse(answer)).toBeUndefined();
  });
});
