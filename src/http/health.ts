/** Is everything well, and if not, why: the page that a person and a load balancer read. */
import { formatUsd } from '../lib/money.ts';

/** As answered, in JSON. Times are ISO 8601. */
export interface HealthView {
  readonly status: 'healthy' | 'degraded';
  /** Every reason for `degraded`, in words. */
  readonly problems: readonly string[];
  readonly docker_connected: boolean;
  /** Names of the containers that are watched. */
  readonly monitoring: readonly string[];
  readonly total_diagnoses: number;
  /** Restarts by us, by container name. */
  readonly fixes_applied: Readonly<Record<string, number>>;
  readonly rate_limit_remaining: number;
  readonly rate_limit_limit: number;
  /** When this was answered. */
  readonly uptime_check: string;
  readonly version: string;
  readonly mode: 'auto_fix' | 'observe';
  readonly started_at: string;
  readonly uptime_seconds: number;
  /** Names and globs of TARGET_CONTAINERS that match no container. */
  readonly missing_targets: readonly string[];
  readonly last_event_at: string | null;
  readonly last_reconcile_at: string | null;
  readonly loop_stalled: boolean;
  readonly spend_today_usd: number;
  readonly spend_limit_usd: number;
  readonly open_incidents: number;
  /** Alerts to be sent; one for two receivers counts twice. */
  readonly outbox_pending: number;
  readonly store_healthy: boolean;
  readonly claude: {
    readonly configured: boolean;
    readonly model: string;
    readonly last_error: string | null;
    /** `open`: it failed so often that it is left alone until `retry_at`; `half_open`: it is being tried again. */
    readonly circuit: 'closed' | 'open' | 'half_open';
    readonly retry_at: string | null;
    /** Services that used up their fair share in the last hour. */
    readonly over_share: readonly string[];
  };
  /** As in `receivers`, if Slack is one of them. */
  readonly slack: {
    readonly configured: boolean;
    readonly failing_since: string | null;
    readonly last_error: string | null;
  };
  readonly receivers: readonly {
    readonly name: string;
    /** Alerts to be sent. */
    readonly pending: number;
    /** Since when it accepts no messages; null while it does. */
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
  /** Diagnoses in the rolling hour. */
  readonly rateLimit: { readonly remaining: number; readonly limit: number };
  /** US dollars in the rolling day. */
  readonly spend: { readonly today: number; readonly limit: number };
  readonly lastEventAt?: number;
  readonly lastReconcileAt?: number;
  /** Logs that are read long after they were written, the latest first. */
  readonly lateLogs: readonly { readonly container: string; readonly ms: number }[];
  readonly openIncidents: number;
  readonly storeHealthy: boolean;
  /** Why it is not, in words. */
  readonly storeProblem?: string;
  /** `lastError`: why the latest request failed; absent once one succeeded. */
  readonly claude: {
    readonly configured: boolean;
    readonly model: string;
    readonly lastError?: string;
    /** `closed` where absent. */
    readonly circuit?: HealthView['claude']['circuit'];
    readonly retryAt?: number;
    readonly overShare?: readonly string[];
  };
  readonly receivers: readonly ReceiverHealth[];
}

export interface ReceiverHealth {
  readonly name: string;
  /** For people. */
  readonly title: string;
  readonly pending: number;
  /** Why it accepts no messages; absent while it does. */
  readonly failure?: { readonly since: number; readonly why: string };
}

/** 503 where the doctor is blind or stands still; all else that is wrong is told, but is no reason to restart it. */
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
    last_event_at: inputs.lastEventAt === undefined ? null : iso(inputs.lastEventAt),
    last_reconcile_at: inputs.lastReconcileAt === undefined ? null : iso(inputs.lastReconcileAt),
    loop_stalled: inputs.loopStalled,
    spend_today_usd: inputs.spend.today,
    spend_limit_usd: inputs.spend.limit,
    open_incidents: inputs.openIncidents,
    outbox_pending: inputs.receivers.reduce((sum, { pending }) => sum + pending, 0),
    store_healthy: inputs.storeHealthy,
    claude: {
      configured: inputs.claude.configured,
      model: inputs.claude.model,
      last_error: inputs.claude.lastError ?? null,
      circuit: inputs.claude.circuit ?? 'closed',
      retry_at: inputs.claude.retryAt === undefined ? null : iso(inputs.claude.retryAt),
      over_share: inputs.claude.overShare ?? [],
    },
    slack: slackView(inputs.receivers),
    receivers: inputs.receivers.map((each) => ({ name: each.name, pending: each.pending, ...failureView(each) })),
  };
  return { status, httpStatus: healthHttpStatus(body), body };
}

export function healthHttpStatus(view: Pick<HealthView, 'docker_connected' | 'loop_stalled'>): 200 | 503 {
  return view.docker_connected && !view.loop_stalled ? 200 : 503;
}

function problemsOf(inputs: HealthInputs): readonly string[] {
  const { rateLimit, spend, claude } = inputs;
  const problems: string[] = [];
  if (!inputs.dockerConnected) problems.push('the Docker engine does not answer: nothing is seen');
  if (inputs.loopStalled) problems.push('the loop stands still: nothing is checked');
  if (!inputs.storeHealthy) {
    const why = inputs.storeProblem === undefined ? '' : ` (${inputs.storeProblem})`;
    problems.push(`the store cannot be relied on${why}: nothing is restarted, history may not be kept`);
  }
  if (inputs.missingTargets.length > 0) {
    problems.push(`TARGET_CONTAINERS names what does not exist: ${inputs.missingTargets.join(', ')}`);
  }
  if (inputs.lateLogs.length > 0) {
    const logs = inputs.lateLogs.map(({ container, ms }) => `${container} (${Math.round(ms / 1000)} s)`);
    problems.push(`logs are read late: ${logs.join(', ')}`);
  }
  if (claude.configured && spend.today >= spend.limit) {
    problems.push(
      `the day's budget is spent (${formatUsd(spend.today)} of ${formatUsd(spend.limit)}): the rules answer alone`,
    );
  }
  if (claude.configured && rateLimit.remaining <= 0) {
    problems.push(`the hour's ${rateLimit.limit} diagnoses are used up: the rules answer alone`);
  }
  if (claude.circuit !== undefined && claude.circuit !== 'closed') {
    problems.push(`Claude failed several times in a row (${whenAsked(claude.retryAt, inputs.now)})`);
  }
  if (claude.overShare !== undefined && claude.overShare.length > 0) {
    problems.push(`the rules answer for those that used up their share of Claude: ${claude.overShare.join(', ')}`);
  }
  for (const { title, pending, failure } of inputs.receivers) {
    if (failure === undefined) continue;
    const waiting = pending === 0 ? '' : `; alerts waiting: ${pending}`;
    problems.push(`${title} has accepted no messages since ${iso(failure.since)} (${failure.why})${waiting}`);
  }
  if (claude.lastError !== undefined) problems.push(`Claude could not be asked: ${claude.lastError}`);
  return problems;
}

/** After an outage nobody knows that it is over before the next question. */
function whenAsked(retryAt: number | undefined, now: number): string {
  if (retryAt === undefined) return 'it is being tried again: the rules answer the others';
  if (retryAt <= now) return 'it is asked again with the next problem';
  return `left alone until ${iso(retryAt)}: the rules answer alone`;
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
