/**
 * Builds the Dockerfile on the test engine and runs the image. The build's `npm ci` uses the host's network (`--network
 * host`). If the base image cannot be pulled it is replaced (stand-in-node-image.ts). The agent reaches the engine
 * through a proxy that applies the allow list of compose.yaml.
 */
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { type FilteringProxy, readAllowList, startFilteringProxy } from './allow-list.ts';
import { REPOSITORY, readRepositoryFile } from './compose-file.ts';
import { docker } from './docker-cli.ts';
import { provideNodeImage } from './stand-in-node-image.ts';

const MINUTE = 60_000;
const prefix = `cd-deploy-${process.pid}`;
const image = `${prefix}:test`;
const buildStage = `${prefix}:build-stage`;
const PLANTED_SECRET = 'planted-secret-f3b1c2';

describeEngine('the image', (dockerHost) => {
  const containers: string[] = [];
  let context: string;
  let removeBaseImage = async () => {};
  let proxy: FilteringProxy | undefined;

  beforeAll(async () => {
    process.env.DOCKER_HOST = dockerHost;
    const base = /^ARG NODE_IMAGE=(\S+)$/m.exec(readRepositoryFile('Dockerfile'))?.[1];
    removeBaseImage = await provideNodeImage(base as string);
    context = await buildContext();
    const build = ['build', '--network', 'host', '--force-rm', '--quiet'];
    // The build stage is built first and tagged, so that it can be removed.
    await docker([...build, '--target', 'build', '--tag', buildStage, context], 12 * MINUTE);
    await docker([...build, '--tag', image, context], MINUTE);
  }, 14 * MINUTE);

  afterAll(async () => {
    for (const container of containers) await docker(['rm', '--force', '--volumes', container]).catch(() => {});
    for (const name of [image, buildStage]) await docker(['image', 'rm', name]).catch(() => {});
    await removeBaseImage();
    await proxy?.close();
    if (context) await rm(context, { recursive: true, force: true });
  }, MINUTE);

  /** As in compose, but on the host's network, so that it can reach the test's proxy and the test can reach it. */
  async function start(name: string, settings: Readonly<Record<string, string>>): Promise<number> {
    proxy ??= await startFilteringProxy(readAllowList(), new URL(dockerHost).pathname);
    const port = await freePort();
    containers.push(name);
    await docker([
      ...['run', '--detach', '--name', name, '--network', 'host'],
      ...['--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'],
      ...['--memory', '256m', '--health-interval', '1s'],
      ...Object.entries({
        DOCKER_HOST: `tcp://127.0.0.1:${proxy.port}`,
        HOST: '127.0.0.1',
        PORT: String(port),
        TARGET_CONTAINERS: `${prefix}-watched`,
        ...settings,
      }).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
      image,
    ]);
    return port;
  }

  const inspect = async (name: string, format: string) =>
    (await docker(['inspect', '--format', format, name])).stdout.trim();
  const output = async (name: string) => {
    const { stdout, stderr } = await docker(['logs', name]);
    return `${stdout}${stderr}`;
  };
  /** Adds the container's output to the error. */
  async function eventuallyIn<T>(name: string, probe: () => Promise<T>, deadlineMs: number): Promise<T> {
    try {
      return await eventually(probe, { deadlineMs, everyMs: 250 });
    } catch (error) {
      throw new Error(`${String(error)}\n--- output of ${name}:\n${(await output(name)).slice(-4000)}`, {
        cause: error,
      });
    }
  }

  it(
    'runs with the restrictions of compose: healthy, not as root, with only allowed requests to the engine',
    async () => {
      const watched = `${prefix}-watched`;
      containers.push(watched);
      const noise = 'while :; do echo "ERROR cannot reach the database"; sleep 1; done';
      await docker(['run', '--detach', '--name', watched, '--entrypoint', 'sh', image, '-c', noise]);
      const name = `${prefix}-doctor`;
      const port = await start(name, {});

      const health = await eventuallyIn(
        name,
        async () => {
          const response = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(2_000) });
          const body = (await response.json()) as { status: string; docker_connected: boolean };
          expect([response.status, body.status, body.docker_connected]).toEqual([200, 'healthy', true]);
          return body;
        },
        30_000,
      );
      expect(health).toMatchObject({ status: 'healthy' });

      await eventuallyIn(
        name,
        async () => {
          expect(await inspect(name, '{{.State.Health.Status}}')).toBe('healthy');
          return true;
        },
        30_000,
      );
      expect(await inspect(name, '{{.Config.User}}')).toBe('node');
      expect((await docker(['exec', name, 'node', '-p', 'process.getuid()'])).stdout.trim()).toBe('1000');

      await eventuallyIn(
        name,
        async () => {
          expect(proxy?.forwarded.join('\n')).toMatch(/^GET .*\/containers\/[0-9a-f]+\/logs$/m);
          expect(proxy?.forwarded.join('\n')).toMatch(/^GET .*\/containers\/[0-9a-f]+\/json$/m);
          return true;
        },
        30_000,
      );
      expect(proxy?.rejected).toEqual([]);
    },
    2 * MINUTE,
  );

  it(
    'exits with code 0 on docker stop, before the engine kills it',
    async () => {
      const name = `${prefix}-doctor`;
      await docker(['stop', '--time', '20', name]);
      expect(await inspect(name, '{{.State.ExitCode}}')).toBe('0');
    },
    MINUTE,
  );

  it(
    'becomes unhealthy if the agent does not answer',
    async () => {
      const name = `${prefix}-mute`;
      containers.push(name);
      const mute = ['--health-interval', '1s', '--health-retries', '1', '--entrypoint', 'node', image];
      // Failures do not count during the start period of 10 s, but the health log has them at once.
      await docker(['run', '--detach', '--name', name, ...mute, '-e', 'setInterval(() => {}, 1000)']);
      await eventually(
        async () => {
          expect(await inspect(name, '{{range .State.Health.Log}}{{.ExitCode}} {{end}}')).toMatch(/^1 /);
          return true;
        },
        { deadlineMs: 60_000, everyMs: 250 },
      );
    },
    MINUTE,
  );

  it(
    'prints its version, and exits with 78 for invalid settings',
    async () => {
      const { version } = JSON.parse(readRepositoryFile('package.json')) as { version: string };
      expect((await docker(['run', '--rm', image, '--version'])).stdout).toContain(version);
      const name = `${prefix}-wrong`;
      containers.push(name);
      await docker(['run', '--name', name, '--env', 'LOG_LINES=many', image]).catch(() => {});
      expect(await inspect(name, '{{.State.ExitCode}}')).toBe('78');
      expect(await output(name)).toContain('LOG_LINES');
    },
    MINUTE,
  );

  it(
    'contains no secrets in its history, its configuration or its files',
    async () => {
      const history = (await docker(['history', '--no-trunc', '--format', '{{.CreatedBy}}', image])).stdout;
      const settings = await inspect(image, '{{json .Config}}');
      for (const text of [history, settings]) {
        expect(text).not.toMatch(/(api_?key|token|secret|password|webhook)/i);
        expect(text).not.toContain(PLANTED_SECRET);
      }
      const files = ['run', '--rm', '--user', '0', '--entrypoint', 'sh', image, '-c'];
      const { stdout } = await docker([...files, `grep -rl ${PLANTED_SECRET} /app /data || true`], MINUTE);
      expect(stdout).toBe('');
    },
    2 * MINUTE,
  );

  it(
    'contains no sources, tests or development tools',
    async () => {
      const list = ['run', '--rm', '--entrypoint', 'sh', image, '-c'];
      expect((await docker([...list, 'ls -A /app'])).stdout.trim().split('\n')).toEqual([
        'LICENSE',
        'dist',
        'package.json',
      ]);
      expect((await docker([...list, 'cat /app/dist/licenses.txt'])).stdout).toContain('@anthropic-ai/sdk');
    },
    MINUTE,
  );

  it(
    'cannot change its program, only its data',
    async () => {
      const write = ['run', '--rm', '--entrypoint', 'sh', image, '-c'];
      await expect(docker([...write, 'touch /app/dist/main.js'])).rejects.toThrow(/denied/i);
      await docker([...write, 'touch /data/x']);
    },
    MINUTE,
  );
});

/** Copies the files of the repository, and adds untracked files that must not get into the image. */
async function buildContext(): Promise<string> {
  const context = await mkdtemp(join(tmpdir(), 'doctor-context-'));
  const ignored = (path: string) => /\/(node_modules|\.git|dist|data|coverage)$/.test(path) || path.endsWith('/.env');
  await cp(REPOSITORY, context, { recursive: true, filter: (source) => !ignored(source) });
  await writeFile(join(context, '.env'), `ANTHROPIC_API_KEY=${PLANTED_SECRET}\n`);
  await mkdir(join(context, 'data'));
  await writeFile(join(context, 'data', 'doctor.db'), PLANTED_SECRET);
  await mkdir(join(context, 'dist'));
  await writeFile(join(context, 'dist', 'old.js'), `// ${PLANTED_SECRET}\n`);
  return context;
}
