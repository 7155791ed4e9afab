import { randomBytes } from 'node:crypto';
import { parseSignal } from '../../docker/signals.ts';
import type { StreamName } from '../../domain.ts';
import { createLogBook, type LogBook } from './log-book.ts';
import { formatTimestamp } from './timestamps.ts';

export type SimulatedHealth = 'starting' | 'healthy' | 'unhealthy';

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
  readonly restartPolicy?: 'no' | 'always' | 'on-failure' | 'unless-stopped';
  /** Of `on-failure`; default 0, no limit. */
  readonly maximumRetryCount?: number;
  /** How long the engine waits before its restart policy starts the container again; default 100 ms. */
  readonly restartDelayMs?: number;
  /** Present: the container has a health check, and this is what it says after each start. */
  readonly health?: SimulatedHealth;
  readonly networkMode?: string;
  /** As `--stop-signal`; default SIGTERM. */
  readonly stopSignal?: string;
  /** Seconds; default 10. */
  readonly stopTimeout?: number;
  /** It ignores the stop signal, and is killed (exit code 137) when the stop timeout is over. */
  readonly ignoresStop?: boolean;
  /** How long it takes to end on the stop signal; at once by default. */
  readonly stopTakesMs?: number;
  /** With what it answers the stop signal; default 143. */
  readonly stopExitCode?: number;
  /** How long a restart takes from its stop to its start; none by default. */
  readonly startTakesMs?: number;
  /** False: created only. Default true. */
  readonly start?: boolean;
  /** What it printed, where that is more than memory should hold; else what `log` prints is kept. */
  readonly logBook?: LogBook;
  /** The container's program: called after each start. Timers that it sets should ask `running` first. */
  onStart?(container: SimulatedContainer): void;
}

/** A container of the simulated engine: what its program and its operator can do to it. */
export interface SimulatedContainer {
  readonly id: string;
  readonly name: string;
  readonly running: boolean;
  /** Counts every start, the first included. */
  readonly starts: number;
  /**
   * Prints `text`, a line for each `\n` in it. `at` (epoch ms) gives every line exactly that timestamp,
   * else each gets the next one. `terminated: false` leaves the last line without its end.
   */
  log(text: string, options?: { stream?: StreamName; at?: number; terminated?: boolean }): void;
  /** The program ends: `die`, and `start` again where the restart policy says so. */
  exit(code: number, options?: { oomKilled?: boolean }): void;
  /** Out of memory: `oom` and then `die` with 137; with `childOnly` the container runs on. */
  oom(options?: { childOnly?: boolean }): void;
  setHealth(status: SimulatedHealth, output?: string): void;
  start(): void;
  /** As `docker stop`: kill, die, stop. Resolves when it has stopped. */
  stop(timeoutSeconds?: number): Promise<void>;
  /** As `docker restart`: kill, die, stop, start, restart. */
  restart(timeoutSeconds?: number): Promise<void>;
  kill(signal?: number): void;
  pause(): void;
  unpause(): void;
  rename(name: string): void;
  /** As `docker rm -f`. */
  remove(): void;
}

/** The real engine sends `stop` so much later than `die`. */
const STOP_EVENT_LAG_MS = 20;

/** A container as the engine itself holds it. */
export interface EngineContainer extends SimulatedContainer {
  readonly logBook: LogBook;
  readonly tty: boolean;
  readonly labels: Readonly<Record<string, string>>;
  inspectJson(): unknown;
  listJson(): { State: string; Names: string[]; Labels: Record<string, string>; [key: string]: unknown };
  statusText(): string;
  /** Cancels what was to happen later. */
  dispose(): void;
}

export interface ContainerWorld {
  now(): number;
  timestamp(): string;
  emit(container: EngineContainer, action: string, attributes?: Record<string, string>): void;
  /** Runs `task` later, unless the engine is closed first. Returns its cancellation. */
  later(ms: number, task: () => void): () => void;
  forget(container: EngineContainer): void;
}

