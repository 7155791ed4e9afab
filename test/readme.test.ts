import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SETTINGS } from '../src/config/config.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const rows = readme.split('\n').filter((line) => line.startsWith('| `'));

describe('the README', () => {
  it.each(Object.entries(SETTINGS))('tells of %s, and its default', (name, setting) => {
    const row = rows.find((line) => line.split('|')[1]?.includes(`\`${name}\``));
    expect(row, `${name} has no row in the table of settings`).toBeDefined();
    if ('default' in setting && setting.default !== '') expect(row?.split('|')[2]).toContain(setting.default);
  });

  it('names the two commands as package.json has them', () => {
    const { scripts } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
    for (const command of ['npm ci && npm run demo', 'npm ci && npm test', 'npm start'])
      expect(readme).toContain(command);
    expect(scripts).toMatchObject({ demo: expect.any(String), test: expect.any(String), start: expect.any(String) });
  });
});
