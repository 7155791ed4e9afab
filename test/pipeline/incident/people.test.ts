/** What a person does about an incident: approves its restart, asks for another diagnosis, snoozes it. */
import { describe, expect, it } from 'vitest';
import { link } from '../../../src/pipeline/correlate/members.ts';
import type { LiveIncident } from '../../../src/pipeline/incident/open-incidents.ts';
import type { RestartRequest, Snooze } from '../../../src/pipeline/ports/people.ts';
import { aContainer, aDiagnosis, anAttempt, anIncident, aRequest, someFacts } from '../../support/domain.ts';
import { build } from './support.ts';

const HOUR = 3_600_000;
const RECOVERS = ['recovered'] as const;
const JANE = { via: 'slack', who: 'U0JANE' } as const;
const ASKS = { policy: { restart: 'ask' }, outcomes: RECOVERS } as const;

/** A settled incident, of which people know. */
async function settled(world: Parameters<typeof build>[0]) {
  const unsettled: string[] = [];
  const saveUnsettled = async (id: string) => void unsettled.push(id);
  const built = build({ ...world, store: { saveUnsettled, ...world.store } });
  const live = built.open();
  await built.workflow.handle(live);
  built.order.length = 0;
  built.ends.length = 0;
  built.decisions.length = 0;
  built.alerts.length = 0;
  const request = (over: Partial<RestartRequest> = {}) =>
    aRequest({
      incidentId: live.incident.id,
      containerStartedAt: built.clock.now(),
      expiresAt: built.clock.now() + HOUR,
      ...over,
    });
  return { ...built, live, request, unsettled };
}

const member = (built: ReturnType<typeof build>, live: LiveIncident) => {
  const container = aContainer({ id: 'db', name: 'db', service: 'db' });
  link(live, built.open({ container, fingerprint: 'root' }), 'compose');
};

