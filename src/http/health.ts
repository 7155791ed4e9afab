/** The page `/health`: the state of the agent and every problem, for people and for load balancers. */
import type { LocalModelMayRestart } from '../domain/diagnosis.ts';
import {
  type ClaudeFailure,
  describeLocalFailure,
  failureWithRemedy,
  type LocalFailure,
} from '../domain/model-failures.ts';
import { formatUsd } from '../lib/money.ts';

/** The JSON response. Times are ISO 8601. */
export interface HealthView {
  readonly status: 'healthy' | 'degraded';
  /** One sentence for each reason for `degraded`. */
  readonly problems: readonly string[];
  readonly docker_connected: boolean;
  /** Names of the watched containers. */
  readonly monitoring: readonly string[];
  readonly total_diagnoses: number;
  /** Restarts by the agent, by container name. */
  readonly fixes_applied: Readonly<Record<string, number>>;
  readonly rate_limit_remaining: number;
  readonly rate_limit_limit: number;
  /** When this response was generated. */
  readonly uptime_check: string;
  readonly version: string;
  readonly mode: 'auto_fix' | 'ask' | 'observe';
  readonly started_at: string;
  readonly uptime_seconds: number;
  /** Entries of TARGET_CONTAINERS that match no container. */
  readonly missing_targets: readonly string[];
  /** Whether the engine grants each kind of request that the agent needs. `status`: the HTTP status of a refusal. */
  readonly sources: Readonly<
    Record<
      string,
      { readonly state: 'ok' | 'refused' | 'failing'; readonly status: number | null; readonly since: string | null }
    >
  >;
  /** Logs with too many unread lines after an absence: those before `before` were skipped. Listed for an hour. */
  readonly skipped_logs: readonly { readonly container: string; readonly before: string }[];
  readonly last_event_at: string | null;
  readonly last_reconcile_at: string | null;
  readonly loop_stalled: boolean;
  readonly spend_today_usd: number;
  readonly spend_limit_usd: number;
  readonly open_incidents: number;
  /** Restarts that a person has to approve. */
  readonly waiting_requests: number;
  /** Problems and services whose alerts, questions and restarts are held back until a time. */
  readonly snoozes: number;
  /** Alerts to be sent. An alert to two receivers counts twice. */
  readonly outbox_pending: number;
  readonly store_healthy: boolean;
  /** Since when the standby file replaces the shared database; null while it does not. */
  readonly database_away_since: string | null;
  readonly claude: {
    readonly configured: boolean;
    readonly model: string;
    /** How the latest request failed; null if it succeeded. `problems` says what to do. */
    readonly last_error: ClaudeFailure | null;
    /** `open`: after repeated failures, requests are paused until `retry_at`. `half_open`: one request tests Claude. */
    readonly circuit: 'closed' | 'open' | 'half_open';
    readonly retry_at: string | null;
    /** Services that used up their share of the diagnoses in the last hour. */
    readonly over_share: readonly string[];
  };
  /** Null if none is used. */
  readonly local_model: {
    readonly model: string;
    /** How the latest request failed; null if it succeeded. `problems` says what to do. */
    readonly last_error: LocalFailure | null;
    readonly circuit: 'closed' | 'open' | 'half_open';
    readonly retry_at: string | null;
    readonly may_restart: LocalModelMayRestart;
    /** What people have judged so far, and what follows from it. */
    readonly trust: string;
  } | null;
  /** The same values as in `receivers`, if Slack is one of them. */
  readonly slack: {
    readonly configured: boolean;
    readonly failing_since: string | null;
    readonly last_error: string | null;
  };
  readonly receivers: readonly {
    readonly name: string;
    /** Alerts to be sent. */
    readonly pending: number;
    /** When it stopped accepting messages; null while it accepts them. */
    readonly failing_since: string | null;
    readonly last_error: string | null;
  }[];
}

