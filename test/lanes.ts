/**
 * The two lanes of tests. `npm test` runs both; `npm run test:fast` runs the fast one, without PostgreSQL. A test that
 * starts the agent, an engine, a browser or another program belongs to the slow lane: its folder or file name says so.
 */
export const SLOW_TESTS = [
  'test/e2e/**/*.test.ts',
  'test/observability/**/*.test.ts',
  'test/deploy/**/*.test.ts',
  'test/**/*.browser.test.ts',
  'test/**/*.engine.test.ts',
  'test/**/*.prometheus.test.ts',
  'test/**/*.program.test.ts',
];
