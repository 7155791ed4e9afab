import type { StreamName } from '../../domain/containers.ts';
import type { ContainerLog } from './container-log.ts';

export type SimulatedHealth = 'starting' | 'healthy' | 'unhealthy';

export interface SimulatedContainerOptions {
  readonly name: string;
  /** Default `demo/<name>:latest`. */
  readonly image?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Labels of the image, which the container gets too. */
  readonly imageLabels?: Readonly<Record<string, string>>;
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
  /** Ports of the host that lead to it. */
  readonly ports?: readonly number[];
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
  /** When its first start was, epoch ms; default: now. */
  readonly startedAt?: number;
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
  /**
   * An event that was recorded on a real engine: the state follows it, and the event is sent with its attributes. Nothing
   * else happens: what the restart policy or an operator did next is in the recording too.
   */
  replay(action: string, attributes?: Readonly<Record<string, string>>): void;
}
