/** What the Docker engine knows of containers. Times are epoch milliseconds unless stated otherwise. */

export interface ContainerRef {
  /** The engine's full 64-character id. */
  readonly id: string;
  /** Without the engine's leading slash. */
  readonly name: string;
  /** As given when the container was created: `repository:tag` or `repository@digest`. */
  readonly image: string;
  /**
   * Identity across recreation and scaling: the service of the orchestrator or of compose, or the container name
   * without its replica number. Incidents and restart limits belong to it.
   */
  readonly service: string;
  /** The compose project or the namespace, if any. */
  readonly project?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The host it runs on: AGENT_NAME, else the engine's host name. For display only. Absent if unknown. */
  readonly host?: string;
}

/**
 * Which labels of a container come from its image. The engine adds an image's labels to those that a person or compose
 * gave the container, and lists them together.
 */
export type LabelOrigin =
  /** Names of the labels that the image has with the same value. */
  | { readonly kind: 'known'; readonly fromImage: ReadonlySet<string> }
  /** The engine has not been asked yet, or did not answer. */
  | { readonly kind: 'pending' }
  /** The engine cannot say it: the image was removed, or the request is refused. */
  | { readonly kind: 'unknowable' };

/** Present if a container has so many or so long labels that some were not read. */
export const UNREAD_LABELS = 'container-doctor.unread-labels';

export type ServiceRef = Pick<ContainerRef, 'service' | 'project'>;

/** Equal for all containers of one service. Neither part can contain a slash. */
export function serviceKey({ project, service }: ServiceRef): string {
  return `${project ?? ''}/${service}`;
}

export type StreamName = 'stdout' | 'stderr';

/** One line as the container printed it, without the line terminator. */
export interface LogLine {
  readonly time: number;
  readonly stream: StreamName;
  readonly text: string;
}

/**
 * Podman restarts a container a few tenths of a second after it exits; 2.4 s were measured on a busy machine. Until then
 * Podman lists it as `exited`, not as `restarting`.
 */
export const PODMAN_RESTARTS_WITHIN_MS = 10_000;

/** The current state of a container, from the engine's inspect. */
export interface ContainerFacts {
  readonly status: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';
  readonly exitCode: number;
  /**
   * The engine's flag. Docker keeps it until the next start once any process in the container was killed for memory, so
   * it does not say why the main process ended. See `killedForMemory`.
   */
  readonly oomKilled: boolean;
  /** Whether somebody stopped it. Only Podman reports it; absent if unknown. */
  readonly stoppedByUser?: boolean;
  /** The engine's error message, for example why a start failed. */
  readonly error: string;
  readonly startedAt: number;
  /** 0 if it has never exited. */
  readonly finishedAt: number;
  /** Counted by the engine. A restart through the API resets it. */
  readonly restartCount: number;
  /** `none`: neither the image nor the container defines a health check. */
  readonly health: 'none' | 'starting' | 'healthy' | 'unhealthy';
  /** Newest last. The engine truncates each output to 4 KB. */
  readonly healthLog: readonly { readonly at: number; readonly exitCode: number; readonly output: string }[];
  /** Bytes; 0 for no limit. */
  readonly memoryLimit: number;
  /** `no`, `always`, `on-failure`, `unless-stopped`. */
  readonly restartPolicy: string;
  /** Of `on-failure`: the engine gives up when `restartCount` has reached it. 0 for no limit. */
  readonly maximumRetryCount: number;
  /** Number of the signal that `docker stop` sends, 15 (TERM) unless image or container set another one. */
  readonly stopSignal: number;
  /** Seconds between the stop signal and SIGKILL. */
  readonly stopTimeout: number;
  readonly tty: boolean;
  /** The name of the orchestrator that starts and replaces the container, such as Docker Swarm. */
  readonly orchestrator?: string;
  /** The engine removes it when it ends (`--rm`). */
  readonly autoRemove: boolean;
  /** Equal for containers that run the same command. */
  readonly commandKey: string;
  /** The image's id (`sha256:…`) when the container was created. */
  readonly imageId?: string;
  readonly networkMode: string;
  readonly topology: Topology;
  readonly settings?: ContainerSettings;
  /** Names only: values may be secret. */
  readonly environmentNames: readonly string[];
  /** The image reference as given at creation; a listing shows an id once the tag has moved. Absent if unknown. */
  readonly image?: string;
  /** Values of environment variables that look secret. Redacted wherever they appear; never leave the process. */
  readonly secretValues: readonly string[];
}

/** Further settings that a deployment may change. Limits: 0 for none. Mounts: `source:target`, with `:ro` if read-only. */
export interface ContainerSettings {
  readonly cpuLimit: number;
  readonly pidsLimit: number;
  readonly mounts: readonly string[];
}

/** What inspect says about a container's connections to others. */
export interface Topology {
  readonly networks: readonly ContainerNetwork[];
  /** The full id of the container whose network namespace it shares. */
  readonly sharesNetworkOf?: string;
  /** Names of linked containers. */
  readonly links: readonly string[];
  /** Compose services of the same project. */
  readonly dependsOn: readonly string[];
  /** Host parts of environment values, lower case. Never stored. */
  readonly environmentHosts: readonly string[];
  /** Ports of the host that lead to it, those of a stopped container too. Absent: none. */
  readonly published?: readonly number[];
}

/** Networks of every engine, also without a name. Containers of other hosts are not reached through them. */
export const NETWORKS_OF_ONE_HOST: ReadonlySet<string> = new Set([
  '',
  'bridge',
  'host',
  'none',
  'ingress',
  'docker_gwbridge',
]);

export interface ContainerNetwork {
  readonly name: string;
  /** IPv4; empty while the container does not run. */
  readonly address: string;
  /** Names under which others on this network reach it, lower case. */
  readonly aliases: readonly string[];
}

/** How a dependency between two containers is known, the strongest first. */
export const EDGE_EVIDENCE = ['compose', 'network', 'environment', 'observed'] as const;
export type EdgeEvidence = (typeof EDGE_EVIDENCE)[number];

/** An engine event that the pipeline uses. */
export interface EngineEvent {
  readonly time: number;
  readonly containerId: string;
  readonly container: ContainerRef;
  /** Podman's Docker API reports less than Docker does, and some events in another order. */
  readonly engine?: 'podman';
  readonly action:
    | { readonly kind: 'create' | 'start' | 'stop' | 'destroy' | 'oom' | 'pause' | 'unpause' | 'restart' }
    | { readonly kind: 'rename' }
    | { readonly kind: 'die'; readonly exitCode: number }
    /** The number of the signal; Podman does not report it. */
    | { readonly kind: 'kill'; readonly signal?: number }
    | { readonly kind: 'health'; readonly status: 'healthy' | 'unhealthy' | 'starting' };
}

/** A container as a listing shows it. */
export interface ListedContainer {
  readonly ref: ContainerRef;
  readonly status: ContainerFacts['status'];
  readonly health: ContainerFacts['health'];
  /** `container:<full id>` if it shares another container's network namespace. */
  readonly networkMode: string;
}