export interface HealthInputs {
  readonly now: number;
  readonly startedAt: number;
  readonly version: string;
  readonly mode: HealthView['mode'];
  readonly dockerConnected: boolean;
  readonly loopStalled: boolean;
  readonly monitoring: readonly string[];
  readonly missingTargets: readonly string[];
  readonly totalDiagnoses: number;
  readonly restartsByContainer: ReadonlyMap<string, number>;
  /** Diagnoses by Claude in the rolling hour. */
  readonly rateLimit: { readonly remaining: number; readonly limit: number };
  /** US dollars in the rolling day. */
  readonly spend: { readonly today: number; readonly limit: number };
  readonly lastEventAt?: number;
  readonly lastReconcileAt?: number;
  /** Containers whose log lines are read long after they were printed, with the largest delay first. */
  readonly lateLogs: readonly { readonly container: string; readonly ms: number }[];
  readonly sources: readonly {
    readonly source: string;
    readonly kind: 'ok' | 'refused' | 'failing';
    readonly status?: number;
    readonly since?: number;
  }[];
  /** Sentences about sources that are not `ok`. */
  readonly sourceProblems: readonly string[];
  /** Logs that had too many unread lines after an absence: lines before `before` were skipped. */
  readonly skippedLogs: readonly { readonly container: string; readonly before: number }[];
  readonly openIncidents: number;
  /** Default: 0. */
  readonly waitingRequests?: number;
  /** Default: 0. */
  readonly snoozes?: number;
  readonly storeHealthy: boolean;
  /** The error, if the store is not healthy. */
  readonly storeProblem?: string;
  /** The standby file replaces the shared database. */
  readonly databaseAway?: { readonly since: number; readonly why: string };
  /** `lastError`: the error of the latest request; absent if it succeeded. */
  readonly claude: {
    readonly configured: boolean;
    readonly model: string;
    readonly lastError?: ClaudeFailure;
    /** Default: `closed`. */
    readonly circuit?: HealthView['claude']['circuit'];
    readonly retryAt?: number;
    readonly overShare?: readonly string[];
  };
  /** Absent if none is used. */
  readonly localModel?: {
    readonly model: string;
    readonly mayRestart: LocalModelMayRestart;
    readonly trust: string;
    readonly lastError?: LocalFailure;
    readonly circuit: HealthView['claude']['circuit'];
    readonly retryAt?: number;
  };
  readonly receivers: readonly ReceiverHealth[];
}

interface ReceiverHealth {
  readonly name: string;
  /** The name to show to users. */
  readonly title: string;
  readonly pending: number;
  /** Why it accepts no messages; absent while it does. */
  readonly failure?: { readonly since: number; readonly why: string };
  /** What does not work besides sending alerts; absent if everything does. */
  readonly problem?: string;
}

/** The HTTP status is 503 only if the agent watches nothing. Restarting the agent would not solve any other problem. */
export function buildHealth(inputs: HealthInputs): {
  readonly status: HealthView['status'];
  readonly httpStatus: 200 | 503;
  readonly body: HealthView;
} {
  const problems = problemsOf(inputs);
  const status = problems.length === 0 ? 'healthy' : 'degraded';
  const body: HealthView = {
    status,
    problems,
    docker_connected: inputs.dockerConnected,
    monitoring: inputs.monitoring,
    total_diagnoses: inputs.totalDiagnoses,
    fixes_applied: Object.fromEntries(inputs.restartsByContainer),
    rate_limit_remaining: inputs.rateLimit.remaining,
    rate_limit_limit: inputs.rateLimit.limit,
    uptime_check: iso(inputs.now),
    version: inputs.version,
    mode: inputs.mode,
    started_at: iso(inputs.startedAt),
    uptime_seconds: Math.floor((inputs.now - inputs.startedAt) / 1e3),
    missing_targets: inputs.missingTargets,
    sources: Object.fromEntries(
      inputs.sources.map(({ source, kind, status, since }) => [
        source,
        { state: kind, status: status ?? null, since: since === undefined ? null : iso(since) },
      ]),
    ),
    skipped_logs: inputs.skippedLogs.map(({ container, before }) => ({ container, before: iso(before) })),
    last_event_at: inputs.lastEventAt === undefined ? null : iso(inputs.lastEventAt),
    last_reconcile_at: inputs.lastReconcileAt === undefined ? null : iso(inputs.lastReconcileAt),
    loop_stalled: inputs.loopStalled,
    spend_today_usd: inputs.spend.today,
    spend_limit_usd: inputs.spend.limit,
    open_incidents: inputs.openIncidents,
    waiting_requests: inputs.waitingRequests ?? 0,
    snoozes: inputs.snoozes ?? 0,
    outbox_pending: inputs.receivers.reduce((sum, { pending }) => sum + pending, 0),
    store_healthy: inputs.storeHealthy,
    database_away_since: inputs.databaseAway === undefined ? null : iso(inputs.databaseAway.since),
    claude: {
      configured: inputs.claude.configured,
      model: inputs.claude.model,
      last_error: inputs.claude.lastError ?? null,
      circuit: inputs.claude.circuit ?? 'closed',
      retry_at: inputs.claude.retryAt === undefined ? null : iso(inputs.claude.retryAt),
      over_share: inputs.claude.overShare ?? [],
    },
    local_model: localModelView(inputs.localModel),
    slack: slackView(inputs.receivers),
    receivers: inputs.receivers.map((each) => ({ name: each.name, pending: each.pending, ...failureView(each) })),
  };
  return { status, httpStatus: healthHttpStatus(body), body };
}

export function healthHttpStatus(view: Pick<HealthView, 'docker_connected' | 'loop_stalled'>): 200 | 503 {
  return view.docker_connected && !view.loop_stalled ? 200 : 503;
}

