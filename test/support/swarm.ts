/**
 * Docker engines on hosts of their own, joined in a real Swarm. Each host is a network namespace with an address; a bridge
 * in another namespace connects them with each other and with this machine. Needs root, dockerd and `ip`.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { createWriteStream, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type Docker from 'dockerode';
import { clientOf, ensureBaseImageOn, TEST_IMAGE } from './engine.ts';
import { eventually } from './eventually.ts';

export interface SwarmHost {
  /** The host name, `node-1`. */
  readonly name: string;
  readonly address: string;
  readonly dockerHost: string;
  readonly docker: Docker;
  /** Starts a program on this host. */
  readonly via: readonly string[];
  /** The engine hangs. */
  pauseEngine(): void;
  resumeEngine(): void;
  cutOff(): void;
  reconnect(): void;
}

export interface TestSwarm {
  /** The first one is the manager. */
  readonly hosts: readonly [SwarmHost, SwarmHost, SwarmHost];
  /** Of this machine, for the hosts. */
  readonly address: string;
  /** Makes a local server reachable for the hosts; returns its URL there. */
  forward(url: string): Promise<string>;
  close(): Promise<void>;
}

const ip = (...args: readonly string[]) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });

/** Undefined if a Swarm can be started here. */
export function whyNoSwarm(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root can start Docker engines in network namespaces';
  for (const program of ['dockerd', 'ip', 'nsenter', 'unshare', 'busybox']) {
    try {
      execFileSync('sh', ['-c', `command -v ${program}`]);
    } catch {
      return `${program} is not installed`;
    }
  }
  const name = `cdtry${process.pid}`;
  try {
    ip('netns', 'add', name);
    // The networks that services of several hosts share.
    ip('-n', name, 'link', 'add', 'try', 'type', 'vxlan', 'id', '1', 'dstport', '4789', 'dev', 'lo');
    return undefined;
  } catch (error) {
    return `network namespaces with VXLAN cannot be made: ${String(error).split('\n').at(-2) ?? ''}`;
  } finally {
    execFileSync('sh', ['-c', `ip netns del ${name} 2> /dev/null || true`]);
  }
}

/** A new /sys shows the bridges of the namespace; without the control groups, dockerd does not start. */
const PREPARE = `
  set -e
  hostname "$1"; mkdir -p "$2/cgroup"
  mount --rbind /sys/fs/cgroup "$2/cgroup"; mount -t sysfs sysfs /sys
  mount --rbind "$2/cgroup" /sys/fs/cgroup; umount -l "$2/cgroup"
  exec dockerd --host "unix://$2/socket" --data-root "$2/data" --exec-root "$2/exec" --pidfile "$2/pid"`;

