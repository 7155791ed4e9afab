import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { LONGEST_TESTS, SLOW_TESTS } from './lanes.ts';

const REPOSITORY = fileURLToPath(new URL('../', import.meta.url));

/** Modules that start the agent, an engine or another program. */
const STARTS_PROGRAMS = [
  'test/support/browser.ts',
  'test/support/doctor.ts',
  'test/support/engine.ts',
  'test/support/own-engine.ts',
  'test/observability/programs.ts',
  'test/deploy/docker-cli.ts',
];

const slow = new Set(globSync(SLOW_TESTS, { cwd: REPOSITORY }));
const fast = globSync('test/**/*.test.ts', { cwd: REPOSITORY }).filter((file) => !slow.has(file));

/** The test modules that a file imports, directly or indirectly. */
function testModulesOf(file: string, found = new Set<string>()): ReadonlySet<string> {
  const text = readFileSync(path.join(REPOSITORY, file), 'utf8');
  for (const [, specifier = ''] of text.matchAll(/ from '(\.{1,2}\/[^']+)';/g)) {
    const target = path.join(path.dirname(file), specifier);
    if (!target.startsWith('test/') || found.has(target)) continue;
    found.add(target);
    testModulesOf(target, found);
  }
  return found;
}

describe('the fast lane', () => {
  it.each(fast)('%s starts no agent, no engine and no other program', (file) => {
    const modules = testModulesOf(file);
    expect(STARTS_PROGRAMS.filter((module) => modules.has(module))).toEqual([]);
  });
});

describe('the slow lane', () => {
  it.each(SLOW_TESTS)('%s matches tests', (pattern) => {
    expect(globSync(pattern, { cwd: REPOSITORY })).not.toEqual([]);
  });

  it.each(LONGEST_TESTS)('%s, begun first, is one of it', (file) => {
    expect(slow).toContain(file);
  });
});
