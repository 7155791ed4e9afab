import { createHash, randomBytes } from 'node:crypto';
import { parseSignal } from '../../docker/signals.ts';
import { type ContainerLog, createContainerLog } from './container-log.ts';
import { type Addresses, createEndpoints } from './networks.ts';
import type { SimulatedContainer, SimulatedContainerOptions, SimulatedHealth } from './simulated-container.ts';
import { formatTimestamp } from './timestamps.ts';

/** How much later than `die` the real engine sends `stop`. */
const STOP_EVENT_LAG_MS = 20;

/** A container as the engine itself sees it. */
export interface EngineContainer extends SimulatedContainer {
  readonly output: ContainerLog;
  readonly image: string;
  readonly imageId: string;
  readonly imageLabels: Readonly<Record<string, string>>;
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
  const { imageLabels = {} } = options;
  const labels = { ...imageLabels, ...options.labels };
  const imageId = `sha256:${createHash('sha256')
    .update(JSON.stringify([image, imageLabels]))
    .digest('hex')}`;
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

  function begin(): void {
    cancelRestart?.();
    startedAt = starts === 0 ? (options.startedAt ?? engine.now()) : engine.now();
    status = 'running';
    starts += 1;
    exitCode = 0;
    oomKilled = false;
    stopping = false;
    endpoints.attach();
    if (options.health !== undefined) {
      health = options.health;
      healthLog = [];
    }
  }

  /** The state after the process ended. Returns whether the restart policy starts it again. */
  function ended(code: number): boolean {
    exitCode = code;
    finishedAt = engine.now();
    endpoints.detach();
    const isStartedAgain = !stopping && restartsAfter(code);
    status = isStartedAgain ? 'restarting' : 'exited';
    return isStartedAgain;
  }

  const container: EngineContainer = {
    id,
    image,
    tty,
    output,
    labels,
    imageId,
    imageLabels,
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
      oomKilled ||= killedForMemory;
      const isStartedAgain = ended(code);
      engine.emit(container, 'die', { exitCode: String(code) });
      output.endFollowers();
      if (!isStartedAgain) return;
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
      begin();
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

    replay(action, attributes = {}) {
      if (action === 'start') {
        if (isRunning()) return;
        if (status === 'restarting') restartCount += 1;
        begin();
      }
      if (action === 'die') {
        if (!isRunning()) return;
        ended(Number(attributes.exitCode ?? 0));
      }
      if (action === 'kill') stopping ||= [9, stopSignal].includes(Number(attributes.signal ?? 9));
      if (action === 'oom') oomKilled = true;
      if (action === 'pause') status = 'paused';
      if (action === 'unpause') status = 'running';
      if (action === 'destroy') engine.remove(container);
      engine.emit(container, action, attributes);
      if (action === 'die') output.endFollowers();
    },

    remove() {
      container.kill(9);
      cancelRestart?.();
      engine.emit(container, 'destroy');
      engine.remove(container);
    },

    inspectJson: () => ({
      Id: id,
      Image: imageId,
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
        PortBindings: Object.fromEntries(
          (options.ports ?? []).map((port) => [`${port}/tcp`, [{ HostIp: '', HostPort: String(port) }]]),
        ),
      },
      Config: {
        Hostname: id.slice(0, 12),
        Image: image,
        Tty: tty,
        Env: options.env ?? [],
        Labels: labels,
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
      ImageID: imageId,
      Labels: labels,
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