export async function startSwarm(): Promise<TestSwarm> {
  const net = randomInt(1, 250);
  const named = (what: string) => `cd${net}${what}`;
  const address = `10.77.${net}.254`;
  const folder = await mkdtemp(path.join(tmpdir(), 'swarm-'));
  const daemons: ChildProcess[] = [];
  const servers: Server[] = [];
  const hub = named('hub');

  const close = async (): Promise<void> => {
    for (const server of servers) server.close();
    await Promise.all(
      daemons.map((daemon) => {
        const gone = new Promise((resolve) => daemon.once('exit', resolve));
        return daemon.exitCode === null && daemon.kill('SIGKILL') ? gone : undefined;
      }),
    );
    for (const name of [hub, named('n1'), named('n2'), named('n3')]) {
      execFileSync('sh', ['-c', `ip netns del ${name} 2> /dev/null || true`]);
    }
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
  };

  const startHost = async (n: number): Promise<SwarmHost> => {
    const [space, port, name] = [named(`n${n}`), named(`p${n}`), `node-${n}`];
    const own = path.join(folder, name);
    await mkdir(own);
    ip('netns', 'add', space);
    ip('-n', hub, 'link', 'add', 'name', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space);
    ip('-n', hub, 'link', 'set', port, 'master', 'hub0', 'up');
    ip('-n', space, 'addr', 'add', `10.77.${net}.${n}/24`, 'dev', 'eth0');
    for (const link of ['eth0', 'lo']) ip('-n', space, 'link', 'set', link, 'up');
    ip('-n', space, 'route', 'add', 'default', 'via', address);

    const via = ['nsenter', `--net=/var/run/netns/${space}`];
    // Killing `unshare` kills the engine and its containers.
    const unshare = ['unshare', '--uts', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
    const daemon = spawn('nsenter', [...via.slice(1), ...unshare, 'sh', '-c', PREPARE, 'sh', name, own], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Otherwise each task first tries to pull its image.
      env: { ...process.env, DOCKER_SERVICE_PREFER_OFFLINE_IMAGE: '1' },
    });
    daemons.push(daemon);
    const log = createWriteStream(path.join(own, 'log'));
    for (const stream of [daemon.stdout, daemon.stderr]) stream?.pipe(log, { end: false });
    const dockerHost = `unix://${own}/socket`;
    const docker = clientOf(dockerHost);
    await eventually(
      async () => {
        if (daemon.exitCode !== null) throw new Error(`dockerd exited: ${readFileSync(path.join(own, 'log'), 'utf8')}`);
        return (await docker.ping()) ? true : undefined;
      },
      { deadlineMs: 60_000, everyMs: 100 },
    );
    const signal = (which: NodeJS.Signals) => {
      const [engine] = readFileSync(`/proc/${daemon.pid}/task/${daemon.pid}/children`, 'utf8').split(' ');
      process.kill(Number(engine), which);
    };
    return {
      name,
      address: `10.77.${net}.${n}`,
      dockerHost,
      docker,
      via,
      pauseEngine: () => signal('SIGSTOP'),
      resumeEngine: () => signal('SIGCONT'),
      cutOff: () => void ip('-n', hub, 'link', 'set', port, 'down'),
      reconnect: () => void ip('-n', hub, 'link', 'set', port, 'up'),
    };
  };

  try {
    ip('netns', 'add', hub);
    ip('-n', hub, 'link', 'add', 'name', 'hub0', 'type', 'bridge');
    for (const link of ['hub0', 'lo']) ip('-n', hub, 'link', 'set', link, 'up');
    ip('link', 'add', 'name', named('m'), 'type', 'veth', 'peer', 'name', 'machine', 'netns', hub);
    ip('addr', 'add', `${address}/24`, 'dev', named('m'));
    ip('link', 'set', named('m'), 'up');
    ip('-n', hub, 'link', 'set', 'machine', 'master', 'hub0', 'up');

    const hosts = await Promise.all([startHost(1), startHost(2), startHost(3)]);
    const [manager, ...workers] = hosts;
    // One image for all: building it on each would make three, with ids of their own.
    await ensureBaseImageOn(manager.docker);
    for (const { docker } of workers) {
      const loaded = await docker.loadImage(await manager.docker.getImage(TEST_IMAGE).get());
      await new Promise((resolve) => loaded.on('end', resolve).resume());
    }
    const at = ({ address }: SwarmHost) => ({ AdvertiseAddr: address, ListenAddr: `${address}:2377` });
    await manager.docker.swarmInit(at(manager));
    const { JoinTokens } = (await manager.docker.swarmInspect()) as { JoinTokens: { Worker: string } };
    for (const worker of workers) {
      await worker.docker.swarmJoin({
        ...at(worker),
        RemoteAddrs: [`${manager.address}:2377`],
        JoinToken: JoinTokens.Worker,
      });
    }
    return {
      hosts,
      address,
      async forward(url) {
        const local = new URL(url);
        const server = createServer((from) => {
          const onward = connect(Number(local.port), local.hostname);
          from.pipe(onward).pipe(from);
          for (const socket of [from, onward]) {
            socket.on('error', () => undefined);
            socket.on('close', () => (socket === from ? onward : from).destroy());
          }
        });
        servers.push(server);
        await new Promise<void>((resolve) => server.listen(0, address, resolve));
        const { port } = server.address() as { port: number };
        return `http://${address}:${port}${local.pathname.replace(/\/$/, '')}`;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
