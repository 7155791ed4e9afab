/** A Docker engine for one test, which can be stopped, started and made to hang. Needs dockerd and root. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type Docker from 'dockerode';
import { describe } from 'vitest';
import { clientOf, describeMissing, type RunOptions, runContainer, type TestContainer } from './engine.ts';
import { eventually } from './eventually.ts';

export interface OwnEngine {
  readonly dockerHost: string;
  readonly docker: Docker;
  run(options: RunOptions): Promise<TestContainer>;
  /** The lines of a container's log, as the engine itself returns them. */
  logOf(container: TestContainer): Promise<readonly string[]>;
  /** Like `systemctl stop docker`; resolves when the engine has exited. */
  stop(): Promise<void>;
  /** Resolves when the engine answers. */
  start(): Promise<void>;
  /** Connections are accepted and stay open, and no request is answered. */
  hang(): void;
  resume(): void;
  /** Removes the engine with its containers and files. */
  close(): Promise<void>;
}

export function describeOwnEngine(name: string, define: () => void): void {
  const missing = whatIsMissing();
  if (missing === undefined) describe(name, define);
  else describeMissing(name, 'its own Docker engine', missing);
}

function whatIsMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root can start a Docker engine';
  try {
    execFileSync('sh', ['-c', 'command -v dockerd']);
    return undefined;
  } catch {
    return 'dockerd is not installed';
  }
}

export async function startOwnEngine(flags: readonly string[] = []): Promise<OwnEngine> {
  const folder = await mkdtemp(path.join(tmpdir(), 'own-engine-'));
  const inFolder = (name: string) => path.join(folder, name);
  const dockerHost = `unix://${inFolder('socket')}`;
  const docker = clientOf(dockerHost);
  const log = createWriteStream(inFolder('log'));
  let daemon: ChildProcess | undefined;

  async function start(): Promise<void> {
    const paths = ['host', 'data-root', 'exec-root', 'pidfile'].flatMap((name) => [
      `--${name}`,
      name === 'host' ? dockerHost : inFolder(name),
    ]);
    // In a separate network namespace, so that its bridge cannot conflict with another engine's. Its containers use no
    // network.
    const network = ['--iptables=false', '--ip6tables=false'];
    const child = spawn('unshare', ['--net', 'dockerd', ...paths, ...network, ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) stream.pipe(log, { end: false });
    daemon = child;
    await eventually(
      async () => {
        if (child.exitCode !== null) throw new Error(`dockerd exited with ${child.exitCode}: see ${inFolder('log')}`);
        return (await docker.ping()) ? true : undefined;
      },
      { deadlineMs: 60_000, everyMs: 50 },
    );
  }

  async function stop(): Promise<void> {
    const child = daemon;
    daemon = undefined;
    if (child === undefined) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await gone;
  }

  await start();
  return {
    dockerHost,
    docker,
    run: (options) => runContainer(options, docker),
    async logOf({ id }) {
      const bytes = await docker.getContainer(id).logs({ follow: false, stdout: true, stderr: true });
      const lines: string[] = [];
      for (let at = 0; at < bytes.length; ) {
        const end = at + 8 + bytes.readUInt32BE(at + 4);
        lines.push(bytes.toString('utf8', at + 8, end).replace(/\n$/, ''));
        at = end;
      }
      return lines;
    },
    start,
    stop,
    hang: () => void daemon?.kill('SIGSTOP'),
    resume: () => void daemon?.kill('SIGCONT'),
    async close() {
      daemon?.kill('SIGCONT');
      if (daemon === undefined) await start();
      for (const { Id } of await docker.listContainers({ all: true })) {
        await docker.getContainer(Id).remove({ force: true, v: true });
      }
      await stop();
      log.end();
      // With live-restore, the engine leaves this mounted.
      spawnSync('umount', [inFolder('data-root')], { stdio: 'ignore' });
      await rm(folder, { recursive: true, force: true });
    },
  };
}
