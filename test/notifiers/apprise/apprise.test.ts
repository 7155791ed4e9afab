import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatProblem, loadConfig } from '../../../src/config/load.ts';
import { renderApprise } from '../../../src/notifiers/apprise/api.ts';
import { arbitraryAlert } from '../arbitrary-alert.ts';
import { expectInert } from '../inert.ts';

it('text from logs and models is inert, and title and body fit into the usual services', () => {
  fc.assert(
    fc.property(arbitraryAlert, (alert) => {
      const { title, body, format } = renderApprise(alert, { tags: {} }, alert.at);
      expectInert(title);
      expectInert(body);
      expect(title.length).toBeLessThanOrEqual(200);
      expect(body.length).toBeLessThanOrEqual(1_900);
      expect(body).not.toBe('');
      expect(format).toBe('text');
    }),
    { numRuns: 200 },
  );
});

it.each([
  [{ APPRISE_URL: 'http://apprise:8000/' }, /^APPRISE_URL=\(hidden\): must be the address of an Apprise API server/],
  [
    { APPRISE_URL: 'http://apprise:8000/notify/key', APPRISE_TAGS: 'urgent=pager' },
    /^APPRISE_TAGS=urgent=pager: must be a tag/,
  ],
])('refuses unsuitable settings: %j', (env, problem) => {
  const loaded = loadConfig(env as Record<string, string>);
  expect(loaded.ok ? [] : loaded.problems.map(formatProblem)).toEqual([expect.stringMatching(problem)]);
});

it('is configured with tags for some severities', () => {
  const loaded = loadConfig({ APPRISE_URL: 'http://apprise:8000/notify/key/', APPRISE_TAGS: 'high=pager' });
  expect(loaded.ok && loaded.config.receivers.map(({ name }) => name)).toEqual(['apprise']);
});