const ONLY_RULES = 'only the built-in rules diagnose';

function problemsOf(inputs: HealthInputs): readonly string[] {
  const { rateLimit, spend, claude } = inputs;
  const problems: string[] = [];
  if (!inputs.dockerConnected) problems.push(disconnected(inputs));
  problems.push(...inputs.sourceProblems);
  if (inputs.loopStalled) problems.push('the agent has stalled: no container is checked');
  if (!inputs.storeHealthy) {
    const error = inputs.storeProblem === undefined ? '' : ` (${inputs.storeProblem})`;
    problems.push(`the store fails${error}: nothing is restarted, and history may be lost`);
  }
  if (inputs.databaseAway !== undefined) {
    const { since, why } = inputs.databaseAway;
    problems.push(
      `the database is away since ${iso(since)} (${why}): the agent goes on from its standby file, ` +
        'with its share of the limits of all hosts',
    );
  }
  if (inputs.missingTargets.length > 0) {
    problems.push(`no container matches these entries of TARGET_CONTAINERS: ${inputs.missingTargets.join(', ')}`);
  }
  if (inputs.skippedLogs.length > 0) {
    const logs = inputs.skippedLogs.map(({ container, before }) => `${container} (before ${iso(before)})`);
    problems.push(
      `too many log lines were printed while the agent was not running; the older ones were skipped: ${logs.join(', ')}`,
    );
  }
  if (inputs.lateLogs.length > 0) {
    const logs = inputs.lateLogs.map(({ container, ms }) => `${container} (${Math.round(ms / 1000)} s)`);
    problems.push(`log lines are read late: ${logs.join(', ')}`);
  }
  if (claude.configured && spend.today >= spend.limit) {
    problems.push(`the daily budget is spent (${formatUsd(spend.today)} of ${formatUsd(spend.limit)}): ${ONLY_RULES}`);
  }
  if (claude.configured && rateLimit.remaining <= 0) {
    problems.push(`the hourly limit of ${rateLimit.limit} diagnoses is reached: ${ONLY_RULES}`);
  }
  if (claude.circuit !== undefined && claude.circuit !== 'closed') {
    problems.push(`Claude failed several times in a row: ${nextRequest(claude.retryAt, inputs.now)}`);
  }
  if (claude.overShare !== undefined && claude.overShare.length > 0) {
    problems.push(`these services used up their share of the diagnoses: ${claude.overShare.join(', ')}`);
  }
  for (const { title, pending, failure, problem } of inputs.receivers) {
    if (problem !== undefined) problems.push(`${title}: ${problem}`);
    if (failure === undefined) continue;
    const waiting = pending === 0 ? '' : `; alerts waiting: ${pending}`;
    problems.push(`${title} has accepted no messages since ${iso(failure.since)} (${failure.why})${waiting}`);
  }
  if (claude.lastError !== undefined) {
    problems.push(`the last request to Claude failed: ${failureWithRemedy(claude.lastError)}`);
  }
  if (inputs.localModel?.lastError !== undefined) {
    const { lastError } = inputs.localModel;
    problems.push(`the last request to the local model failed (${lastError}): ${describeLocalFailure(lastError)}`);
  }
  return problems;
}

function localModelView(local: HealthInputs['localModel']): HealthView['local_model'] {
  if (local === undefined) return null;
  const { model, mayRestart, trust, lastError, circuit, retryAt } = local;
  return {
    model,
    last_error: lastError ?? null,
    circuit,
    retry_at: retryAt === undefined ? null : iso(retryAt),
    may_restart: mayRestart,
    trust,
  };
}

function disconnected({ sources }: HealthInputs): string {
  const refused = sources.some(({ source, kind }) => (source === 'list' || source === 'events') && kind === 'refused');
  return `the Docker engine ${refused ? 'refuses requests that the agent needs' : 'does not answer'}: no container is watched`;
}

/** When Claude is asked next. After `retryAt`, that is when the next problem is diagnosed. */
function nextRequest(retryAt: number | undefined, now: number): string {
  if (retryAt === undefined) return `one request tests whether it works again; until then ${ONLY_RULES}`;
  if (retryAt <= now) return 'it is asked again about the next problem';
  return `requests are paused until ${iso(retryAt)}, and ${ONLY_RULES}`;
}

function slackView(receivers: readonly ReceiverHealth[]): HealthView['slack'] {
  const slack = receivers.find(({ name }) => name === 'slack');
  return { configured: slack !== undefined, ...failureView(slack) };
}

function failureView(receiver: ReceiverHealth | undefined): Pick<HealthView['slack'], 'failing_since' | 'last_error'> {
  const failure = receiver?.failure;
  return { failing_since: failure ? iso(failure.since) : null, last_error: failure?.why ?? null };
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
