/** The walk against a world that can be as bad as it likes, in no time at all. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Alert, Attempt, Decision, Diagnosis, ListedContainer, Outcome } from '../../../src/domain.ts';
import { decide } from '../../../src/pipeline/decide/decide.ts';
import { backOffMs } from '../../../src/pipeline/decide/restart-history.ts';
import { createIncidents } from '../../../src/pipeline/incident/open-incidents.ts';
import { createWalk, type WalkDeps } from '../../../src/pipeline/incident/workflow.ts';
import { noopObserver } from '../../../src/pipeline/observer.ts';
import type { Policy } from '../../../src/pipeline/policy/settings.ts';
import type { DiagnosisContext } from '../../../src/pipeline/ports.ts';
import { aContainer, aDiagnosis, anAttempt, anIncident, aPolicy, aSignal, someFacts } from '../../support/domain.ts';

const HOUR = 3_600_000;

interface World {
  readonly policy?: Partial<Policy>;
  readonly autoFix?: boolean;
  readonly control?: Partial<WalkDeps['control']>;
  /** How each restart ends; the last one again and again. */
  readonly outcomes: readonly Exclude<Outcome, 'error'>[];
}

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
  const nothing = async () => {};
  const store: WalkDeps['store'] = {
    healthy: () => true,
    saveIncident: nothing,
    saveOccurrences: nothing,
    async saveDiagnosis(_, diagnosis) {
      latest = diagnosis;
    },
    async saveDecision(_, decision) {
      decisions.push(decision);
      order.push(`saved ${decision.kind}`);
    },
    saveSettled: nothing,
    resolveIncident: nothing,
    openCases: async () => [],
    lastCase: async () => (latest ? { incident: anIncident(), diagnosis: latest } : undefined),
    async beginAttempt(attempt) {
      attempts.push(attempt);
    },
    async finishAttempt(id, end) {
      const at = attempts.findIndex((attempt) => attempt.id === id);
      attempts[at] = { ...(attempts[at] as Attempt), ...end };
    },
    attemptsSince: async (_, since) => attempts.filter(({ startedAt }) => startedAt >= since),
  };
  const lifecycle: { stoppedByPersonAt?: number } = {};
  const live = createIncidents({ newId: () => `inc-${order.length}-${now}`, now: clock.now });
  const never = new AbortController().signal;
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const walk = createWalk({
    stages: {
      redactSummary: async (incident) => incident,
      collect: async (incident): Promise<DiagnosisContext> => ({
        incident: incident(),
        facts: someFacts(),
        evidence: ['ERROR it broke'],
        logLines: [],
        redactions: 0,
        restarts: attempts,
        ruleMatches: [],
      }),
      diagnose: async () => aDiagnosis(),
      decide,
      async restart(incident) {
        order.push('restart');
        const { container } = incident;
        const attempt: Attempt = {
          id: `att-${attempts.length}`,
          incidentId: incident.id,
          containerId: container.id,
          containerName: container.name,
          service: container.service,
          startedAt: now,
        };
        await store.beginAttempt(attempt);
        return { kind: 'restarted', attempt, answer: 'done' };
      },
      async verify() {
        now += 1_000;
        const outcome = outcomes[Math.min(attempts.length, outcomes.length) - 1] ?? 'failed';
        return { outcome, detail: '', strategy: 'stable' };
      },
      async notify(alert) {
        alerts.push(alert);
      },
    },
    store,
    control: { inspect: async () => someFacts(), list: async () => [], ...control },
    incidents: live,
    observer: noopObserver,
    logger,
    clock,
    autoFix,
    policyOf: () => aPolicy(policy),
    verifySlackMs: 90_000,
    traceIncident: (_incident, _earlier, work) => work(undefined),
    lifecycle: { expectRestart: () => () => {}, of: () => ({ restartingByAgent: false, crashes: [], ...lifecycle }) },
    onDecided: () => {},
    handover: never,
    giveUp: never,
  });
  return { walk, live, clock, attempts, alerts, decisions, order, lifecycle };
}

async function handle(incidents: number, world: World) {
  const built = build(world);
  const { walk, live, clock } = built;
  for (let i = 0; i < incidents; i++) {
    const folded = live.fold(aSignal({ fingerprint: `f${i}`, at: clock.now() }));
    if (folded.kind === 'opened') await walk.handle(folded.live);
    await clock.sleep(60_000);
  }
  return built;
}

