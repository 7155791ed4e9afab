import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { LONGEST_TESTS, SLOW_TESTS } from './test/lanes.ts';

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => LONGEST_TESTS.some((file) => moduleId.endsWith(`/${file}`));
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

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
    sequence: { sequencer: LongestFirst },
    // The long tests mostly wait. Vitest's default would be one worker on two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      { extends: true, test: { name: 'fast', include: ['test/**/*.test.ts'], exclude: SLOW_TESTS } },
      { extends: true, test: { name: 'slow', include: SLOW_TESTS } },
    ],
  },
});
