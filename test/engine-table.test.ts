/** The table in docs/reliability.md lists exactly the scenarios that test/e2e/engines.engine.test.ts runs. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { engineTable } from './support/engine-scenarios.ts';

it('docs/reliability.md has the table that `node test/support/engine-scenarios.ts` prints', () => {
  const page = readFileSync(new URL('../docs/reliability.md', import.meta.url), 'utf8');
  expect(page).toContain(`\n${engineTable()}\n`);
});