export function createContainer(options: SimulatedContainerOptions, world: ContainerWorld): EngineContainer {
  const id = randomBytes(32).toString('hex');
  const tty = options.tty ?? false;
  const logBook = options.logBook ?? createLogBook(tty);
  const createdAt = world.now();
  const restartPolicy = options.restartPolicy ?? 'no';
  const stopTimeout = options.stopTimeout ?? 10;
  const stopSignal = parseSignal(options.stopSignal ?? '') ?? 15;

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
      world.emit(container, 'stop');
      return;
    }
    stopping = true;
    world.emit(container, 'kill', { signal: String(stopSignal) });
    if (options.ignoresStop) {
      await new Promise<void>((resolve) => world.later(timeoutSeconds * 1000, resolve));
      world.emit(container, 'kill', { signal: '9' });
      container.exit(137);
    } else {
      if (options.stopTakesMs !== undefined) {
        await new Promise<void>((resolve) => world.later(options.stopTakesMs ?? 0, resolve));
      }
      container.exit(options.stopExitCode ?? 128 + stopSignal);
    }
    if (stopEventLagMs > 0) await new Promise<void>((resolve) => world.later(stopEventLagMs, resolve));
    world.emit(container, 'stop');
  }

  const container: EngineContainer = {
    id,
    tty,
    logBook,
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
        const timestamp = at === undefined ? world.timestamp() : formatTimestamp(at);
        logBook.append(timestamp, stream, line, terminated || index < lines.length - 1);
      }
    },

    exit(code, { oomKilled: killedForMemory = false } = {}) {
      if (!isRunning()) return;
      status = 'exited';
      exitCode = code;
      oomKilled ||= killedForMemory;
      finishedAt = world.now();
      world.emit(container, 'die', { exitCode: String(code) });
      logBook.endFollowers();
      if (stopping || !restartsAfter(code)) return;
      status = 'restarting';
      cancelRestart = world.later(options.restartDelayMs ?? 100, () => {
        restartCount += 1;
        container.start();
      });
    },

    oom({ childOnly = false } = {}) {
      if (!isRunning()) return;
      world.emit(container, 'oom');
      // As the real engine: the flag stays set until the next start, whichever process was killed.
      oomKilled = true;
      if (!childOnly) container.exit(137, { oomKilled: true });
    },

    setHealth(next, output = '') {
      const at = formatTimestamp(world.now());
      healthLog = [
        ...healthLog.slice(-4),
        { Start: at, End: at, ExitCode: next === 'healthy' ? 0 : 1, Output: output },
      ];
      if (health === next) return;
      health = next;
      world.emit(container, `health_status: ${next}`);
    },

    start() {
      if (isRunning()) return;
      cancelRestart?.();
      status = 'running';
      starts += 1;
      exitCode = 0;
      oomKilled = false;
      stopping = false;
      startedAt = world.now();
      if (options.health !== undefined) {
        health = options.health;
        healthLog = [];
      }
      world.emit(container, 'start');
      options.onStart?.(container);
    },

    async stop(timeoutSeconds = stopTimeout) {
      await end(timeoutSeconds, STOP_EVENT_LAG_MS);
    },

    async restart(timeoutSeconds = stopTimeout) {
      await end(timeoutSeconds, 0);
      restartCount = 0;
      if (options.startTakesMs !== undefined) {
        await new Promise<void>((resolve) => world.later(options.startTakesMs ?? 0, resolve));
      }
      container.start();
      world.emit(container, 'restart');
    },

    kill(signal = 9) {
      if (!isRunning()) return;
      world.emit(container, 'kill', { signal: String(signal) });
      if (signal !== 9 && (signal !== stopSignal || options.ignoresStop)) return;
      stopping = true;
      container.exit(signal === 9 ? 137 : (options.stopExitCode ?? 128 + stopSignal));
    },

    pause() {
      if (status !== 'running') return;
      status = 'paused';
      world.emit(container, 'pause');
    },

    unpause() {
      if (status !== 'paused') return;
      status = 'running';
      world.emit(container, 'unpause');
    },

    rename(next) {
      const oldName = `/${name}`;
      name = next;
      world.emit(container, 'rename', { oldName });
    },

    remove() {
      container.kill(9);
      cancelRestart?.();
      world.emit(container, 'destroy');
      world.forget(container);
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
        Image: image(options),
        Tty: tty,
        Env: options.env ?? [],
        Labels: options.labels ?? {},
        StopSignal: options.stopSignal,
        StopTimeout: options.stopTimeout,
      },
    }),

    listJson: () => ({
      Id: id,
      Names: [`/${name}`],
      Image: image(options),
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
      logBook.endFollowers();
    },
  };
  return container;
}

export function image(options: SimulatedContainerOptions): string {
  return options.image ?? `demo/${options.name}:latest`;
}
