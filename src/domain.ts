/**
 * The glossary: every noun of the pipeline, as plain data. Imports nothing.
 *
 * Times are epoch milliseconds unless a name says otherwise.
 */

// ── what is watched ─────────────────────────────────────────────────────────

export interface ContainerRef {
  /** The engine's full 64-character id. */
  readonly id: string;
  /** Without the engine's leading slash. */
  readonly name: string;
  /** As the container was created with: `repository:tag` or `repository@digest`. */
  readonly image: string;
  /**
   * What survives recreation and scaling: the compose service, or the name without its replica
   * number. Incidents and limits are remembered by it.
   */
  readonly service: string;
  /** The compose project, where there is one. */
  readonly project?: string;
  readonly labels: Readonly<Record<string, string>>;
}

export type StreamName = 'stdout' | 'stderr';

/** One line as the container printed it, without its line end. */
export interface LogLine {
  readonly time: number;
  readonly stream: StreamName;
  readonly text: string;
}

/** What the engine says of a container right now. */
export interface ContainerFacts {
  readonly status: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** The engine's own error, e.g. why a start failed. */
  readonly error: string;
  readonly startedAt: number;
  /** 0 while it never finished. */
  readonly finishedAt: number;
  /** The engine's count; an API restart resets it. */
  readonly restartCount: number;
  /** `none` where the image and container define no health check. */
  readonly health: 'none' | 'starting' | 'healthy' | 'unhealthy';
  /** The newest last; each as the check printed it, cut by the engine at 4 KB. */
  readonly healthLog: readonly { readonly at: number; readonly exitCode: number; readonly output: string }[];
  /** Bytes; 0 is no limit. */
  readonly memoryLimit: number;
  /** `no`, `always`, `on-failure`, `unless-stopped`. */
  readonly restartPolicy: string;
  /** Seconds the engine waits between the stop signal and the kill. */
  readonly stopTimeout: number;
  readonly tty: boolean;
  /** What the image's name meant when the container was created: `sha256:…`. */
  readonly imageId?: string;
  readonly networkMode: string;
  /** Names only: values may be secrets. */
  readonly environmentNames: readonly string[];
  /** As it was created with; a listing shows an id once the tag has moved on. Absent where it is not known. */
  readonly image?: string;
  /** Values of variables whose names look secret: redacted wherever they appear. Never leaves the process. */
  readonly secretValues: readonly string[];
}

/** An engine event that the pipeline cares about. */
export interface EngineEvent {
  readonly time: number;
  readonly containerId: string;
  readonly container: ContainerRef;
  readonly action:
    | { readonly kind: 'create' | 'start' | 'stop' | 'destroy' | 'oom' | 'pause' | 'unpause' | 'restart' }
    | { readonly kind: 'rename' }
    | { readonly kind: 'die'; readonly exitCode: number }
    | { readonly kind: 'kill'; readonly signal: number }
    | { readonly kind: 'health'; readonly status: 'healthy' | 'unhealthy' | 'starting' };
}

/** A container as a listing shows it. */
export interface ListedContainer {
  readonly ref: ContainerRef;
  readonly status: ContainerFacts['status'];
  readonly health: ContainerFacts['health'];
  /** `container:<full id>` where it lives in another's network namespace. */
  readonly networkMode: string;
}

/**
 * Where reading a container's log stands: the engine's timestamp of the last line read (RFC 3339 with
 * nanoseconds, as the engine printed it) and how many lines bearing exactly that timestamp were read.
 */
export interface LogCursor {
  readonly at: string;
  readonly seen: number;
  /**
   * Where each stream by itself stands: the engine keeps lines in order within a stream only. Absent: both
   * stand at `at`.
   */
  readonly streams?: Readonly<Record<StreamName, { readonly at: string; readonly seen: number }>>;
  /**
   * Present where the engine's clock was set back: lines stamped later than `at`, up to this time, stand before it
   * in the log and were read. What follows is told by its place in the log, not by its time.
   */
  readonly readUpTo?: string;
}

