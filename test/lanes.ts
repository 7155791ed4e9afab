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

/**
 * Files that take more than a minute, begun first so that none is left over at the end while the other worker is idle.
 * Vitest itself knows only the size of a file in a clean checkout.
 */
export const LONGEST_TESTS = [
  'test/e2e/crash.test.ts',
  'test/e2e/engines.engine.test.ts',
  'test/e2e/policy.test.ts',
  'test/e2e/fleet-swarm.engine.test.ts',
  'test/e2e/approvals-crash.test.ts',
  'test/e2e/loop.engine.test.ts',
  'test/e2e/agent.test.ts',
  'test/e2e/slack-app-kill.test.ts',
  'test/web/views.browser.test.ts',
  'test/deploy/compose-attack.engine.test.ts',
  'test/e2e/correlation-resume.test.ts',
  'test/e2e/outage-engine.engine.test.ts',
  'test/e2e/snoozes-crash.test.ts',
  'test/web/unusual.browser.test.ts',
  'test/deploy/image.engine.test.ts',
  'test/e2e/correlation.test.ts',
];
