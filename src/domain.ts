/**
 * The glossary: every noun of the pipeline, as plain data. Imports nothing.
 *
 * Times are epoch milliseconds unless stated otherwise.
 */

// ── containers ──────────────────────────────────────────────────────────────

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
}

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

// ── detection ───────────────────────────────────────────────────────────────

export const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type Level = (typeof LEVELS)[number];

/** The output of one log statement: a line, or several lines such as a message and its stack trace. */
export interface LogRecord {
  readonly time: number;
  readonly stream: StreamName;
  /** All lines, joined with `\n`, without control characters; at most 64 KB. */
  readonly text: string;
  readonly lines: number;
  /** From the record; absent if it has none. */
  readonly level?: Level;
}

export const DETECTORS = ['log', 'crash', 'oom', 'health', 'crash_loop', 'storm'] as const;
export type Detector = (typeof DETECTORS)[number];

/** One observation of a possible problem. */
export interface Signal {
  readonly container: ContainerRef;
  readonly detector: Detector;
  /** The timestamp of the line or event. */
  readonly at: number;
  /** Signals of one service with equal fingerprints are the same problem. */
  readonly fingerprint: string;
  /** One line for people: the most informative part of the record, or a description of the event. Not redacted. */
  readonly summary: string;
  /** The matched keywords, signatures or event names. For display only; safe to show. */
  readonly patterns: readonly string[];
  /** Log signals only. */
  readonly record?: LogRecord;
  /** Crash signals only. */
  readonly exitCode?: number;
  /** Crash signals only: the kernel killed the main process because the container reached its memory limit. */
  readonly killedForMemory?: true;
}

/** Why a signal did not open an incident. */
export const SUPPRESSIONS = ['repeat', 'habit', 'grace', 'ignored', 'overflow', 'dependency'] as const;
export type Suppression = (typeof SUPPRESSIONS)[number];

// ── incidents ───────────────────────────────────────────────────────────────

export type IncidentState = 'open' | 'resolved';

/** One distinct problem of one service, from its first signal until it is resolved. */
export interface Incident {
  readonly id: string;
  readonly container: ContainerRef;
  readonly fingerprint: string;
  /** Of the signal that opened it. */
  readonly detector: Detector;
  /** Of all its signals, `detector` first. */
  readonly detectors: readonly Detector[];
  readonly summary: string;
  /** For display only. */
  readonly patterns: readonly string[];
  readonly openedAt: number;
  readonly lastSeenAt: number;
  readonly occurrences: number;
  readonly state: IncidentState;
  /** Absent if tracing is off or the trace was not sampled. */
  readonly trace?: TraceLink;
  /** Absent if the problem is the container's own, as far as is known. */
  readonly cause?: IncidentCause;
  /** Other containers that suffer from this problem, the most affected first. */
  readonly members?: readonly IncidentMember[];
}

/**
 * `incident`: the problem of another container; that incident has the diagnosis and the alert. `external`: a host
 * outside the engine. `unknown`: a dependency seems to fail, but none is known to have a problem.
 */
export type IncidentCause =
  | { readonly kind: 'incident'; readonly incidentId: string; readonly evidence: EdgeEvidence }
  | { readonly kind: 'external'; readonly host: string }
  | { readonly kind: 'unknown'; readonly named?: string };

export interface IncidentMember {
  /** Its name. */
  readonly container: string;
  readonly occurrences: number;
}

/** Logs and events are otherwise read within seconds; the two minutes allow for a log that is read late under load. */
const OLD_NEWS_MS = 2 * 60_000;

/**
 * Whether the problem was found long after it was last seen: it was printed while the agent was not running or could not
 * read.
 */
export function isOldNews({ openedAt, lastSeenAt }: Pick<Incident, 'openedAt' | 'lastSeenAt'>): boolean {
  return openedAt - lastSeenAt > OLD_NEWS_MS;
}

export interface TraceLink {
  readonly traceId: string;
  readonly spanId: string;
}