// ── detection ───────────────────────────────────────────────────────────────

export const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type Level = (typeof LEVELS)[number];

/** One log statement's output: a line, or a head line with the stack trace that belongs to it. */
export interface LogRecord {
  readonly time: number;
  readonly stream: StreamName;
  /** Everything, lines joined with `\n`, control characters removed, capped at 64 KB. */
  readonly text: string;
  readonly lines: number;
  /** As the record itself states it; absent where it states none. */
  readonly level?: Level;
}

export const DETECTORS = ['log', 'crash', 'oom', 'health', 'crash_loop', 'storm'] as const;
export type Detector = (typeof DETECTORS)[number];

/** Something that may be trouble, seen once. */
export interface Signal {
  readonly container: ContainerRef;
  readonly detector: Detector;
  /** The line's or event's own time. */
  readonly at: number;
  /** Signals with equal fingerprints in one service are the same problem. */
  readonly fingerprint: string;
  /** One line for a person: the telling part of the record, or the event in words. Not redacted. */
  readonly summary: string;
  /** What gave it away: matched words or signatures, event names. Safe to show. */
  readonly patterns: readonly string[];
  /** Only of log signals. */
  readonly record?: LogRecord;
  /** Only of crash signals. */
  readonly exitCode?: number;
}

/** Why a signal opened nothing. */
export const SUPPRESSIONS = ['repeat', 'habit', 'grace', 'ignored', 'overflow'] as const;
export type Suppression = (typeof SUPPRESSIONS)[number];

// ── incidents ───────────────────────────────────────────────────────────────

export type IncidentState = 'open' | 'resolved';

/** One distinct problem of one service, from its first signal to its end. */
export interface Incident {
  readonly id: string;
  readonly container: ContainerRef;
  readonly fingerprint: string;
  readonly detector: Detector;
  readonly summary: string;
  readonly patterns: readonly string[];
  readonly openedAt: number;
  readonly lastSeenAt: number;
  readonly occurrences: number;
  readonly state: IncidentState;
  /** Absent where tracing is off or the trace was not sampled. */
  readonly trace?: TraceLink;
}

export interface TraceLink {
  readonly traceId: string;
  readonly spanId: string;
}

// ── diagnosis ───────────────────────────────────────────────────────────────

