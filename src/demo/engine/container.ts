import { randomBytes } from 'node:crypto';
import { parseSignal } from '../../docker/signals.ts';
import type { StreamName } from '../../domain.ts';
import { type ContainerLog, createContainerLog } from './container-log.ts';
import { type Addresses, createEndpoints } from './networks.ts';
import { formatTimestamp } from './timestamps.ts';

type SimulatedHealth = 'starting' | 'healthy' | 'unhealthy';

export interface SimulatedContainerOptions {
  readonly name: string;
  /** Default `demo/<name>:latest`. */
  readonly image?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Bytes. */
  readonly memoryLimit?: number;
  /** `NAME=value`. */
  readonly env?: readonly string[];
  readonly tty?: boolean;
  /** The engine's statistics while it runs; default: empty. */
  readonly stats?: object;
  readonly restartPolicy?: 'no' | 'always' | 'on-failure' | 'unless-stopped';
  /** For `on-failure`; default 0, no limit. */
  readonly maximumRetryCount?: number;
  /** How long the engine waits before its restart policy starts the container again; default 100 ms. */
  readonly restartDelayMs?: number;
  /** If set, the container has a health check with this status after each start. */
  readonly health?: SimulatedHealth;
  readonly networkMode?: string;
  /** User-defined networks that it joins. */
  readonly networks?: readonly string[];
  /** Names besides its own under which others on its networks reach it. */
  readonly aliases?: readonly string[];
  /** As `--stop-signal`; default SIGTERM. */
  readonly stopSignal?: string;
  /** Seconds; default 10. */
  readonly stopTimeout?: number;
  /** It ignores the stop signal and is killed (exit code 137) after the stop timeout. */
  readonly ignoresStop?: boolean;
  /** How long it takes to exit after the stop signal; default 0. */
  readonly stopTakesMs?: number;
  /** Its exit code after the stop signal; default 143. */
  readonly stopExitCode?: number;
  /** How long a restart takes between stop and start; default 0. */
  readonly startTakesMs?: number;
  /** False: the container is created but not started. Default true. */
  readonly start?: boolean;
  /** The container's log, for tests with more output than fits in memory. Default: keeps what `log` prints. */
  readonly output?: ContainerLog;
  /** The container's program: called after each start. Its timers should check `running` first. */
  onStart?(container: SimulatedContainer): void;
}

/** A container of the simulated engine, with what its program and its operator can do. */
export interface SimulatedContainer {
  readonly id: string;
  readonly name: string;
  readonly running: boolean;
  /** Counts every start, the first included. */
  readonly starts: number;
  /**
   * Prints `text`, which may have several lines. `at` (epoch ms) is the timestamp of every line; by default each line
   * gets the next one. `terminated: false` prints the last line without a line terminator.
   */
  log(text: string, options?: { stream?: StreamName; at?: number; terminated?: boolean }): void;
  /** The program exits: emits `die`, and `start` if the restart policy says so. */
  exit(code: number, options?: { oomKilled?: boolean }): void;
  /** Out of memory: emits `oom`, then `die` with 137. With `childOnly` the container keeps running. */
  oom(options?: { childOnly?: boolean }): void;
  setHealth(status: SimulatedHealth, output?: string): void;
  start(): void;
  /** Like `docker stop`: emits kill, die, stop. Resolves when the container has stopped. */
  stop(timeoutSeconds?: number): Promise<void>;
  /** Like `docker restart`: emits kill, die, stop, start, restart. */
  restart(timeoutSeconds?: number): Promise<void>;
  kill(signal?: number): void;
  pause(): void;
  unpause(): void;
  rename(name: string): void;
  /** Like `docker network connect`. */
  connect(network: string): void;
  /** Like `docker network disconnect`. */
  disconnect(network: string): void;
  /** Its address on a network; empty while it does not run. */
  address(network: string): string;
  /** Like `docker rm -f`. */
  remove(): void;
}

/** How much later than `die` the real engine sends `stop`. */
const STOP_EVENT_LAG_MS = 20;

/** A container as the engine itself sees it. */
export interface EngineContainer extends SimulatedContainer {
  readonly output: ContainerLog;
  readonly image: string;
  readonly tty: boolean;
  readonly labels: Readonly<Record<string, string>>;
  inspectJson(): unknown;
  statsJson(): unknown;
  listJson(): { State: string; Names: string[]; Labels: Record<string, string>; [key: string]: unknown };
  statusText(): string;
  /** Cancels timers and ends log streams. */
  dispose(): void;
}