describe('a restart that a person approves', () => {
  it('is claimed, stored and made, and people hear of its outcome', async () => {
    const { workflow, live, request, order, alerts, outcomes, attempts } = await settled(ASKS);
    const last = await workflow.approve(live, {
      request: request(),
      by: JANE,
      claim: async ({ decision }) => {
        order.push(`claimed ${decision.kind}`);
        return true;
      },
      begun: () => void order.push('begun'),
    });
    expect(order).toEqual(['claimed restart', 'saved restart', 'begun', 'restart']);
    expect(last).toMatchObject({ attempt: { id: 'req-1', outcome: 'recovered' } });
    expect(attempts).toHaveLength(1);
    expect(alerts).toMatchObject([
      { id: 'req-1/diagnosed/1', decision: { reason: 'approved_by_person' }, because: 'U0JANE (Slack)' },
    ]);
    expect(outcomes).toEqual(['recovered']);
    expect(live.phase).toBe('settled');
  });

  it('is not made, and nothing changes, if it cannot be claimed', async () => {
    const { workflow, live, request, order, alerts, ends } = await settled(ASKS);
    const last = await workflow.approve(live, { request: request(), by: JANE, claim: async () => false });
    expect([last, order, alerts, ends, live.phase]).toEqual([undefined, [], [], [], 'settled']);
  });

  it.each<[string, Partial<Parameters<typeof build>[0]['store']>]>([
    ['was never diagnosed', { lastCase: async () => undefined }],
    ['was never stored with a diagnosis', { lastCase: async () => ({ incident: anIncident() }) }],
    ['is another one than the stored', { lastCase: async () => ({ incident: anIncident(), diagnosis: aDiagnosis() }) }],
  ])('has no effect if the incident %s', async (_, store) => {
    const { workflow, live, request, order } = await settled({ ...ASKS, store });
    expect(await workflow.approve(live, { request: request(), by: JANE })).toBeUndefined();
    expect(order).toEqual([]);
  });

  it.each(['is being handled', 'is resolved', 'belongs to an agent that stops'] as const)(
    'has no effect if the incident %s',
    async (state) => {
      const { workflow, live, request, order, incidents, stopping } = await settled(ASKS);
      if (state === 'is being handled') live.phase = 'handling';
      else if (state === 'is resolved') incidents.resolve(live);
      else stopping.abort();
      expect(await workflow.approve(live, { request: request(), by: JANE })).toBeUndefined();
      expect(order).toEqual([]);
    },
  );

  it.each([
    ['does not wait for a dependency: a person knows better', async () => true, 5_000],
    ['waits for a dependency if an earlier run stored the approval', undefined, 120_000],
  ] as const)('%s', async (_, claim, atMost) => {
    const inspect = async () => someFacts({ startedAt: 1 });
    const { workflow, live, request, attempts } = await settled({ ...ASKS, control: { inspect } });
    live.suffers = { named: new Set(['db']) };
    await workflow.approve(live, { request: request({ containerStartedAt: 1 }), by: JANE, claim });
    const waited = (attempts[0]?.startedAt ?? Number.NaN) - live.incident.openedAt;
    expect(waited).toBeLessThanOrEqual(atMost);
    expect(waited).toBeGreaterThanOrEqual(claim === undefined ? 120_000 : 0);
  });

  it('is not made if the incident turns out to belong to another one', async () => {
    const built = await settled(ASKS);
    const { workflow, live, request, order, decisions } = built;
    live.suffers = { named: new Set(['db']) };
    member(built, live);
    expect(await workflow.approve(live, { request: request(), by: JANE })).toBeUndefined();
    expect(order).toEqual(['saved record']);
    expect(decisions).toEqual([{ kind: 'record', reason: 'dependency_down' }]);
  });

  it('is verified by the next run of the agent, which reports it as the answer to the request', async () => {
    for (const isApproved of [true, false]) {
      const inspect = async () => someFacts({ startedAt: 11 * HOUR, health: 'healthy' });
      const built = build({ ...ASKS, deps: { untracedControl: { inspect } } });
      const { workflow, incidents, clock, attempts, alerts, progress, requests, outcomes } = built;
      const request = aRequest({ id: isApproved ? 'att-1' : 'another', state: 'approved', answeredBy: JANE });
      requests.push(aRequest({ id: 'denied', state: 'denied' }), request, aRequest({ id: 'late', state: 'expired' }));
      const attempt = anAttempt({ id: 'att-1', startedAt: clock.now() });
      attempts.push(attempt);
      const incident = anIncident({ openedAt: clock.now() });
      const decision = { kind: 'restart', reason: 'restart_allowed' } as const;
      await workflow.resume(incidents.adopt(incident, 'handling'), {
        incident,
        diagnosis: aDiagnosis(),
        decision,
        attempt,
      });
      expect(progress.map(({ kind }) => kind)).toEqual(['restarting', 'outcome']);
      expect(alerts.map(({ id }) => id)).toEqual([isApproved ? 'att-1/diagnosed/1' : 'inc-1/diagnosed/0']);
      expect(outcomes).toHaveLength(isApproved ? 1 : 0);
    }
  });
});

describe('a request for an approval', () => {
  it.each([
    ['is kept by a decision to ask', {}, 0],
    ['is withdrawn by any other decision', { stoppedByPersonAt: 11 * HOUR }, 1],
  ] as const)('%s', async (_, lifecycle, withdrawals) => {
    const withdrawn: string[] = [];
    const requests = {
      open: async () => aRequest(),
      withdraw: async (id: string) => void withdrawn.push(id),
    };
    const built = build({ ...ASKS, deps: { requests } });
    Object.assign(built.lifecycle, lifecycle);
    await built.workflow.handle(built.open());
    expect(withdrawn).toHaveLength(withdrawals);
  });

  it('is withdrawn once the incident belongs to another one', async () => {
    const withdrawn: string[] = [];
    const requests = { open: async () => aRequest(), withdraw: async (id: string) => void withdrawn.push(id) };
    const correlator = { correlate: async () => ({ kind: 'member' }) as const, membersOf: () => [] };
    const built = build({ ...ASKS, deps: { requests, correlator } });
    const live = built.open();
    await built.workflow.handle(live);
    expect(withdrawn).toEqual([live.incident.id]);
  });
});

