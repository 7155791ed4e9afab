/** The workflow with real stages. The engine, the store and the model are stand-ins, and sleeps end at once. */
import { type Alert, isProgress } from '../../../src/domain/alert.ts';
import type { ContainerFacts } from '../../../src/domain/containers.ts';
import type { Attempt, Decision, Outcome } from '../../../src/domain/decision.ts';
import type { Diagnosis } from '../../../src/domain/diagnosis.ts';
import type { Incident, Signal } from '../../../src/domain/incident.ts';
import { createCollector } from '../../../src/pipeline/diagnose/collect.ts';
import { createOpenIncidents } from '../../../src/pipeline/incident/open-incidents.ts';
import { createWorkflow, type WorkflowDeps } from '../../../src/pipeline/incident/workflow.ts';
import { noopObserver } from '../../../src/pipeline/observer.ts';
import type { Policy } from '../../../src/pipeline/policy/settings.ts';
import type { RestartRequest } from '../../../src/pipeline/ports/people.ts';
import { noTracing } from '../../../src/pipeline/tracing.ts';
import { aDiagnosis, anIncident, aPolicy, aRequest, aSignal, someFacts } from '../../support/domain.ts';

const HOUR = 3_600_000;

export interface World {
  readonly policy?: Partial<Policy>;
  readonly autoFix?: boolean;
  readonly control?: Partial<WorkflowDeps['control']>;
  /** The lines of the log of every container. */
  readonly log?: readonly string[];
  /** Replaces what the world would have. */
  readonly deps?: Partial<WorkflowDeps>;
  readonly store?: Partial<WorkflowDeps['store']>;
  /** The outcome of each restart. The last one repeats. */
  readonly outcomes: readonly Exclude<Outcome, 'error'>[];
}

/** What the engine reports right after a restart with this outcome. */
const AFTER_RESTART: Readonly<Record<World['outcomes'][number], Partial<ContainerFacts>>> = {
  recovered: { health: 'healthy' },
  failed: { status: 'exited', exitCode: 1 },
  unknown: { status: 'paused' },
};

