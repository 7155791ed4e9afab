/** The real Docker engine for tests. If none is reachable, engine tests are skipped, or fail with `CI=true`. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);

export const TEST_IMAGE = 'container-doctor-test:busybox';

const APPLETS =
  'sh sleep echo tail dd awk cat true false seq kill date head yes ls rm touch test wget nc httpd printf tr mkdir';

const host = await findHost();
const shared = host === undefined ? undefined : clientOf(host);

/** The `DOCKER_HOST` of a reachable engine; undefined if there is none. */
export function engineHost(): string | undefined {
  return host;
}

export function docker(): Docker {
  if (shared === undefined) throw new Error('no Docker engine is reachable');
  return shared;
}

/** Like `describe`, but needs a reachable engine. */
export function describeEngine(name: string, define: (dockerHost: string) => void): void {
  if (host !== undefined) describe(name, () => define(host));
  else describeMissing(name, 'a Docker engine', 'no Docker engine is reachable: set DOCKER_HOST or start dockerd');
}

/** Replaces tests that cannot run on this machine: skipped, or failed with `CI=true`. `what` is what they need. */
export function describeMissing(name: string, what: string, why: string): void {
  describe(name, () => {
    if (process.env.CI === 'true') {
      it(`needs ${what}`, () => expect.fail(why));
      return;
    }
    console.warn(`SKIPPED, ${why}: ${name}`);
    it.skip(`needs ${what}`, () => {});
  });
}

async function findHost(): Promise<string | undefined> {
  const candidates = [process.env.DOCKER_HOST, 'unix:///var/run/docker.sock'];
  for (const candidate of candidates) {
    if (!candidate) continue;
    if (candidate.startsWith('unix://') && !existsSync(candidate.slice('unix://'.length))) continue;
    const reachable = await clientOf(candidate, 3_000)
      .ping()
      .then(() => true)
      .catch(() => false);
    if (reachable) return candidate;
  }
  return undefined;
}

export function clientOf(dockerHost: string, timeout = 0): Docker {
  if (dockerHost.startsWith('unix://')) {
    return new Docker({ socketPath: dockerHost.slice('unix://'.length), host: undefined, port: undefined, timeout });
  }
  const { hostname, port } = new URL(dockerHost);
  return new Docker({ socketPath: undefined, host: hostname, port, protocol: 'http', timeout });
}

const building = new WeakMap<Docker, Promise<void>>();

/** Builds `TEST_IMAGE` from the static busybox of this machine, once. */
export function ensureBaseImage(): Promise<void> {
  return ensureBaseImageOn(docker());
}

export function ensureBaseImageOn(engine: Docker): Promise<void> {
  const built = building.get(engine) ?? buildBaseImage(engine);
  building.set(engine, built);
  return built;
}