describe('another diagnosis, for which a person asks', () => {
  const AGAIN = { kind: 'asked', key: 'again/1' } as const;

  it('is a question of its own, and an alert of its own', async () => {
    const questions: unknown[] = [];
    const phases: string[] = [];
    const diagnoser = {
      prepare() {},
      async diagnose(...[, failedBefore, , again]: readonly unknown[]) {
        questions.push([failedBefore, again]);
        phases.push(live?.phase ?? '');
        return aDiagnosis();
      },
    };
    let live: LiveIncident | undefined;
    const built = await settled({ autoFix: false, outcomes: RECOVERS, deps: { diagnoser } });
    live = built.live;
    const last = await built.workflow.handleAgain(live, AGAIN);
    expect(questions).toEqual([
      [false, false],
      [false, true],
    ]);
    expect(phases[1]).toBe('handling');
    expect(last?.decision.reason).toBe('auto_fix_off');
    expect(built.unsettled).toEqual([live.incident.id]);
    expect(built.alerts.map(({ id }) => id)).toEqual([`${live.incident.id}/again/1`]);
    expect(built.ends).toEqual([`settled ${live.incident.id}`]);
  });

  it('says if a restart has not helped before', async () => {
    const built = await settled({ outcomes: ['unknown'] });
    expect(built.attempts).toHaveLength(1);
    built.attempts[0] = { ...(built.attempts[0] as (typeof built.attempts)[0]), outcome: 'failed' };
    await built.workflow.handleAgain(built.live, AGAIN);
    expect(built.asked).toEqual([false, true]);
  });

  it('is answered although nothing is new: a person works on the container', async () => {
    const built = await settled({ outcomes: RECOVERS, autoFix: false });
    built.lifecycle.stoppedByPersonAt = 11 * HOUR;
    await built.workflow.handleAgain(built.live, AGAIN);
    expect(built.alerts).toMatchObject([{ decision: { reason: 'operator_action' } }]);
  });

  it('is not made for a member of another incident', async () => {
    const built = await settled({ autoFix: false, outcomes: RECOVERS });
    member(built, built.live);
    expect(await built.workflow.handleAgain(built.live, AGAIN)).toBeUndefined();
    expect([built.asked.length, built.unsettled]).toEqual([1, []]);
  });
});

const SNOOZE: Snooze = {
  id: 'snooze-1',
  service: { service: 'web' },
  since: 0,
  until: 11 * HOUR,
  by: JANE,
  heldBack: 0,
};

/** Snoozed once `isSnoozed` is true. `held`: the fingerprints of problems whose alerts were held back. */
function snoozing() {
  const state = { isSnoozed: false, held: [] as string[] };
  const snoozes = {
    of: () => (state.isSnoozed ? SNOOZE : undefined),
    holdsBack({ fingerprint }: { readonly fingerprint: string }) {
      if (state.isSnoozed) state.held.push(fingerprint);
      return state.isSnoozed;
    },
    endingKey: () => undefined,
  };
  return { state, snoozes };
}

describe('a snoozed problem', () => {
  it('is neither asked about nor reported, and its alert is held back', async () => {
    const { state, snoozes } = snoozing();
    state.isSnoozed = true;
    const built = build({ outcomes: RECOVERS, deps: { snoozes } });
    const live = built.open();
    await built.workflow.handle(live);
    expect([built.asked, built.alerts, built.attempts]).toEqual([[], [], []]);
    expect(built.decisions).toEqual([{ kind: 'record', reason: 'snoozed' }]);
    expect(built.ends).toEqual([`settled ${live.incident.id}`]);
    expect(state.held).toEqual(['f1']);
  });

  it('that is snoozed during its diagnosis is not restarted, and its alert is held back', async () => {
    const { state, snoozes } = snoozing();
    const diagnoser = {
      prepare() {},
      async diagnose() {
        state.isSnoozed = true;
        return aDiagnosis();
      },
    };
    const built = build({ outcomes: RECOVERS, deps: { snoozes, diagnoser } });
    await built.workflow.handle(built.open());
    expect([built.alerts, built.attempts]).toEqual([[], []]);
    expect(built.decisions).toMatchObject([{ kind: 'record', reason: 'snoozed' }]);
    expect(state.held).toEqual(['f1']);
    expect(built.observed).not.toContain('members 1');
  });

  it('that is snoozed during its restart is not reported', async () => {
    const { state, snoozes } = snoozing();
    const restart = async () => {
      state.isSnoozed = true;
    };
    const built = build({ outcomes: RECOVERS, control: { restart }, deps: { snoozes } });
    await built.workflow.handle(built.open());
    expect(built.attempts).toHaveLength(1);
    expect(built.alerts).toEqual([]);
  });

  it('is not held back if there is nothing to report', async () => {
    const { state, snoozes } = snoozing();
    const diagnoser = { prepare() {}, diagnose: async () => aDiagnosis({ severity: 'low' }) };
    const requests = {
      open: async () => aRequest(),
      withdraw: async () => {
        state.isSnoozed = true;
      },
    };
    const built = build({ outcomes: RECOVERS, deps: { snoozes, diagnoser, requests } });
    await built.workflow.handle(built.open());
    expect(state.held).toEqual([]);
  });

  it('is not decided again, and no other diagnosis is made', async () => {
    const { state, snoozes } = snoozing();
    const built = await settled({ outcomes: RECOVERS, autoFix: false, deps: { snoozes } });
    state.isSnoozed = true;
    await built.workflow.decideAgain(built.live, 'crash_loop');
    expect(await built.workflow.handleAgain(built.live, { kind: 'asked', key: 'k' })).toBeUndefined();
    expect([built.order, built.unsettled]).toEqual([[], []]);
  });
});

