import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ListedContainer } from '../../../src/domain/containers.ts';
import type { Attempt } from '../../../src/domain/decision.ts';
import { backOffMs } from '../../../src/pipeline/decide/restart-history.ts';
import type { RestartRequest } from '../../../src/pipeline/ports/people.ts';
import { aContainer, aDiagnosis, anAttempt, anIncident, aRequest, aSignal, someFacts } from '../../support/domain.ts';
import { build, handle } from './support.ts';

const HOUR = 3_600_000;

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

  it('tells receivers that follow it of every restart and its outcome, each once', async () => {
    const { alerts, progress } = await handle(1, { outcomes: ['failed', 'recovered'] });
    expect(progress.map(({ id, kind, attempt }) => [id, kind, attempt?.outcome])).toEqual([
      [expect.stringMatching(/\/restarting\/att-0$/), 'restarting', undefined],
      [expect.stringMatching(/\/outcome\/att-0$/), 'outcome', 'failed'],
      [expect.stringMatching(/\/restarting\/att-1$/), 'restarting', undefined],
      [expect.stringMatching(/\/outcome\/att-1$/), 'outcome', 'recovered'],
    ]);
    expect(alerts.map(({ kind }) => kind)).toEqual(['diagnosed', 'diagnosed']);
  });

  it('that is not restarted has no progress', async () => {
    const { progress } = await handle(1, { policy: { restart: 'ask' }, outcomes: [] });
    expect(progress).toEqual([]);
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

  const approvedCase = (request: RestartRequest, attempt?: Attempt) => {
    const decision = { kind: 'restart', reason: 'approved_by_person' } as const;
    return { incident: anIncident(), diagnosis: aDiagnosis(), decision, attempt, request };
  };
  const JANE = { via: 'slack', who: 'U0JANE' } as const;

  it('makes an approved restart that an earlier run of the agent did not begin, once', async () => {
    const { workflow, incidents, clock, attempts, alerts, requests, outcomes } = build({
      policy: { restart: 'ask' },
      outcomes: ['recovered'],
    });
    const request = aRequest({
      state: 'approved',
      answeredBy: JANE,
      containerStartedAt: clock.now(),
      expiresAt: clock.now() + HOUR,
    });
    requests.push(request);
    await workflow.resume(incidents.adopt(anIncident({ openedAt: clock.now() }), 'handling'), approvedCase(request));
    expect(attempts).toMatchObject([{ id: request.id, outcome: 'recovered' }]);
    expect(alerts).toMatchObject([
      { id: `${request.id}/diagnosed/1`, decision: { reason: 'approved_by_person' }, because: 'U0JANE (Slack)' },
    ]);
    expect(outcomes).toEqual(['recovered']);
  });

  it.each([
    ['its time is over', { expiresAt: 10 * HOUR }],
    ['the container has been started again since', { containerStartedAt: 1 }],
    ['the container has been replaced', { containerId: 'b'.repeat(64) }],
  ])(
    'does not make an approved restart that was not begun if %s, but reports it as unused and asks again',
    async (_, over) => {
      const { workflow, incidents, clock, attempts, alerts, requests, outcomes } = build({
        policy: { restart: 'ask' },
        outcomes: ['recovered'],
      });
      const valid = { containerStartedAt: clock.now(), expiresAt: clock.now() + HOUR };
      const request = aRequest({ id: 'approved', state: 'approved', answeredBy: JANE, ...valid, ...over });
      requests.push(request);
      await workflow.resume(incidents.adopt(anIncident({ openedAt: clock.now() }), 'handling'), approvedCase(request));
      expect(attempts).toEqual([]);
      expect(alerts).toMatchObject([{ decision: { kind: 'ask' }, request: { id: expect.any(String) } }]);
      expect(alerts[0]?.request?.id).not.toBe(request.id);
      expect(outcomes).toEqual([undefined]);
    },
  );

  it.each([
    ['a later decision does not rest on it', { decision: { kind: 'restart', reason: 'restart_allowed' } as const }],
    [
      'its restart was made by the earlier run',
      {
        decision: { kind: 'restart', reason: 'approved_by_person' } as const,
        attempt: anAttempt({ id: 'approved', outcome: 'recovered' }),
      },
    ],
  ])('does not report an approval as unused if %s', async (_, stored) => {
    const { workflow, incidents, clock, requests, outcomes } = build({ autoFix: false, outcomes: ['recovered'] });
    requests.push(aRequest({ id: 'approved', state: 'approved', answeredBy: JANE }));
    const live = incidents.adopt(anIncident({ openedAt: clock.now() }), 'handling');
    await workflow.resume(live, { incident: anIncident(), diagnosis: aDiagnosis(), ...stored });
    expect(outcomes).not.toContain(undefined);
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
