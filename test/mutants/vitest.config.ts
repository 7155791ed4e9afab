import { defineConfig } from 'vitest/config';
import { SLOW_TESTS } from '../lanes.ts';

/** The fast tests of the folder that is mutated. */
export default defineConfig({
  test: {
    include: [`test/pipeline/${process.env.MUTANTS_FOLDER}/**/*.test.ts`],
    exclude: SLOW_TESTS,
    isolate: false,
    testTimeout: 90_000,
  },
});
