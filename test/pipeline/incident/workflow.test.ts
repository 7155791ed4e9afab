/** The workflow with real stages. The engine, the store and the model are stand-ins, and sleeps end at once. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Alert } from '../../../src/domain/alert.ts';
import type { ContainerFacts, ListedContainer } from '../../../src/domain/containers.ts';
import type { Attempt, Decision, Outcome } from '../../../src/domain/decision.ts';
import type { Diagnosis } from '../../../src/domain/diagnosis.ts';
import { backOffMs } from '../../../src/pipeline/decide/restart-history.ts';
import { createCollector } from '../../../src/pipeline/diagnose/collect.ts';
import { createOpenIncidents } from '../../../src/pipeline/incident/open-incidents.ts';
import { createWorkflow, type WorkflowDeps } from '../../../src/pipeline/incident/workflow.ts';
import { noopObserver } from '../../../src/pipeline/observer.ts';
import type { Policy } from '../../../src/pipeline/policy/settings.ts';
import { noTracing } from '../../../src/pipeline/tracing.ts';
import {
  aContainer,
  aDiagnosis,
  anAttempt,
  anIncident,
  aPolicy,
  aRequest,
  aSignal,
  someFacts,
} from '../../support/domain.ts';

const HOUR = 3_600_000;

interface World {
  readonly policy?: Partial<Policy>;
  readonly autoFix?: boolean;
  readonly control?: Partial<WorkflowDeps['control']>;
  /** The outcome of each restart. The last one repeats. */
  readonly outcomes: readonly Exclude<Outcome, 'error'>[];
}

/** What the engine reports right after a restart with this outcome. */
const AFTER_RESTART: Readonly<Record<World['outcomes'][number], Partial<ContainerFacts>>> = {
  recovered: { health: 'healthy' },
  failed: { status: 'exited', exitCode: 1 },
  unknown: { status: 'paused' },
};

function build({ policy = {}, autoFix = true, control, outcomes }: World) {
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
  const decisions: Decision[] = [];
  const order: string[] = [];
  let latest: Diagnosis | undefined;
  let saved = anIncident();
  const nothing = async () => {};
  const store: WorkflowDeps['store'] = {
    healthy: () => true,
    saveEvidence: async () => {},
    async saveIncident(incident) {
      saved = incident;
    },
    saveOccurrences: nothing,
    async saveDiagnosis(_, diagnosis) {
      latest = diagnosis;
    },
    async saveDecision(_, decision) {
      decisions.push(decision);
      order.push(`saved ${decision.kind}`);
    },
    saveSettled: nothing,
    saveUnsettled: nothing,
    resolveIncident: nothing,
    openCases: async () => [],
    lastCase: async () => (latest ? { incident: saved, diagnosis: latest } : undefined),
    async beginAttempt(attempt) {
      attempts.push(attempt);
    },
    async finishAttempt(id, end) {
      const at = attempts.findIndex((attempt) => attempt.id === id);
      attempts[at] = { ...(attempts[at] as Attempt), ...end };
    },
    countAttemptsSince: async (since) => attempts.filter(({ startedAt }) => startedAt >= since).length,
    attemptsSince: async (_, since) => attempts.filter(({ startedAt }) => startedAt >= since),
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
    tailLogs: async () => [],
  };
  const lifecycle: { stoppedByPersonAt?: number } = {};
  const incidents = createOpenIncidents({ newId: () => `inc-${order.length}-${now}`, now: clock.now });
  const never = new AbortController().signal;
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
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
    surroundings: async () => ({}),
    diagnoser: { prepare() {}, diagnose: async () => aDiagnosis() },
    notify: async (alert) => void alerts.push(alert),
    control: { ...engine, ...control },
    untracedControl: engine,
    store,
    incidents,
    correlator: {
      correlate: async () => ({ kind: 'own' }),
      membersOf: () => [],
    },
    onRecovered: () => {},
    observer: noopObserver,
    tracing: noTracing,
    logger,
    clock,
    newId: () => `att-${attempts.length}`,
    autoFix,
    maxRestartsPerHourHost: 12,
    policyOf,
    verifySlackMs: 90_000,
    lifecycle: { expectRestart: () => () => {}, of: () => ({ restartingByAgent: false, crashes: [], ...lifecycle }) },
    onDecided: () => {},
    requests: {
      open: async (incident, facts) =>
        aRequest({ id: `req-${order.length}`, incidentId: incident.id, containerStartedAt: facts.startedAt }),
      withdraw: nothing,
    },
    snoozes: { of: () => undefined, holdsBack: () => false },
    people: { requestsOf: async () => [] },
    onApproved: () => {},
    stopping: never,
    stopNow: never,
  });
  return { workflow, incidents, clock, engine, attempts, alerts, decisions, order, lifecycle };
}

