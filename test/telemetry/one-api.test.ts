import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

/** All copies of @opentelemetry/api, including those in nested node_modules. */
function copiesUnder(modules: string): string[] {
  if (!existsSync(modules)) return [];
  return readdirSync(modules, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .flatMap(({ name }) => {
      const path = join(modules, name);
      if (!name.startsWith('@')) return copiesUnder(join(path, 'node_modules'));
      return readdirSync(path).flatMap((scoped) => [
        ...(name === '@opentelemetry' && scoped === 'api' ? [join(path, scoped)] : []),
        ...copiesUnder(join(path, scoped, 'node_modules')),
      ]);
    });
}

it('there is one copy of @opentelemetry/api: spans created through a second one would be silently lost', () => {
  const modules = fileURLToPath(new URL('../../node_modules', import.meta.url));
  expect(copiesUnder(modules)).toEqual([join(modules, '@opentelemetry/api')]);
});
