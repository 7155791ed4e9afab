import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const repository = new URL('../', import.meta.url);
const readme = readFileSync(new URL('README.md', repository), 'utf8');
const envExample = readFileSync(new URL('.env.example', repository), 'utf8');
const { scripts } = JSON.parse(readFileSync(new URL('package.json', repository), 'utf8'));

describe('the README', () => {
  it('has the two commands and the start command, as package.json defines them', () => {
    for (const command of ['npm ci && npm run demo', 'npm ci && npm test', 'npm start']) {
      expect(readme).toContain(command);
    }
    expect(scripts).toMatchObject({ demo: expect.any(String), test: expect.any(String), start: expect.any(String) });
  });

  it('names only variables that .env.example has', () => {
    const named = [...readme.matchAll(/`([A-Z]+_[A-Z_]+)(?:=[^`]*)?`/g)].map((match) => match[1] ?? '');
    expect(named.filter((name) => !new RegExp(`^(# )?${name}=`, 'm').test(envExample))).toEqual([]);
  });

  it('is short', () => {
    expect(readme.split('\n').length).toBeLessThan(130);
  });
});
