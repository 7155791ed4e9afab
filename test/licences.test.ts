import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** They allow shipping the package in an image without conditions on our own code. */
const ALLOWED = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'ISC',
  'MIT',
  'Python-2.0',
  'Unlicense',
]);

/** Packages without a licence in their package.json; their LICENSE files have the text of the MIT licence. */
const MIT_BY_FILE = ['buildcheck', 'cpu-features', 'ssh2'];

const repository = new URL('../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, repository), 'utf8');
interface Package {
  readonly license?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}
const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Package> };
const shipped = Object.entries(packages).filter(([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional);

/** `(MIT OR Apache-2.0)` is allowed if one is, `MIT AND ISC` if both are. */
function isAllowed(licence: string): boolean {
  const plain = licence.replace(/[()]/g, '');
  return plain.split(' OR ').some((choice) => choice.split(' AND ').every((each) => ALLOWED.has(each.trim())));
}

describe('every shipped package', () => {
  it('has a licence that allows it', () => {
    const wrong = shipped.flatMap(([path, { license }]) => {
      const name = path.replace(/^.*node_modules\//, '');
      const known = license ?? (MIT_BY_FILE.includes(name) ? 'MIT' : 'none');
      return isAllowed(known) ? [] : [`${name}: ${known}`];
    });
    expect(wrong).toEqual([]);
    expect(shipped.length).toBeGreaterThan(100);
  });

  it.each(MIT_BY_FILE)('%s has the MIT licence as a file, if it is installed', (name) => {
    const file = `node_modules/${name}/LICENSE`;
    if (existsSync(new URL(file, repository)))
      expect(read(file)).toContain('Permission is hereby granted, free of charge');
  });

  it('is not allowed with a licence that has conditions', () => {
    expect(['GPL-3.0', 'MIT AND GPL-2.0', 'SSPL-1.0', 'UNLICENSED', 'none'].filter(isAllowed)).toEqual([]);
    expect(['MIT OR GPL-2.0', '(MIT AND ISC)'].filter(isAllowed)).toHaveLength(2);
  });
});
