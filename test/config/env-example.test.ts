import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { SETTINGS } from '../../src/config/settings.ts';

const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');

/** The lines `NAME=value` and `# NAME=value`. */
const example = new Map(
  Array.from(read('.env.example').matchAll(/^(?:# )?([A-Z][A-Z0-9_]*)=(.*)$/gm), ([, name, value]) => [name, value]),
);

it.each(Object.entries(SETTINGS))('.env.example has %s with its default', (name, setting) => {
  expect(example.has(name)).toBe(true);
  if ('default' in setting) expect(example.get(name)).toBe(setting.default);
});

it('.env.example contains no secret', () => {
  for (const [name, setting] of Object.entries(SETTINGS)) if ('secret' in setting) expect(example.get(name)).toBe('');
});

it('every variable of .env.example is documented', () => {
  const documents = read('docs/settings.md') + read('docs/deployment.md');
  expect([...example.keys()].filter((name) => !documents.includes(`\`${name}\``))).toEqual([]);
});