describe('the walk of an incident', () => {
  it('ends a loop in which restarts do not help in one escalation, not in a fourth restart', async () => {
    const { attempts, alerts, decisions } = await handle(1, { outcomes: ['failed'] });
    expect(attempts).toHaveLength(3);
    expect(alerts.map(({ kind }) => kind)).toEqual(['diagnosed', 'repeated_failure']);
    expect(decisions.at(-1)).toEqual({ kind: 'notify', reason: 'restart_limit' });
  });

  it('tells once that a restart waits for a person, and makes none', async () => {
    const { attempts, alerts } = await handle(1, { policy: { restart: 'ask' }, outcomes: ['failed'] });
    expect(attempts).toHaveLength(0);
    expect(alerts.map(({ kind, decision }) => [kind, decision.kind])).toEqual([['diagnosed', 'ask']]);
  });

  it.each(['inspect', 'list'] as const)(
    'restarts nothing on older facts where the engine does not answer: %s',
    async (call) => {
      const control = { [call]: () => Promise.reject(new Error('no answer')) };
      const { attempts, alerts } = await handle(1, { control, outcomes: ['recovered'] });
      expect(attempts).toHaveLength(0);
      expect(alerts.map(({ decision }) => decision)).toEqual([{ kind: 'notify', reason: 'engine_unreachable' }]);
    },
  );

  it('names those who would lose their network', async () => {
    const sidecar = { ref: aContainer({ id: 'side', name: 'sidecar' }), status: 'running' as const };
    const list = async () => [{ ...sidecar, networkMode: `container:${aContainer().id}` } as ListedContainer];
    const { alerts } = await handle(1, { control: { list }, outcomes: ['recovered'] });
    expect(alerts).toMatchObject([{ decision: { reason: 'shared_network' }, because: 'sidecar' }]);
  });

  it('speaks of no repeated failure where no restart is allowed at all', async () => {
    const { alerts } = await handle(1, { policy: { maxRestartsPerHour: 0 }, outcomes: ['failed'] });
    expect(alerts.map(({ kind, decision }) => [kind, decision.reason])).toEqual([['diagnosed', 'policy_never']]);
  });

  it('tells how the second restart ended, also where the agent was killed while it watched that one', async () => {
    const { walk, live, clock, attempts, alerts } = build({ outcomes: ['failed', 'recovered'] });
    const incident = anIncident({ openedAt: clock.now() });
    const second = anAttempt({ id: 'att-1', startedAt: clock.now() + 1 });
    attempts.push(anAttempt({ id: 'att-0', startedAt: clock.now(), outcome: 'failed' }), second);
    const decision = { kind: 'restart', reason: 'restart_allowed' } as const;
    await walk.resume(live.adopt(incident, 'handling'), {
      incident,
      diagnosis: aDiagnosis(),
      decision,
      attempt: second,
    });
    const told = alerts.map(({ id, attempt }) => [id, attempt?.outcome]);
    expect(told).toEqual([[`${incident.id}/diagnosed/1`, 'recovered']]);
  });

  it('decides again when the engine has given up, and does not repeat the reason of then', async () => {
    let facts = someFacts({ status: 'restarting', restartPolicy: 'on-failure' });
    const { walk, live, clock, alerts, attempts } = build({
      control: { inspect: async () => facts },
      outcomes: ['recovered'],
    });
    const { live: incident } = live.fold(aSignal({ detector: 'crash', at: clock.now() }));
    await walk.handle(incident);
    facts = someFacts({ status: 'exited', restartPolicy: 'on-failure' });
    await walk.decideAgain(incident, 'engine_gave_up');
    expect(alerts.map(({ kind, decision, attempt }) => [kind, decision.reason, attempt?.outcome])).toEqual([
      ['diagnosed', 'engine_restarting', undefined],
      ['engine_gave_up', 'restart_allowed', 'recovered'],
    ]);
    expect(attempts).toHaveLength(1);
  });

  it('says of a crash loop what is decided about it now', async () => {
    let facts = someFacts({ status: 'restarting', restartPolicy: 'on-failure' });
    const { walk, live, clock, alerts } = build({
      autoFix: false,
      control: { inspect: async () => facts },
      outcomes: [],
    });
    const { live: incident } = live.fold(aSignal({ detector: 'crash', at: clock.now() }));
    await walk.handle(incident);
    facts = someFacts({ status: 'exited', restartPolicy: 'on-failure' });
    await walk.decideAgain(incident, 'crash_loop');
    expect(alerts.at(-1)).toMatchObject({ kind: 'crash_loop', decision: { reason: 'auto_fix_off' } });
  });

  it.each(['crash_loop', 'engine_gave_up'] as const)(
    'says nothing of %s once a person has stopped the container',
    async (change) => {
      const { walk, live, clock, alerts, lifecycle } = build({ outcomes: [] });
      const { live: incident } = live.fold(aSignal({ detector: 'crash', at: clock.now() }));
      lifecycle.stoppedByPersonAt = clock.now() + 1;
      await walk.handle(incident);
      const before = alerts.length;
      await walk.decideAgain(incident, change);
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

  it('however restarts end and however many incidents come, keeps the limit in every hour, waits longer each time, and writes down before it acts', async () => {
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