export function build({ policy = {}, autoFix = true, control, outcomes, log = [], deps, store: stored }: World) {
  let now = 10 * HOUR;
  const clock = {
    now: () => now,
    monotonic: () => now,
    sleep: async (ms: number) => {
      now += ms;
    },
  };
  const attempts: Attempt[] = [];
  const alerts: Alert[] = [];
  /** What receivers get that follow incidents. */
  const progress: Alert[] = [];
  const decisions: Decision[] = [];
  const requests: RestartRequest[] = [];
  /** Of approved restarts. */
  const ended: (Outcome | undefined)[] = [];
  const order: string[] = [];
  const saved: Incident[] = [];
  /** Ids of incidents: `settled ID`, `resolved ID`. */
  const ends: string[] = [];
  const observed: string[] = [];
  /** Per question: whether a restart had failed before. */
  const asked: boolean[] = [];
  const errors: string[] = [];
  const stopping = new AbortController();
  let latest: Diagnosis | undefined;
  const nothing = async () => {};
  const store: WorkflowDeps['store'] = {
    healthy: () => true,
    saveEvidence: nothing,
    saveIncident: async (incident) => void saved.push(incident),
    saveOccurrences: nothing,
    async saveDiagnosis(_, diagnosis) {
      latest = diagnosis;
    },
    async saveDecision(_, decision) {
      decisions.push(decision);
      order.push(`saved ${decision.kind}`);
    },
    saveSettled: async (id) => void ends.push(`settled ${id}`),
    resolveIncident: async (id) => void ends.push(`resolved ${id}`),
    saveUnsettled: nothing,
    openCases: async () => [],
    lastCase: async () => (latest ? { incident: saved.at(-1) ?? anIncident(), diagnosis: latest } : undefined),
    resembling: async () => [],
    async beginAttempt(attempt) {
      attempts.push(attempt);
    },
    async finishAttempt(id, end) {
      const at = attempts.findIndex((attempt) => attempt.id === id);
      attempts[at] = { ...(attempts[at] as Attempt), ...end };
    },
    countAttemptsSince: async (since) => attempts.filter(({ startedAt }) => startedAt >= since).length,
    attemptsSince: async (_, since) => attempts.filter(({ startedAt }) => startedAt >= since),
    ...stored,
  };
  /** False until the first inspection after a restart, which reports AFTER_RESTART. Later ones report a running container. */
  let verified = true;
  const engine = {
    async restart() {
      order.push('restart');
      now += 1_000;
      verified = false;
    },
    async inspect() {
      if (verified) return someFacts({ startedAt: now });
      verified = true;
      return someFacts({
        startedAt: now,
        ...AFTER_RESTART[outcomes[Math.min(attempts.length, outcomes.length) - 1] ?? 'failed'],
      });
    },
    list: async () => [],
    tailLogs: async () => log.map((text) => ({ text, time: now, stream: 'stderr' as const })),
  };
  const lifecycle: { stoppedByPersonAt?: number } = {};
  const incidents = createOpenIncidents({ newId: () => `inc-${order.length}-${now}`, now: clock.now });
  const never = new AbortController().signal;
  const logger = { debug() {}, info() {}, warn() {}, error: (message: string) => void errors.push(message) };
  const policyOf = () => aPolicy(policy);
  const workflow = createWorkflow({
    collector: createCollector({
      control: engine,
      redactor: { redact: async (texts) => ({ texts, redactions: 0 }) },
      secretsOf: () => [],
      attempts: store,
      clock,
      logLinesOf: () => 50,
    }),
    surroundings: surroundings(async () => ({})),
    diagnoser: {
      prepare: () => void order.push('prepared'),
      async diagnose(_, failedBefore) {
        asked.push(failedBefore);
        return aDiagnosis();
      },
    },
    notify: async (alert) => void (isProgress(alert.kind) ? progress : alerts).push(alert),
    control: { ...engine, ...control },
    untracedControl: engine,
    store,
    incidents,
    correlator: {
      correlate: async () => ({ kind: 'own' }),
      membersOf: () => [],
    },
    onRecovered: ({ incident }) => void ends.push(`recovered ${incident.id}`),
    observer: {
      ...noopObserver,
      decision: ({ kind, reason }) => void observed.push(`decision ${kind} ${reason}`),
      incidentDiagnosed: ({ containerName, severity }) => void observed.push(`diagnosed ${containerName} ${severity}`),
      incidentMembers: (containers) => void observed.push(`members ${containers}`),
      causeFound: (outcome) => void observed.push(`cause ${outcome}`),
    },
    tracing: noTracing,
    logger,
    clock,
    newId: () => `att-${attempts.length}`,
    autoFix,
    maxRestartsPerHourHost: 12,
    localModelMayRestart: async () => false,
    policyOf,
    verifySlackMs: 90_000,
    lifecycle: { expectRestart: () => () => {}, of: () => ({ restartingByAgent: false, crashes: [], ...lifecycle }) },
    onDecided: () => {},
    requests: {
      open: async (incident, facts) =>
        aRequest({ id: `req-${order.length}`, incidentId: incident.id, containerStartedAt: facts.startedAt }),
      withdraw: nothing,
    },
    snoozes: { of: () => undefined, holdsBack: () => false, endingKey: () => undefined },
    people: { requestsOf: async () => requests },
    onApproved: (_, { attempt }) => void ended.push(attempt?.outcome),
    stopping: stopping.signal,
    stopNow: never,
    ...deps,
  });
  const open = (over: Partial<Signal> = {}) => incidents.fold(aSignal({ at: clock.now(), ...over })).live;
  return {
    workflow,
    incidents,
    clock,
    engine,
    attempts,
    alerts,
    progress,
    requests,
    outcomes: ended,
    decisions,
    order,
    lifecycle,
    saved,
    ends,
    observed,
    asked,
    errors,
    stopping,
    open,
  };
}

export async function handle(count: number, world: World) {
  const built = build(world);
  const { workflow, incidents, clock } = built;
  for (let i = 0; i < count; i++) {
    const folded = incidents.fold(aSignal({ fingerprint: `f${i}`, at: clock.now() }));
    if (folded.kind === 'opened') await workflow.handle(folded.live);
    await clock.sleep(60_000);
  }
  return built;
}

export function surroundings(gather: WorkflowDeps['surroundings']['gather']): WorkflowDeps['surroundings'] {
  return { prepare() {}, gather };
}