export const SEVERITIES = ['low', 'medium', 'high'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** The answer to "what went wrong", whoever gave it. */
export interface Finding {
  readonly rootCause: string;
  readonly severity: Severity;
  readonly suggestedFix: string;
  readonly autoRestartSafe: boolean;
  readonly configSuggestions: readonly string[];
  readonly likelyRecurring: boolean;
  readonly estimatedImpact: string;
}

/** Who answered: an earlier diagnosis of the same problem, Claude, or the built-in rules. */
export const TIERS = ['known', 'claude', 'rules'] as const;
export type Tier = (typeof TIERS)[number];

/**
 * Who diagnoses. `claude-first`: Claude, and the rules where it cannot be asked. `rules-first`: a plain rule
 * answers alone, unless its restart has not helped; Claude is asked about the rest. `rules-only`: Claude is
 * never asked.
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

/** How a request to Claude ended; a label value of the requests metric. */
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

export interface Diagnosis extends Finding {
  readonly tier: Tier;
  /** The model that answered; absent for rules. */
  readonly model?: string;
  /** Names of the built-in rules that matched, strongest first. */
  readonly rules: readonly string[];
  /** Why the rules answered alone; absent where Claude (or memory) did. */
  readonly fallback?: SkipReason | ClaudeFailure;
  /** US dollars spent on this diagnosis, failed tries included. */
  readonly costUsd: number;
  readonly at: number;
  /** It was asked because a restart had not helped, with that history in the question. */
  readonly afterFailedRestart: boolean;
  /** When the answer was given: earlier than `at` where it is reused. */
  readonly answeredAt: number;
  /** The facts it stands on; absent of diagnoses made before they were kept. */
  readonly basis?: DiagnosisBasis;
}

/** Facts that, once changed, make an old answer doubtful. Null is not known. */
export interface DiagnosisBasis {
  /** The engine's image id, or the image as written where the engine did not tell. */
  readonly image: string;
  /** Of the death that was seen; null where it did not die. */
  readonly exitCode: number | null;
  readonly oomKilled: boolean;
  /** Bytes; 0 is no limit. */
  readonly memoryLimit: number | null;
}

/** Everything the diagnosis is made from; every text in it is already redacted. */
export interface DiagnosisContext {
  readonly incident: Incident;
  /** Absent where the container is gone. */
  readonly facts?: ContainerFacts;
  /** What told the trouble, record by record, the telling one first. */
  readonly evidence: readonly string[];
  /** What gave it away, joined signals included. */
  readonly detectors: readonly Detector[];
  /** Of the last death, where one was seen. */
  readonly exitCode?: number;
  /** The lines around it, the newest last. */
  readonly logLines: readonly string[];
  readonly redactions: number;
  readonly restarts: readonly Attempt[];
  readonly ruleFindings: readonly RuleFinding[];
  /** The diagnosis that did not help: set where the problem came back after a restart. */
  readonly previous?: Diagnosis;
}

/** What a built-in rule knows; `veto` names the fact that forbids a restart. */
export interface RuleFinding {
  readonly rule: string;
  readonly finding: Finding;
  readonly vetoesRestart: boolean;
}

export interface TokenUsage {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
}

/** One try at the API, as the ledger keeps it. */
export interface ClaudeRequest {
  readonly at: number;
  readonly incidentId: string;
  readonly containerName: string;
  readonly model: string;
  readonly outcome: ClaudeOutcome;
  readonly tokens: TokenUsage;
  readonly costUsd: number;
  /** From leaving to the end of its answer; not kept by the ledger. */
  readonly durationMs?: number;
}

// ── decision ────────────────────────────────────────────────────────────────

export const DECISION_KINDS = ['restart', 'ask', 'notify', 'record'] as const;
export type DecisionKind = (typeof DECISION_KINDS)[number];

/** Each with the sentence that a person reads. Also label values: closed. */
export const DECISION_REASONS = {
  restart_allowed: 'policy, diagnosis and facts allow a restart',
  auto_fix_off: 'AUTO_FIX is off: it would have been restarted',
  severity_too_low: 'only high severity is restarted',
  restart_not_safe: 'the diagnosis says that a restart is not safe or would not help',
  restart_limit: 'the restart limit of this container is reached',
  disk_full: 'a restart does not free a full disk and may lose data',
  engine_restarting: "the engine's own restart policy is already restarting it",
  operator_action: 'a person stopped or restarted it meanwhile',
  container_gone: 'the container no longer exists',
  engine_unreachable: 'the engine did not answer what state it is in',
  already_recovered: 'it recovered by itself meanwhile',
  still_starting: 'it is still starting',
  container_paused: 'the container is paused',
  shared_network: 'other containers use its network and would lose it',
  restart_in_progress: 'a restart of it by us is already under way',
  recreate_in_progress: 'it is being replaced by a new container',
  deployed_just_now: 'it was deployed minutes ago: a restart brings the same again',
  backing_off: 'restarts before did not help: it is left in peace for a while',
  policy_never: 'its policy forbids restarts',
  policy_unclear: 'a container-doctor label on it could not be understood: no restart until it is mended',
  policy_ask: 'would restart; waiting for a person',
  stateful_image: 'it holds data: known stateful images are restarted only where a policy says so',
  quiet_hours: 'it is quiet hours: it would have been restarted',
  observe_mode: 'mode observe: it would have been restarted',
  store_unavailable: 'the store cannot be written: restart limits would not be safe',
} as const satisfies Record<string, string>;
export type DecisionReason = keyof typeof DECISION_REASONS;

export interface Decision {
  readonly kind: DecisionKind;
  readonly reason: DecisionReason;
}

/** Each means: everything allowed a restart but this. */
export const HELD_BACK_REASONS = [
  'quiet_hours',
  'observe_mode',
  'auto_fix_off',
  'policy_ask',
] as const satisfies readonly DecisionReason[];

/** What became of trouble for which a restart was held back. Where neither is known and it is open: still broken. */
export const AFTERMATHS = ['came_back', 'restarted_by_person'] as const;
export type Aftermath = (typeof AFTERMATHS)[number];

/** What a person thinks of a decision. */
export const VERDICTS = ['right', 'wrong'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** An incident that was restarted, or would have been: what one needs to judge the agent. */
export interface ReviewedCase {
  readonly incidentId: string;
  readonly containerName: string;
  readonly detector: Detector;
  readonly summary: string;
  readonly decidedAt: number;
  readonly decision: Decision;
  readonly state: IncidentState;
  /** Of the newest restart made for it. */
  readonly outcome?: Outcome;
  readonly aftermath?: Aftermath;
  readonly verdict?: Verdict;
  readonly note?: string;
}

/** What became of one case, in one word. `unknown`: it ended while nobody looked. */
export const FATES = ['came_back', 'restarted_by_person', 'still_broken', 'recovered', 'failed', 'unknown'] as const;
export type Fate = (typeof FATES)[number];

export interface Tally {
  /** Restarts that were held back, by mode, policy or AUTO_FIX. */
  readonly wouldHaveRestarted: number;
  readonly restarted: number;
  readonly fates: Readonly<Record<Fate, number>>;
  readonly right: number;
  readonly wrong: number;
}

export interface Scorecard {
  readonly overall: Tally;
  /** By name. */
  readonly containers: readonly (Tally & { readonly container: string })[];
  readonly cases: readonly (ReviewedCase & { readonly fate: Fate })[];
}

// ── action ──────────────────────────────────────────────────────────────────

export const OUTCOMES = ['recovered', 'failed', 'unknown', 'error'] as const;
/** `error`: the engine refused or failed the restart; `unknown`: it could not be watched to the end. */
export type Outcome = (typeof OUTCOMES)[number];

/** One restart by us: on disk before the engine is called. */
export interface Attempt {
  readonly id: string;
  readonly incidentId: string;
  readonly containerId: string;
  readonly containerName: string;
  readonly service: string;
  readonly project?: string;
  readonly startedAt: number;
  /** Absent while it is under way. */
  readonly outcome?: Outcome;
  /** Why that outcome, in words. */
  readonly detail?: string;
  readonly finishedAt?: number;
}

// ── telling ─────────────────────────────────────────────────────────────────

/**
 * `diagnosed`: the one alert of an incident. `repeated_failure`: the louder one, once, when the
 * restart limit is reached. `crash_loop`: an open incident turned into a loop. `recovered`: it ended well.
 */
export type AlertKind = 'diagnosed' | 'repeated_failure' | 'crash_loop';

/** All that an alert says; redacted. What it looks like is the sender's business. */
export interface Alert {
  readonly id: string;
  readonly kind: AlertKind;
  readonly at: number;
  readonly incident: Incident;
  readonly diagnosis: Diagnosis;
  readonly decision: Decision;
  /** What the decision's reason stands on: the policy's value and where it came from, or names of containers. */
  readonly because?: string;
  /** The restart that was made, if any. */
  readonly attempt?: Attempt;
  /** Restarts of this service in the last hour. */
  readonly restartsLastHour: number;
  /** Redacted excerpt that told the trouble; a few lines. */
  readonly excerpt: readonly string[];
}
