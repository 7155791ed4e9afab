import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { SLOW_TESTS } from './test/lanes.ts';

export default defineConfig({
  test: {
    // Deadlines only bound how long a failure takes. A busy machine may need ten times as long as a quiet one.
    testTimeout: 90_000,
    hookTimeout: 120_000,
    teardownTimeout: 20_000,
    // Metrics are polled: their page is rendered at most once a second.
    expect: { poll: { timeout: 45_000 } },
    // Each file gets a process of its own: OpenTelemetry's globals and open handles must not leak into other files.
    pool: 'forks',
    // The long tests mostly wait. Vitest's default would be one worker on two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      { extends: true, test: { name: 'fast', include: ['test/**/*.test.ts'], exclude: SLOW_TESTS } },
      { extends: true, test: { name: 'slow', include: SLOW_TESTS } },
    ],
  },
});
