import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    // Each file gets a process: OpenTelemetry's globals and open handles stay its own.
    pool: 'forks',
    // Most of what the long ones do is wait; the default would be one at a time on two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
});
