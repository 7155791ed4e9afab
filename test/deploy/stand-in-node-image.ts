/**
 * Replaces the base image `node:24...-slim` on an engine that cannot pull it. The replacement contains the Node that
 * runs the tests, the C library that it needs, npm, busybox as a shell, and the user `node` (1000). It gets the same
 * name, so that the Dockerfile is tested unchanged.
 *
 * Settings of this machine (a certificate authority, npm's registry) also go into the replacement, never into the
 * Dockerfile. Registry credentials do not.
 */
import { spawn } from 'node:child_process';
import { chmod, copyFile, cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { docker, dockerWithInput, exec } from './docker-cli.ts';

const LABEL = 'container-doctor.stand-in';

/** Ensures that the image `name` exists on the engine. Resolves with a function that removes the replacement, if any. */
export async function provideNodeImage(name: string): Promise<() => Promise<void>> {
  const existing = await docker(['image', 'inspect', '--format', `{{index .Config.Labels "${LABEL}"}}`, name]).catch(
    () => undefined,
  );
  const isReal = existing !== undefined && existing.stdout.trim() !== 'true';
  if (isReal) return async () => {};

  const root = await mkdtemp(join(tmpdir(), 'doctor-node-image-'));
  try {
    await createRoot(root);
    const tar = spawn('tar', ['-C', root, '--numeric-owner', '-c', '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const change = (line: string) => ['--change', line];
    await dockerWithInput(
      [
        'import',
        ...change('ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'),
        ...change(`LABEL ${LABEL}=true`),
        ...change('CMD ["node"]'),
        '-',
        name,
      ],
      tar.stdout,
      120_000,
    );
  } finally {
    await rm(root, { recursive: true, force: true });
  }
  return async () => {
    await docker(['image', 'rm', name]).catch(() => {});
  };
}

async function createRoot(root: string): Promise<void> {
  const at = (path: string) => join(root, path);
  for (const directory of ['bin', 'usr/bin', 'usr/local/bin', 'usr/local/lib/node_modules', 'usr/local/etc', 'etc']) {
    await mkdir(at(directory), { recursive: true });
  }
  for (const directory of ['tmp', 'var/tmp']) {
    await mkdir(at(directory), { recursive: true });
    await chmod(at(directory), 0o1777);
  }
  for (const [directory, mode] of [
    ['root', 0o700],
    ['home/node', 0o755],
    ['proc', 0o555],
    ['sys', 0o555],
  ] as const) {
    await mkdir(at(directory), { recursive: true, mode });
  }

  const busybox = (await exec('which', ['busybox'])).stdout.trim();
  await copyFile(busybox, at('bin/busybox'));
  const applets = (await exec(busybox, ['--list'])).stdout.split('\n').filter((name) => name && name !== 'busybox');
  for (const applet of applets) await symlink('/bin/busybox', at(`bin/${applet}`));
  await symlink('/bin/busybox', at('usr/bin/env'));

  const node = await realpath(process.execPath);
  await copyFile(node, at('usr/local/bin/node'));
  await chmod(at('usr/local/bin/node'), 0o755);
  const libraries = await librariesOf(node);
  // Part of every C library package, and needed by Vite's native binding.
  const librt = join(
    dirname(libraries.find((library) => library.includes('/libc.so')) ?? '/lib/libc.so'),
    'librt.so.1',
  );
  for (const library of new Set([...libraries, librt])) {
    await mkdir(dirname(at(library)), { recursive: true });
    await copyFile(library, at(library));
  }

  // The npm that started this process, else the one on the PATH.
  const cli = process.env.npm_execpath ?? (await realpath((await exec('which', ['npm'])).stdout.trim()));
  await cp(dirname(dirname(await realpath(cli))), at('usr/local/lib/node_modules/npm'), { recursive: true });
  await symlink('../lib/node_modules/npm/bin/npm-cli.js', at('usr/local/bin/npm'));
  await symlink('../lib/node_modules/npm/bin/npx-cli.js', at('usr/local/bin/npx'));

  await writeFile(at('etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n');
  await writeFile(at('etc/group'), 'root:x:0:\nnode:x:1000:\n');
  await writeFile(at('etc/nsswitch.conf'), 'hosts: files dns\n');
  await writeFile(at('usr/local/etc/npmrc'), await npmSettings(at('etc/ssl/certs')));
}

/** Absolute paths of the shared libraries, from `ldd`. */
async function librariesOf(program: string): Promise<string[]> {
  const { stdout } = await exec('ldd', [program]);
  return [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1] as string);
}

/** npm's registry and certificate authorities. The latter are copied to `certificates`. */
async function npmSettings(certificates: string): Promise<string> {
  const get = async (key: string) => {
    const value = (await exec('npm', ['config', 'get', key], { cwd: tmpdir() })).stdout.trim();
    return value === 'null' || value === 'undefined' ? '' : value;
  };
  const lines = [`registry=${await get('registry')}`];
  const authorities = (await get('cafile')) || process.env.NODE_EXTRA_CA_CERTS;
  if (authorities) {
    await mkdir(certificates, { recursive: true });
    await copyFile(authorities, join(certificates, 'ca-certificates.crt'));
    lines.push('cafile=/etc/ssl/certs/ca-certificates.crt');
  }
  return `${lines.join('\n')}\n`;
}