// ── diagnosis ───────────────────────────────────────────────────────────────

export const SEVERITIES = ['low', 'medium', 'high'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** What went wrong and what to do about it, according to a model or a rule. */
export interface Assessment {
  readonly rootCause: string;
  readonly severity: Severity;
  readonly suggestedFix: string;
  readonly autoRestartSafe: boolean;
  readonly configSuggestions: readonly string[];
  readonly likelyRecurring: boolean;
  readonly estimatedImpact: string;
}

/** The source of a diagnosis: an earlier diagnosis of the same problem, Claude, or the built-in rules. */
export const TIERS = ['known', 'claude', 'rules'] as const;
export type Tier = (typeof TIERS)[number];

/**
 * `claude-first`: Claude, or the built-in rules if it cannot be asked. `rules-first`: an unambiguous rule answers
 * alone unless the restart it led to did not help; Claude answers the rest. `rules-only`: Claude is never asked.
 */
export const DIAGNOSE_WITH = ['claude-first', 'rules-first', 'rules-only'] as const;
export type DiagnoseWith = (typeof DIAGNOSE_WITH)[number];

/** Why Claude was not asked. */
export const SKIP_REASONS = [
  'hourly_cap',
  'daily_spend',
  'fair_share',
  'circuit_open',
  'no_key',
  'store_unavailable',
] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

/** How a request to Claude ended. A label value of the requests metric. */
export const CLAUDE_OUTCOMES = [
  'ok',
  'refused',
  'truncated',
  'invalid',
  'rate_limited',
  'overloaded',
  'timeout',
  'error',
] as const;
export type ClaudeOutcome = (typeof CLAUDE_OUTCOMES)[number];
export type ClaudeFailure = Exclude<ClaudeOutcome, 'ok'>;

export interface Diagnosis extends Assessment {
  readonly tier: Tier;
  /** The model that answered; absent for the rules. */
  readonly model?: string;
  /** The built-in rules that matched, strongest first. */
  readonly rules: readonly string[];
  /** Why the rules answered; absent if Claude or an earlier diagnosis did. */
  readonly fallback?: SkipReason | ClaudeFailure;
  /** US dollars, failed requests included. */
  readonly costUsd: number;
  readonly at: number;
  /** It was asked for because a restart had not helped; the question included that history. */
  readonly afterFailedRestart: boolean;
  /** When the model or rule answered: before `at` if the answer is reused. */
  readonly answeredAt: number;
  /** The facts it is based on; absent for diagnoses from before these were stored. */
  readonly basis?: DiagnosisBasis;
}

/** Facts that invalidate an earlier diagnosis when they change. Null: unknown. */
export interface DiagnosisBasis {
  /** The image id, or the image reference if the engine did not report an id. */
  readonly image: string;
  /** Of the crash; null if it did not exit. */
  readonly exitCode: number | null;
  readonly oomKilled: boolean;
  /** Bytes; 0 for no limit. */
  readonly memoryLimit: number | null;
}

// ── decision ────────────────────────────────────────────────────────────────

export const DECISION_KINDS = ['restart', 'ask', 'notify', 'record'] as const;
export type DecisionKind = (typeof DECISION_KINDS)[number];

/** Each with its explanation for people. Also label values: the list is closed. */
export const DECISION_REASONS = {
  restart_allowed: 'policy, diagnosis and facts allow a restart',
  auto_fix_off: 'AUTO_FIX is off; otherwise it would have been restarted',
  severity_too_low: 'only problems of high severity lead to a restart',
  restart_not_safe: 'a restart is unsafe or would not help',
  restart_limit: 'this container has reached its restart limit',
  host_restart_limit: 'the restart limit of all containers together is reached',
  dependency_down: 'it suffers from the problem of another container or host; a restart would not help',
  disk_full: 'a restart does not free a full disk and may lose data',
  engine_restarting: "the engine's restart policy is already restarting it",
  operator_action: 'somebody stopped or restarted it in the meantime',
  container_gone: 'the container no longer exists',
  engine_unreachable: 'the engine did not report the state of the container',
  already_recovered: 'it recovered by itself in the meantime',
  still_starting: 'it is still starting',
  container_paused: 'the container is paused',
  shared_network: 'other containers use its network and would lose it',
  restart_in_progress: 'Container Doctor is already restarting it',
  orchestrator_owns: 'an orchestrator replaces it; restarted here, it would run beside its replacement',
  recreate_in_progress: 'a new container is replacing it',
  deployed_just_now: 'it was deployed minutes ago; a restart would start the same version again',
  backing_off: 'earlier restarts did not help; the next one has to wait',
  policy_never: 'its policy forbids restarts',
  policy_unclear: 'one of its container-doctor labels is invalid; no restart until it is corrected',
  policy_ask: 'its policy requires a person to approve the restart',
  stateful_image: 'it stores data; known stateful images are restarted only if a policy allows it',
  quiet_hours: 'quiet hours; otherwise it would have been restarted',
  observe_mode: 'its mode is observe; otherwise it would have been restarted',
  store_unavailable: 'the store cannot be written, so restart limits cannot be enforced',
} as const satisfies Record<string, string>;
export type DecisionReason = keyof typeof DECISION_REASONS;

export interface Decision {
  readonly kind: DecisionKind;
  readonly reason: DecisionReason;
}

/** A decision for one of these reasons means that everything else allowed a restart. */
export const HELD_BACK_REASONS = [
  'quiet_hours',
  'observe_mode',
  'auto_fix_off',
  'policy_ask',
] as const satisfies readonly DecisionReason[];

/**
 * How a problem ended after a restart was held back: it was over without a restart, or a person restarted, stopped or
 * removed the container. While it is absent, the problem lasts (the incident is open) or its end was not observed.
 */
export type Aftermath = 'came_back' | 'restarted_by_person';

/** A person's judgement of a decision. */
export const VERDICTS = ['right', 'wrong'] as const;
export type Verdict = (typeof VERDICTS)[number];

// ── restart ─────────────────────────────────────────────────────────────────

export const OUTCOMES = ['recovered', 'failed', 'unknown', 'error'] as const;
/** `error`: the engine refused or failed the restart. `unknown`: its result could not be observed. */
export type Outcome = (typeof OUTCOMES)[number];

/** One restart by the agent. Stored before the engine is called. */
export interface Attempt {
  readonly id: string;
  readonly incidentId: string;
  readonly containerId: string;
  readonly containerName: string;
  readonly service: string;
  readonly project?: string;
  readonly startedAt: number;
  /** Absent while it is in progress. */
  readonly outcome?: Outcome;
  /** The reason for the outcome, for people. */
  readonly detail?: string;
  readonly finishedAt?: number;
}

// ── alerts ──────────────────────────────────────────────────────────────────

/**
 * `diagnosed`: the alert of an incident. `repeated_failure`: the restart limit is reached; sent once.
 * `crash_loop`: the container of an open incident has started to crash in a loop. `engine_gave_up`: the engine was
 * restarting it and no longer does.
 */
export const ALERT_KINDS = ['diagnosed', 'repeated_failure', 'crash_loop', 'engine_gave_up'] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

/** The content of an alert, redacted. Receivers render it. */
export interface Alert {
  readonly id: string;
  readonly kind: AlertKind;
  readonly at: number;
  readonly incident: Incident;
  readonly diagnosis: Diagnosis;
  readonly decision: Decision;
  /** Detail for the decision's reason: the policy value and its source, or names of containers. */
  readonly because?: string;
  /** The restart, if any. */
  readonly attempt?: Attempt;
  /** Restarts of this service by the agent in the last hour. */
  readonly restartsLastHour: number;
  /** A few redacted lines that show the problem. */
  readonly excerpt: readonly string[];
}
