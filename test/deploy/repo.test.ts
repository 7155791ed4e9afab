import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { REPOSITORY, readRepositoryFile } from './compose-file.ts';
import { exec } from './docker-cli.ts';

const lock = JSON.parse(readRepositoryFile('package-lock.json')) as {
  packages: Record<string, { version?: string; resolved?: string; optionalDependencies?: Record<string, string> }>;
};
const trackedFiles = async () =>
  (await exec('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: REPOSITORY })).stdout
    .split('\0')
    .filter((path) => path !== '');

it('package-lock.json contains no download address', () => {
  expect(Object.entries(lock.packages).filter(([, entry]) => entry.resolved?.startsWith('http'))).toEqual([]);
});

it('package-lock.json has the binaries of every platform, so that npm ci works on each', () => {
  const missing = Object.entries(lock.packages).flatMap(([path, entry]) =>
    Object.keys(entry.optionalDependencies ?? {}).filter(
      (name) => !(`node_modules/${name}` in lock.packages) && !(`${path}/node_modules/${name}` in lock.packages),
    ),
  );
  expect(missing).toEqual([]);
});

it('package-lock.json has one copy of @opentelemetry/api: spans created through a second one would be silently lost', () => {
  const copies = Object.keys(lock.packages).filter((path) => path.endsWith('node_modules/@opentelemetry/api'));
  expect(copies).toEqual(['node_modules/@opentelemetry/api']);
});

it('no file of the repository contains the path of this checkout', async () => {
  const checkout = REPOSITORY.replace(/\/$/, '');
  expect(await filesContaining(checkout)).toEqual([]);
  const parent = dirname(checkout);
  // Many files contain parents such as /tmp for other reasons.
  const common = [
    '/',
    '/app',
    '/data',
    '/home',
    '/opt',
    '/root',
    '/src',
    '/tmp',
    '/usr',
    '/usr/src',
    '/var',
    '/var/tmp',
  ];
  if (!common.includes(parent)) expect(await filesContaining(`${parent}/`)).toEqual([]);
});

it('no file of the repository names a package registry, because each machine may have its own', async () => {
  const registries = [
    'registry.npm' + 'js',
    'deb.deb' + 'ian',
    'security.deb' + 'ian',
    'npm.pkg.git' + 'hub',
    'proxy.gol' + 'ang',
  ];
  for (const registry of registries) expect(await filesContaining(registry), registry).toEqual([]);
});

async function filesContaining(text: string): Promise<string[]> {
  return (await trackedFiles()).filter((path) => {
    try {
      return readRepositoryFile(path).includes(text);
    } catch {
      return false;
    }
  });
}
