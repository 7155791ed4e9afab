/** The npm package: what it contains, and that it runs with nothing but its own dependencies. Needs no registry. */
import { spawn } from 'node:child_process';
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { REPOSITORY } from './compose-file.ts';
import { exec } from './docker-cli.ts';

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string; readonly mode: number }[];
}

describe('the npm package', () => {
  let folder: string;
  /** A project that has installed it: its own files and the dependencies, no others. */
  let project: string;
  let packed: Packed;
  const installed = () => path.join(project, 'node_modules/container-doctor');
  const run = (...args: string[]) =>
    exec(process.execPath, [path.join(installed(), 'dist/main.js'), ...args], { cwd: project, deadlineMs: 60_000 });

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'doctor-package-'));
    const source = path.join(folder, 'source');
    project = path.join(folder, 'project');
    await mkdir(source);
    await mkdir(path.join(project, 'node_modules'), { recursive: true });
    // A fresh build, because `dist` of the checkout may have files of earlier ones.
    const build = ['tsc', '-p', 'tsconfig.build.json', '--noCheck', '--outDir', path.join(source, 'dist')];
    await exec('npx', build, { cwd: REPOSITORY, deadlineMs: 120_000 });
    await exec(process.execPath, ['scripts/build-web.ts', '--if-needed'], { cwd: REPOSITORY, deadlineMs: 120_000 });
    await cp(path.join(REPOSITORY, 'dist/web'), path.join(source, 'dist/web'), { recursive: true });
    for (const entry of await readdir(REPOSITORY, { withFileTypes: true })) {
      if (entry.isFile()) await copyFile(path.join(REPOSITORY, entry.name), path.join(source, entry.name));
    }
    for (const other of ['docs', 'src', 'test/support', 'grafana/dashboards']) {
      await cp(path.join(REPOSITORY, other), path.join(source, other), { recursive: true });
    }
    const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
    const { stdout } = await exec('npm', pack, { cwd: source, deadlineMs: 60_000 });
    packed = (JSON.parse(stdout) as Packed[])[0] as Packed;

    await mkdir(installed());
    const tarball = path.join(folder, packed.filename);
    await exec('tar', ['-x', '-f', tarball, '-C', installed(), '--strip-components', '1']);
    const { dependencies } = JSON.parse(await readFile(path.join(installed(), 'package.json'), 'utf8'));
    for (const name of Object.keys(dependencies)) {
      const target = path.join(project, 'node_modules', name);
      await mkdir(path.dirname(target), { recursive: true });
      await symlink(path.join(REPOSITORY, 'node_modules', name), target);
    }
  }, 240_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('contains the built program, its licence and its README, and nothing else', () => {
    const paths = packed.files.map((file) => file.path);
    const known =
      /^(LICENSE|README\.md|package\.json|dist\/(?!web\/).+\.js(\.map)?|dist\/web\/(index\.html|assets\/[\w.-]+\.(js|css|svg))(\.gz|\.br)?)$/;
    expect(paths.filter((file) => !known.test(file))).toEqual([]);
    for (const file of ['dist/main.js', 'dist/web/index.html', 'LICENSE', 'README.md']) expect(paths).toContain(file);
    expect(packed.size).toBeLessThan(3 * 1024 * 1024);
  });

  it('starts as container-doctor and prints its version', async () => {
    const { version, bin } = JSON.parse(await readFile(path.join(installed(), 'package.json'), 'utf8'));
    expect(bin).toEqual({ 'container-doctor': 'dist/main.js' });
    expect(await readFile(path.join(installed(), 'dist/main.js'), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
    expect((await run('--version')).stdout).toContain(version);
  });

  it('needs no package that is only there for development, and has its page', { timeout: 90_000 }, async () => {
    const demo = spawn(process.execPath, [path.join(installed(), 'dist/main.js'), 'demo'], {
      cwd: project,
      env: { PATH: process.env.PATH, HOME: project, PORT: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [demo.stdout, demo.stderr]) stream.on('data', (chunk) => (output += chunk));
    const ended = new Promise((resolve) => demo.once('exit', resolve));
    try {
      const url = await eventually(() => /http:\/\/(127\.0\.0\.1|localhost):\d+/.exec(output)?.[0], {
        deadlineMs: 60_000,
      });
      const page = await fetch(url, { headers: { accept: 'text/html' } });
      expect(await page.text()).toContain('<script type="module"');
      expect(((await (await fetch(`${url}/health`)).json()) as { status: string }).status).toBe('healthy');
    } catch (error) {
      throw new Error(`${error}\n${output}`, { cause: error });
    } finally {
      demo.kill('SIGTERM');
      await ended;
    }
  });
});