async function handle(count: number, world: World) {
  const built = build(world);
  const { workflow, incidents, clock } = built;
  for (let i = 0; i < count; i++) {
    const folded = incidents.fold(aSignal({ fingerprint: `f${i}`, at: clock.now() }));
    if (folded.kind === 'opened') await workflow.handle(folded.live);
    await clock.sleep(60_000);
  }
  return built;
}

describe('the workflow of an incident', () => {
  it('escalates once after three restarts that do not help, instead of a fourth restart', async () => {
    const { attempts, alerts, decisions } = await handle(1, { outcomes: ['failed'] });
    expect(attempts).toHaveLength(3);
    expect(alerts.map(({ kind }) => kind)).toEqual(['diagnosed', 'repeated_failure']);
    expect(decisions.at(-1)).toMatchObject({ kind: 'notify', reason: 'restart_limit' });
  });

  it('notifies once that a restart waits for a person, and does not restart', async () => {
    const { attempts, alerts } = await handle(1, { policy: { restart: 'ask' }, outcomes: ['failed'] });
    expect(attempts).toHaveLength(0);
    expect(alerts.map(({ kind, decision }) => [kind, decision.kind])).toEqual([['diagnosed', 'ask']]);
  });

  it.each(['inspect', 'list'] as const)(
    'does not restart on old facts if the engine does not answer: %s',
    async (call) => {
      const control = { [call]: () => Promise.reject(new Error('no answer')) };
      const { attempts, alerts } = await handle(1, { control, outcomes: ['recovered'] });
      expect(attempts).toHaveLength(0);
      expect(alerts.map(({ decision }) => decision)).toEqual([{ kind: 'notify', reason: 'engine_unreachable' }]);
    },
  );

  it('names the containers that would lose their network', async () => {
    const sidecar = { ref: aContainer({ id: 'side', name: 'sidecar' }), status: 'running' as const };
    const list = async () => [{ ...sidecar, networkMode: `container:${aContainer().id}` } as ListedContainer];
    const { alerts } = await handle(1, { control: { list }, outcomes: ['recovered'] });
    expect(alerts).toMatchObject([{ decision: { reason: 'shared_network' }, because: 'sidecar' }]);
  });

  it('reports no repeated failure if no restart is allowed at all', async () => {
    const { alerts } = await handle(1, { policy: { maxRestartsPerHour: 0 }, outcomes: ['failed'] });
    expect(alerts.map(({ kind, decision }) => [kind, decision.reason])).toEqual([['diagnosed', 'policy_never']]);
  });

  it('reports the outcome of the second restart, even if the agent was killed during its verification', async () => {
    const { workflow, incidents, clock, engine, attempts, alerts } = build({ outcomes: ['failed', 'recovered'] });
    const incident = anIncident({ openedAt: clock.now() });
    const second = anAttempt({ id: 'att-1', startedAt: clock.now() + 1 });
    attempts.push(anAttempt({ id: 'att-0', startedAt: clock.now(), outcome: 'failed' }), second);
    const decision = { kind: 'restart', reason: 'restart_allowed' } as const;
    await engine.restart();
    await workflow.resume(incidents.adopt(incident, 'handling'), {
      incident,
      diagnosis: aDiagnosis(),
      decision,
      attempt: second,
    });
    const sent = alerts.map(({ id, attempt }) => [id, attempt?.outcome]);
    expect(sent).toEqual([[`${incident.id}/diagnosed/1`, 'recovered']]);
  });

  it('decides again when the engine has given up, instead of repeating the earlier reason', async () => {
    let facts = someFacts({ status: 'restarting', restartPolicy: 'on-failure' });
    const { workflow, incidents, clock, alerts, attempts } = build({
      control: { inspect: async () => facts },
      outcomes: ['recovered'],
    });
    const { live } = incidents.fold(aSignal({ detector: 'crash', at: clock.now() }));
    await workflow.handle(live);
    facts = someFacts({ status: 'exited', restartPolicy: 'on-failure' });
    await workflow.decideAgain(live, 'engine_gave_up');
    expect(alerts.map(({ kind, decision, attempt }) => [kind, decision.reason, attempt?.outcome])).toEqual([
      ['diagnosed', 'engine_restarting', undefined],
      ['engine_gave_up', 'restart_allowed', 'recovered'],
    ]);
    expect(attempts).toHaveLength(1);
  });

  it('reports the present decision about a crash loop', async () => {
    let facts = someFacts({ status: 'restarting', restartPolicy: 'on-failure' });
    const { workflow, incidents, clock, alerts } = build({
      autoFix: false,
      control: { inspect: async () => facts },
      outcomes: [],
    });
    const { live } = incidents.fold(aSignal({ detector: 'crash', at: clock.now() }));
    await workflow.handle(live);
    facts = someFacts({ status: 'exited', restartPolicy: 'on-failure' });
    await workflow.decideAgain(live, 'crash_loop');
    expect(alerts.at(-1)).toMatchObject({ kind: 'crash_loop', decision: { reason: 'auto_fix_off' } });
  });

  it.each(['crash_loop', 'engine_gave_up'] as const)(
    'does not report %s once a person has stopped the container',
    async (change) => {
      const { workflow, incidents, clock, alerts, lifecycle } = build({ outcomes: [] });
      const { live } = incidents.fold(aSignal({ detector: 'crash', at: clock.now() }));
      lifecycle.stoppedByPersonAt = clock.now() + 1;
      await workflow.handle(live);
      const before = alerts.length;
      await workflow.decideAgain(live, change);
      expect(alerts).toHaveLength(before);
    },
  );

  const worlds = fc.record({
    policy: fc.record({
      maxRestartsPerHour: fc.nat(5),
      restart: fc.constantFrom('auto', 'auto', 'ask', 'never' as const),
      mode: fc.constantFrom('act', 'act', 'observe' as const),
    }),
    autoFix: fc.constantFrom(true, true, false),
    outcomes: fc.array(fc.constantFrom('recovered', 'failed', 'unknown' as const), { minLength: 1, maxLength: 6 }),
  });

  it('respects the hourly limit, backs off after each failure and stores each decision before it restarts, whatever the outcomes', async () => {
    await fc.assert(
      fc.asyncProperty(worlds, fc.integer({ min: 1, max: 6 }), async (world, incidents) => {
        const { attempts, alerts, order } = await handle(incidents, world);
        const { maxRestartsPerHour, restart, mode } = world.policy;
        if (!world.autoFix || restart !== 'auto' || mode !== 'act') expect(attempts).toEqual([]);

        let failures = 0;
        for (const [i, { startedAt }] of attempts.entries()) {
          const hour = attempts.filter((a) => a.startedAt >= startedAt && a.startedAt < startedAt + HOUR);
          expect(hour.length).toBeLessThanOrEqual(maxRestartsPerHour);
          const before = attempts[i - 1];
          failures = before === undefined || before.outcome === 'recovered' ? 0 : failures + 1;
          if (failures > 0) expect(startedAt - (before?.finishedAt ?? 0)).toBeGreaterThanOrEqual(backOffMs(failures));
        }

        const ids = alerts.map(({ id }) => id);
        const escalations = new Set(ids.filter((id) => id.includes('repeated_failure')));
        expect(escalations.size).toBeLessThanOrEqual(1);
        for (const [i, step] of order.entries()) if (step === 'restart') expect(order[i - 1]).toBe('saved restart');
      }),
      { numRuns: 300 },
    );
  });
});