describe('the end of a snooze', () => {
  const ENDED = { kind: 'snooze_ended', key: 'snooze/1', note: 'snoozed until 11:00' } as const;

  it('is reported with its note, and the known diagnosis is kept', async () => {
    const built = await settled({ outcomes: RECOVERS, policy: { restart: 'never' } });
    const last = await built.workflow.handleAgain(built.live, ENDED);
    expect(built.asked).toHaveLength(1);
    expect(built.alerts.map(({ id }) => id)).toEqual([`${built.live.incident.id}/snooze/1`]);
    expect(last?.because).toMatch(/^.+; snoozed until 11:00$/);
    const alone = await settled({ outcomes: RECOVERS, autoFix: false });
    alone.lifecycle.stoppedByPersonAt = 1;
    expect((await alone.workflow.handleAgain(alone.live, ENDED))?.because).toBe(ENDED.note);
  });

  it('leads to a first diagnosis if there was none', async () => {
    const { state, snoozes } = snoozing();
    state.isSnoozed = true;
    const built = await settled({ outcomes: RECOVERS, autoFix: false, deps: { snoozes } });
    state.isSnoozed = false;
    await built.workflow.handleAgain(built.live, ENDED);
    expect(built.asked).toEqual([false]);
    expect(built.alerts).toMatchObject([{ because: ENDED.note }]);
  });

  it('is no news if a person works on the container', async () => {
    const built = await settled({ outcomes: RECOVERS, autoFix: false });
    built.lifecycle.stoppedByPersonAt = 11 * HOUR;
    await built.workflow.handleAgain(built.live, ENDED);
    expect(built.alerts).toEqual([]);
    expect(built.decisions).toMatchObject([{ reason: 'operator_action' }]);
    expect(built.live.phase).toBe('settled');
  });

  it('is reported with the restart that it leads to', async () => {
    const built = await settled({ outcomes: RECOVERS, autoFix: false });
    const again = build({
      outcomes: RECOVERS,
      store: { lastCase: async () => ({ incident: live.incident, diagnosis: aDiagnosis() }) },
    });
    const live: LiveIncident = again.incidents.adopt(built.live.incident, 'settled');
    const last = await again.workflow.handleAgain(live, ENDED);
    expect(last?.attempt?.outcome).toBe('recovered');
    expect(again.alerts).toHaveLength(1);
    expect(again.ends.at(-1)).toBe(`recovered ${live.incident.id}`);
  });

  it('is not reported if the incident belongs to another one by now', async () => {
    const correlator = {
      correlate: async () => (isMember ? ({ kind: 'member' } as const) : ({ kind: 'own' } as const)),
      membersOf: () => [],
    };
    let isMember = false;
    const built = await settled({ outcomes: RECOVERS, autoFix: false, deps: { correlator } });
    isMember = true;
    expect(await built.workflow.handleAgain(built.live, ENDED)).toBeUndefined();
    expect(built.alerts).toEqual([]);
    expect(built.decisions).toEqual([{ kind: 'record', reason: 'dependency_down' }]);
  });
});
