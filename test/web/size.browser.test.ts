/** The page is small: what a browser reads before it shows the first view. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { beforeAll, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const OUT = path.join(ROOT, 'dist/web');
const KB = 1_000;

beforeAll(() => promisify(execFile)(process.execPath, ['scripts/build-web.ts', '--if-needed'], { cwd: ROOT }));

const html = () => readFileSync(path.join(OUT, 'index.html'), 'utf8');
const sizeOf = (pattern: RegExp) =>
  [...html().matchAll(pattern)].reduce(
    (sum, [, file = '']) => sum + gzipSync(readFileSync(path.join(OUT, file)), { level: 9 }).length,
    0,
  );

it('reads at most 100 kB of JavaScript and 10 kB of CSS before its first view, gzipped', () => {
  const script = sizeOf(/(?:src|href)="\/(assets\/[^"]+\.js)"/g);
  const style = sizeOf(/href="\/(assets\/[^"]+\.css)"/g);
  expect(script).toBeGreaterThan(0);
  expect(script).toBeLessThanOrEqual(100 * KB);
  expect(style).toBeGreaterThan(0);
  expect(style).toBeLessThanOrEqual(10 * KB);
});

it('has no inline script or style, and refers to nothing elsewhere', () => {
  expect(html()).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=/);
  expect(html()).not.toMatch(/(?:src|href)="(?!\/assets\/)/);
});

it('has a hash of the content in the name of each file', () => {
  const names = [...html().matchAll(/(?:src|href)="\/assets\/([^"]+)"/g)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(2);
  for (const name of names) expect(name).toMatch(/-[\w-]{8}\.\w+$/);
});