/** What a container needs from its engine. */
interface EngineContext {
  now(): number;
  timestamp(): string;
  emit(container: EngineContainer, action: string, attributes?: Record<string, string>): void;
  /** Runs `task` after `ms`, unless the engine is closed first. Returns a function that cancels it. */
  later(ms: number, task: () => void): () => void;
  readonly addresses: Addresses;
  remove(container: EngineContainer): void;
}

export function createContainer(options: SimulatedContainerOptions, engine: EngineContext): EngineContainer {
  const id = randomBytes(32).toString('hex');
  const image = options.image ?? `demo/${options.name}:latest`;
  const tty = options.tty ?? false;
  const output = options.output ?? createContainerLog(tty);
  const createdAt = engine.now();
  const restartPolicy = options.restartPolicy ?? 'no';
  const stopTimeout = options.stopTimeout ?? 10;
  const stopSignal = parseSignal(options.stopSignal ?? '') ?? 15;

  const endpoints = createEndpoints(engine.addresses, options.networks ?? [], [
    ...(options.aliases ?? []),
    id.slice(0, 12),
  ]);

  let name = options.name;
  let status: 'created' | 'running' | 'paused' | 'restarting' | 'exited' = 'created';
  let starts = 0;
  let restartCount = 0;
  let exitCode = 0;
  let oomKilled = false;
  let startedAt = 0;
  let finishedAt = 0;
  let stopping = false;
  let health: SimulatedHealth | undefined = options.health;
  let healthLog: { Start: string; End: string; ExitCode: number; Output: string }[] = [];
  let cancelRestart: (() => void) | undefined;

  const isRunning = () => status === 'running' || status === 'paused';
  const sleep = (ms: number) => new Promise<void>((resolve) => engine.later(ms, resolve));
  const time = (ms: number) => (ms === 0 ? '0001-01-01T00:00:00Z' : formatTimestamp(ms));

  const restartsAfter = (code: number): boolean => {
    if (restartPolicy !== 'on-failure') return restartPolicy !== 'no';
    const { maximumRetryCount = 0 } = options;
    return code !== 0 && (maximumRetryCount === 0 || restartCount < maximumRetryCount);
  };

  async function end(timeoutSeconds: number, stopEventLagMs: number): Promise<void> {
    cancelRestart?.();
    if (!isRunning()) {
      if (status !== 'restarting') return;
      status = 'exited';
      engine.emit(container, 'stop');
      return;
    }
    stopping = true;
    engine.emit(container, 'kill', { signal: String(stopSignal) });
    if (options.ignoresStop) {
      await sleep(timeoutSeconds * 1000);
      engine.emit(container, 'kill', { signal: '9' });
      container.exit(137);
    } else {
      if (options.stopTakesMs !== undefined) await sleep(options.stopTakesMs);
      container.exit(options.stopExitCode ?? 128 + stopSignal);
    }
    if (stopEventLagMs > 0) await sleep(stopEventLagMs);
    engine.emit(container, 'stop');
  }

  const container: EngineContainer = {
    id,
    image,
    tty,
    output,
    labels: options.labels ?? {},
    get name() {
      return name;
    },
    get running() {
      return isRunning();
    },
    get starts() {
      return starts;
    },

    log(text, { stream = 'stdout', at, terminated = true } = {}) {
      const lines = text.split('\n');
      for (const [index, line] of lines.entries()) {
        const timestamp = at === undefined ? engine.timestamp() : formatTimestamp(at);
        output.append(timestamp, stream, line, terminated || index < lines.length - 1);
      }
    },

    exit(code, { oomKilled: killedForMemory = false } = {}) {
      if (!isRunning()) return;
      status = 'exited';
      exitCode = code;
      oomKilled ||= killedForMemory;
      finishedAt = engine.now();
      endpoints.detach();
      engine.emit(container, 'die', { exitCode: String(code) });
      output.endFollowers();
      if (stopping || !restartsAfter(code)) return;
      status = 'restarting';
      cancelRestart = engine.later(options.restartDelayMs ?? 100, () => {
        restartCount += 1;
        container.start();
      });
    },

    oom({ childOnly = false } = {}) {
      if (!isRunning()) return;
      engine.emit(container, 'oom');
      // As the real engine: the flag stays set until the next start, whichever process was killed.
      oomKilled = true;
      if (!childOnly) container.exit(137, { oomKilled: true });
    },

    setHealth(next, text = '') {
      const at = formatTimestamp(engine.now());
      healthLog = [...healthLog.slice(-4), { Start: at, End: at, ExitCode: next === 'healthy' ? 0 : 1, Output: text }];
      if (health === next) return;
      health = next;
      engine.emit(container, `health_status: ${next}`);
    },

    start() {
      if (isRunning()) return;
      cancelRestart?.();
      status = 'running';
      starts += 1;
      exitCode = 0;
      oomKilled = false;
      stopping = false;
      startedAt = engine.now();
      endpoints.attach();
      if (options.health !== undefined) {
        health = options.health;
        healthLog = [];
      }
      engine.emit(container, 'start');
      options.onStart?.(container);
    },

    async stop(timeoutSeconds = stopTimeout) {
      await end(timeoutSeconds, STOP_EVENT_LAG_MS);
    },

    async restart(timeoutSeconds = stopTimeout) {
      await end(timeoutSeconds, 0);
      restartCount = 0;
      if (options.startTakesMs !== undefined) await sleep(options.startTakesMs);
      container.start();
      engine.emit(container, 'restart');
    },

    kill(signal = 9) {
      if (!isRunning()) return;
      engine.emit(container, 'kill', { signal: String(signal) });
      if (signal !== 9 && (signal !== stopSignal || options.ignoresStop)) return;
      stopping = true;
      container.exit(signal === 9 ? 137 : (options.stopExitCode ?? 128 + stopSignal));
    },

    pause() {
      if (status !== 'running') return;
      status = 'paused';
      engine.emit(container, 'pause');
    },

    unpause() {
      if (status !== 'paused') return;
      status = 'running';
      engine.emit(container, 'unpause');
    },

    rename(next) {
      const oldName = `/${name}`;
      name = next;
      engine.emit(container, 'rename', { oldName });
    },

    connect: (network) => endpoints.connect(network, isRunning()),
    disconnect: endpoints.disconnect,
    address: endpoints.address,

    remove() {
      container.kill(9);
      cancelRestart?.();
      engine.emit(container, 'destroy');
      engine.remove(container);
    },

    inspectJson: () => ({
      Id: id,
      Created: time(createdAt),
      Name: `/${name}`,
      RestartCount: restartCount,
      State: {
        Status: status,
        Running: isRunning(),
        Paused: status === 'paused',
        Restarting: status === 'restarting',
        OOMKilled: oomKilled,
        Dead: false,
        Pid: isRunning() ? 4242 : 0,
        ExitCode: exitCode,
        Error: '',
        StartedAt: time(startedAt),
        FinishedAt: time(finishedAt),
        ...(health === undefined ? {} : { Health: { Status: health, FailingStreak: 0, Log: healthLog } }),
      },
      HostConfig: {
        Memory: options.memoryLimit ?? 0,
        NetworkMode: options.networkMode ?? 'default',
        RestartPolicy: { Name: restartPolicy, MaximumRetryCount: options.maximumRetryCount ?? 0 },
        LogConfig: { Type: 'json-file', Config: {} },
      },
      Config: {
        Hostname: id.slice(0, 12),
        Image: image,
        Tty: tty,
        Env: options.env ?? [],
        Labels: options.labels ?? {},
        StopSignal: options.stopSignal,
        StopTimeout: options.stopTimeout,
      },
      NetworkSettings: { Networks: endpoints.json(name) },
    }),

    statsJson: () => ({
      id,
      name: `/${name}`,
      memory_stats: {},
      cpu_stats: {},
      ...(isRunning() ? options.stats : {}),
    }),

    listJson: () => ({
      Id: id,
      Names: [`/${name}`],
      Image: image,
      Labels: { ...options.labels },
      Created: Math.floor(createdAt / 1000),
      State: status,
      Status: container.statusText(),
      HostConfig: { NetworkMode: options.networkMode ?? 'default' },
    }),

    statusText() {
      if (status === 'created') return 'Created';
      if (status === 'restarting') return `Restarting (${exitCode}) 1 second ago`;
      if (status === 'exited') return `Exited (${exitCode}) 1 second ago`;
      if (status === 'paused') return 'Up 1 second (Paused)';
      const suffix = health === undefined ? '' : ` (${health === 'starting' ? 'health: starting' : health})`;
      return `Up 1 second${suffix}`;
    },

    dispose() {
      cancelRestart?.();
      output.endFollowers();
    },
  };
  return container;
}