async function buildBaseImage(engine: Docker): Promise<void> {
  const existing = await engine
    .getImage(TEST_IMAGE)
    .inspect()
    .catch(() => undefined);
  // An older image may have fewer applets; the label lists those that it has.
  if (existing?.Config?.Labels?.applets === APPLETS) return;
  const { stdout } = await run('sh', ['-c', 'command -v busybox']).catch(() => {
    throw new Error('the test image is made from busybox: install busybox-static');
  });
  const folder = await mkdtemp(path.join(tmpdir(), 'busybox-image-'));
  try {
    for (const name of ['bin', 'tmp', 'etc', 'proc', 'dev']) await mkdir(path.join(folder, name));
    await copyFile(stdout.trim(), path.join(folder, 'bin/busybox'));
    for (const applet of APPLETS.split(' ')) await symlink('busybox', path.join(folder, 'bin', applet));
    const { stdout: tar } = await run('tar', ['-C', folder, '-c', '.'], {
      encoding: 'buffer',
      maxBuffer: 64 * 1024 * 1024,
    });
    const body = new PassThrough();
    body.end(tar);
    const [repo, tag] = TEST_IMAGE.split(':');
    const changes = [`LABEL applets="${APPLETS}"`, 'ENV PATH=/bin'];
    const progress = await engine.importImage(body, { repo, tag, changes } as object);
    for await (const _ of progress as AsyncIterable<Buffer>);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export interface RunOptions {
  /** Default: a unique name that begins with `cd-test-`. */
  readonly name?: string;
  /** A shell script, run as the container's main process. */
  readonly cmd: string;
  /** Default: `TEST_IMAGE`, which is built if it is missing. */
  readonly image?: string;
  /** Bytes. */
  readonly memory?: number;
  readonly healthcheck?: { readonly cmd: string; readonly intervalMs?: number; readonly retries?: number };
  readonly tty?: boolean;
  readonly restart?: 'no' | 'always' | 'on-failure' | 'unless-stopped';
  /** For the restart policy `on-failure`. */
  readonly maximumRetryCount?: number;
  /** As `--stop-signal`. */
  readonly stopSignal?: string;
  /** As `--rm`. */
  readonly autoRemove?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly env?: readonly string[];
  readonly networkMode?: string;
  /** Options of the log driver `json-file`, e.g. `max-size`. */
  readonly logs?: Readonly<Record<string, string>>;
  /** As `--volume`: `source:target`. The source may be a file or a directory of the host. */
  readonly binds?: readonly string[];
  /** As `--tmpfs`: options by mount point, e.g. `size=1m`. */
  readonly tmpfs?: Readonly<Record<string, string>>;
  /** Published on 127.0.0.1; the container listens on the same number. */
  readonly port?: number;
  /** Seconds. */
  readonly stopTimeout?: number;
  /** False: the container is created but not started. */
  readonly start?: boolean;
}

export interface TestContainer {
  readonly id: string;
  readonly name: string;
  /** Forced, with its volumes. Does nothing if the container is gone. */
  remove(): Promise<void>;
}

export async function runContainer(options: RunOptions, engine = docker()): Promise<TestContainer> {
  if (options.image === undefined) await ensureBaseImageOn(engine);
  const name = options.name ?? `cd-test-${randomBytes(4).toString('hex')}`;
  const { healthcheck } = options;
  const container = await engine.createContainer({
    name,
    Image: options.image ?? TEST_IMAGE,
    Cmd: ['sh', '-c', options.cmd],
    Tty: options.tty ?? false,
    Labels: { ...options.labels },
    Env: [...(options.env ?? [])],
    StopTimeout: options.stopTimeout ?? 1,
    ...(options.port === undefined ? {} : { ExposedPorts: { [`${options.port}/tcp`]: {} } }),
    ...(options.stopSignal === undefined ? {} : { StopSignal: options.stopSignal }),
    ...(healthcheck === undefined
      ? {}
      : {
          Healthcheck: {
            Test: ['CMD', 'sh', '-c', healthcheck.cmd],
            Interval: (healthcheck.intervalMs ?? 1_000) * 1e6,
            Timeout: 5e9,
            Retries: healthcheck.retries ?? 1,
          },
        }),
    HostConfig: {
      Memory: options.memory,
      MemorySwap: options.memory,
      RestartPolicy: { Name: options.restart ?? 'no', MaximumRetryCount: options.maximumRetryCount ?? 0 },
      AutoRemove: options.autoRemove ?? false,
      NetworkMode: options.networkMode ?? 'none',
      Binds: [...(options.binds ?? [])],
      Tmpfs: { ...options.tmpfs },
      ...(options.port === undefined
        ? {}
        : { PortBindings: { [`${options.port}/tcp`]: [{ HostIp: '127.0.0.1', HostPort: String(options.port) }] } }),
      ...(options.logs === undefined ? {} : { LogConfig: { Type: 'json-file', Config: options.logs } }),
    },
  });
  const remove = async () => {
    await container.remove({ force: true, v: true }).catch((error: { statusCode?: number }) => {
      // 404: gone; 409: its removal is in progress.
      if (error.statusCode !== 404 && error.statusCode !== 409) throw error;
    });
  };
  try {
    if (options.start !== false) await container.start();
  } catch (error) {
    await remove();
    throw error;
  }
  return { id: container.id, name, remove };
}
