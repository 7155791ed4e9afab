/** What a round of the workflow does with what it learns from its dependencies, and with their failures. */
import { describe, expect, it } from 'vitest';
import type { ContainerRef, ListedContainer } from '../../../src/domain/containers.ts';
import { EngineError } from '../../../src/errors.ts';
import type { Correlation } from '../../../src/pipeline/correlate/correlate.ts';
import { link } from '../../../src/pipeline/correlate/members.ts';
import type { LiveIncident } from '../../../src/pipeline/incident/open-incidents.ts';
import type { IncidentCase } from '../../../src/pipeline/ports/store.ts';
import type { Tracing } from '../../../src/pipeline/tracing.ts';
import { aContainer, aDiagnosis, anAttempt, anIncident, aPolicy, someFacts } from '../../support/domain.ts';
import { build, surroundings } from './support.ts';

const HOUR = 3_600_000;
const RECOVERS = ['recovered'] as const;
const RESTART = { kind: 'restart', reason: 'restart_allowed' } as const;
const NOTIFY = { kind: 'notify', reason: 'auto_fix_off' } as const;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A world whose correlator answers one after the other; the last answer repeats. */
function correlated(
  answers: readonly ((live: LiveIncident) => Correlation)[],
  world: Partial<Parameters<typeof build>[0]> = {},
) {
  let calls = 0;
  const built = build({
    outcomes: RECOVERS,
    ...world,
    deps: {
      correlator: {
        correlate: async (live) => {
          const answer = answers[Math.min(calls++, answers.length - 1)];
          return answer?.(live) ?? { kind: 'own' };
        },
        membersOf: () => [],
      },
      ...world.deps,
    },
  });
  return { ...built, calls: () => calls };
}

const root = (built: ReturnType<typeof build>) =>
  built.open({ container: aContainer({ id: 'db', name: 'db', service: 'db' }), fingerprint: 'root' });

describe('an incident that belongs to another one', () => {
  it('is settled without a question, an alert or a restart', async () => {
    const built = correlated([() => ({ kind: 'member' })]);
    const live = built.open();
    await built.workflow.handle(live);
    expect([built.asked, built.alerts, built.attempts]).toEqual([[], [], []]);
    expect(built.decisions).toEqual([{ kind: 'record', reason: 'dependency_down' }]);
    expect(built.observed).toEqual(['decision record dependency_down']);
    expect(built.ends).toEqual([`settled ${live.incident.id}`]);
    expect(live.phase).toBe('settled');
    expect(built.saved.length).toBeGreaterThan(1);
  });

  it('is over at once if its dependency is back and it has recovered', async () => {
    const built = correlated([() => ({ kind: 'passed', dependency: 'db' })]);
    const live = built.open();
    await built.workflow.handle(live);
    expect(built.alerts).toEqual([]);
    expect(built.ends).toEqual([`settled ${live.incident.id}`, `resolved ${live.incident.id}`]);
    expect(built.incidents.open()).toEqual([]);
  });

  it('asks no question if that turns out while its surroundings are read', async () => {
    const built = build({
      outcomes: RECOVERS,
      deps: {
        surroundings: surroundings(async (live) => {
          link(live, root(built), 'compose');
          return {};
        }),
      },
    });
    await built.workflow.handle(built.open());
    expect([built.asked, built.alerts, built.attempts]).toEqual([[], [], []]);
  });

  it('sends no alert if that turns out during the diagnosis', async () => {
    let live: LiveIncident | undefined;
    const built = build({
      outcomes: RECOVERS,
      deps: {
        diagnoser: {
          prepare() {},
          async diagnose() {
            if (live) link(live, root(built), 'compose');
            return aDiagnosis();
          },
        },
      },
    });
    live = built.open();
    await built.workflow.handle(live);
    expect([built.alerts, built.attempts]).toEqual([[], []]);
    expect(built.observed).toEqual(['decision record dependency_down']);
  });

  it('is not restarted if that turns out while it is decided', async () => {
    let live: LiveIncident | undefined;
    const built = build({
      outcomes: RECOVERS,
      control: {
        inspect: async () => {
          if (live && live.cause === undefined) link(live, root(built), 'compose');
          return someFacts();
        },
      },
    });
    live = built.open();
    await built.workflow.handle(live);
    expect([built.alerts, built.attempts]).toEqual([[], []]);
  });

  it('sends no alert if that turns out during its restart', async () => {
    let live: LiveIncident | undefined;
    const built = build({
      outcomes: RECOVERS,
      control: {
        restart: async () => {
          if (live) link(live, root(built), 'compose');
        },
      },
    });
    live = built.open();
    await built.workflow.handle(live);
    expect(built.alerts).toEqual([]);
  });
});

describe('the cause of an incident', () => {
  it.each([
    [{ kind: 'external', host: 'smtp.example.net' } as const, 'external'],
    [{ kind: 'unknown', named: 'db' } as const, 'unknown'],
  ])('is stored and shown, and forbids a restart: %o', async (cause, outcome) => {
    const built = correlated([() => cause]);
    await built.workflow.handle(built.open());
    expect(built.alerts).toMatchObject([{ incident: { cause }, decision: { reason: 'dependency_down' } }]);
    expect(built.saved.at(-1)?.cause).toEqual(cause);
    expect(built.attempts).toEqual([]);
    expect(built.observed.slice(-2)).toEqual(['members 1', `cause ${outcome}`]);
  });

  it('is looked for in the first round only', async () => {
    const built = correlated([() => ({ kind: 'own' })], { outcomes: ['failed'] });
    await built.workflow.handle(built.open());
    expect(built.attempts.length).toBeGreaterThan(1);
    expect(built.calls()).toBe(1);
  });

  it.each([
    ['crash', 'engine'],
    ['log', 'log'],
  ] as const)('with members and found by %s is counted as found by: %s', async (detector, outcome) => {
    const member = aContainer({ id: 'api', name: 'api', service: 'api' });
    const built = build({
      outcomes: RECOVERS,
      deps: {
        correlator: {
          correlate: async () => ({ kind: 'own' }),
          membersOf: () => [
            built.incidents.adopt(anIncident({ id: 'm', container: member, occurrences: 4 }), 'settled'),
          ],
        },
      },
    });
    await built.workflow.handle(built.open({ detector }));
    expect(built.observed.slice(-2)).toEqual(['members 2', `cause ${outcome}`]);
    expect(built.alerts[0]?.incident.members).toEqual([{ container: 'api', occurrences: 4 }]);
    expect(built.saved.at(-1)?.members).toHaveLength(1);
  });

  it('is not counted if it has no members: the problem is its own', async () => {
    const built = build({ outcomes: RECOVERS });
    await built.workflow.handle(built.open());
    expect(built.observed.at(-1)).toBe('members 1');
    expect(built.alerts[0]?.incident).not.toHaveProperty('members');
  });
});

describe('a restart while a dependency may still turn out to be the cause', () => {
  const suffer = (live: LiveIncident): Correlation => {
    live.suffers = { named: new Set(['db']) };
    return { kind: 'own' };
  };

  it('waits until two minutes after the incident opened, and is made if no cause was found', async () => {
    const built = correlated([suffer]);
    const live = built.open();
    await built.workflow.handle(live);
    expect(built.calls()).toBe(2);
    expect((built.attempts[0]?.startedAt ?? 0) - live.incident.openedAt).toBeGreaterThanOrEqual(120_000);
    expect((built.attempts[0]?.startedAt ?? 0) - live.incident.openedAt).toBeLessThan(125_000);
    expect(built.alerts).toHaveLength(1);
  });

  it('says meanwhile what is awaited, and until when', async () => {
    const built = correlated([suffer]);
    const realSleep = built.clock.sleep;
    const seen: LiveIncident['wait'][] = [];
    built.clock.sleep = async (ms) => {
      if (live.wait !== undefined) seen.push(live.wait);
      await realSleep(ms);
    };
    const live = built.open();
    await built.workflow.handle(live);
    expect(seen).toEqual([
      { what: 'to see whether a dependency is the cause', until: live.incident.openedAt + 120_000 },
    ]);
    expect(live.wait).toBeUndefined();
  });

  it('is not made if a cause was found', async () => {
    const built = correlated([suffer, () => ({ kind: 'member' })]);
    await built.workflow.handle(built.open());
    expect([built.attempts, built.alerts]).toEqual([[], []]);
  });

  it('is not made, without another look, if an incident has taken it in meanwhile', async () => {
    const built = correlated([suffer], {
      deps: {
        clock: {
          now: () => 10 * HOUR,
          monotonic: () => 0,
          sleep: async (ms) => {
            if (live && ms > 60_000) link(live, root(built), 'compose');
          },
        },
      },
    });
    const live: LiveIncident | undefined = built.open();
    await built.workflow.handle(live);
    expect(built.calls()).toBe(1);
    expect([built.attempts, built.alerts]).toEqual([[], []]);
  });

  it('is decided again after the wait: a person may have stopped the container', async () => {
    const built = correlated([
      suffer,
      () => {
        built.lifecycle.stoppedByPersonAt = built.clock.now();
        return { kind: 'own' };
      },
    ]);
    await built.workflow.handle(built.open());
    expect(built.alerts).toMatchObject([{ decision: { reason: 'operator_action' } }]);
  });

  it('does not wait if no restart is allowed anyway', async () => {
    const built = correlated([suffer], { autoFix: false });
    const live = built.open();
    await built.workflow.handle(live);
    expect(built.calls()).toBe(1);
    expect((built.alerts[0]?.at ?? 0) - live.incident.openedAt).toBeLessThan(10_000);
  });

  it('is left to the next run if the agent stops meanwhile', async () => {
    const built = correlated([
      (live) => {
        setImmediate(() => built.stopping.abort());
        return suffer(live);
      },
    ]);
    const realSleep = built.clock.sleep;
    built.clock.sleep = async (ms) => {
      await realSleep(ms);
      await turn();
    };
    await built.workflow.handle(built.open());
    expect([built.attempts, built.alerts, built.ends]).toEqual([[], [], []]);
    expect(built.calls()).toBe(1);
  });
});

describe('the diagnosis', () => {
  it('says whether a restart has already failed, and is counted', async () => {
    const built = build({ outcomes: ['failed', 'recovered'] });
    await built.workflow.handle(built.open());
    expect(built.asked).toEqual([false, true]);
    expect(built.observed.filter((one) => one.startsWith('diagnosed'))).toEqual([
      'diagnosed web-1 high',
      'diagnosed web-1 high',
    ]);
  });

  it('is prepared as soon as the incident opens, and made while the incident is handled', async () => {
    let phase: string | undefined;
    const built = build({
      outcomes: RECOVERS,
      deps: {
        surroundings: surroundings(async (live) => {
          phase = live.phase;
          return {};
        }),
      },
    });
    const live = built.open({ summary: 'ERROR it broke' });
    await built.workflow.handle(live);
    expect(built.order[0]).toBe('prepared');
    expect(phase).toBe('handling');
    expect(live.phase).toBe('settled');
    expect(live.severity).toBe('high');
    expect(built.saved[0]?.id).toBe(live.incident.id);
  });

  it('of a dependency that is unavailable needs no question', async () => {
    const built = build({ outcomes: RECOVERS });
    await built.workflow.handle(
      built.open({ fingerprint: 'absent', detector: 'health', summary: 'web-1 was stopped' }),
    );
    expect(built.asked).toEqual([]);
    expect(built.alerts).toMatchObject([
      { diagnosis: { tier: 'rules', rules: [], severity: 'medium', afterFailedRestart: false, costUsd: 0 } },
    ]);
  });

  it('cannot cause a restart if the log says that the disk is full', async () => {
    const built = build({ outcomes: RECOVERS, log: ['PANIC: could not write: No space left on device'] });
    await built.workflow.handle(built.open({ detector: 'crash' }));
    expect(built.alerts).toMatchObject([{ decision: { reason: 'disk_full' } }]);
  });
});

describe('the decision', () => {
  it('is counted and passed on with the facts', async () => {
    const decided: unknown[] = [];
    const built = build({
      outcomes: RECOVERS,
      autoFix: false,
      deps: { onDecided: (_, decision, facts) => void decided.push(decision.reason, facts?.status) },
    });
    await built.workflow.handle(built.open());
    expect(built.observed).toContain('decision notify auto_fix_off');
    expect(decided).toEqual(['auto_fix_off', 'running']);
  });

  it('uses the policy for the name of the image: a listing shows an id once its tag has moved', async () => {
    const images: string[] = [];
    const policyOf = ({ image }: ContainerRef) => {
      images.push(image);
      return aPolicy({ mode: 'observe' });
    };
    const container = aContainer({ image: 'sha256:0123' });
    const seen = async (image: string | undefined) => {
      images.length = 0;
      const control = { inspect: async () => someFacts({ image }) };
      const built = build({ outcomes: RECOVERS, control, deps: { policyOf } });
      await built.workflow.handle(built.open({ container }));
      return images[0];
    };
    expect(await seen('postgres:17')).toBe('postgres:17');
    expect(await seen('')).toBe('sha256:0123');
    expect(await seen(undefined)).toBe('sha256:0123');
  });

  it('is that the container is gone if the engine no longer has it', async () => {
    const built = build({ outcomes: RECOVERS, control: { inspect: async () => undefined } });
    await built.workflow.handle(built.open());
    expect(built.alerts).toMatchObject([{ decision: { reason: 'container_gone' } }]);
  });

  it('counts as containers in its network only those that run and use it', async () => {
    const other = (name: string, networkMode: string, status: ListedContainer['status'] = 'running') => ({
      ref: aContainer({ id: name, name }),
      status,
      health: 'none' as const,
      networkMode,
    });
    const own = `container:${aContainer().id}`;
    const list = async () => [other('elsewhere', 'bridge'), other('ended', own, 'exited')];
    const built = build({ outcomes: RECOVERS, control: { list } });
    await built.workflow.handle(built.open());
    expect(built.alerts).toMatchObject([{ decision: RESTART }]);
  });

  it('respects the limit of the host within the hour', async () => {
    const reason = async (ago: number) => {
      const built = build({
        outcomes: RECOVERS,
        store: {
          countAttemptsSince: async (since) => (built.clock.now() - ago >= since ? 12 : 0),
          attemptsSince: async () => [],
        },
      });
      await built.workflow.handle(built.open());
      return built.alerts[0]?.decision.reason;
    };
    expect(await reason(HOUR - 60_000)).toBe('host_restart_limit');
    expect(await reason(HOUR + 60_000)).toBe('restart_allowed');
  });

  it('is neither sent nor prevents the end of the incident if its severity is below the minimum', async () => {
    const diagnoser = { prepare() {}, diagnose: async () => aDiagnosis({ severity: 'low' }) };
    const built = build({ outcomes: RECOVERS, deps: { diagnoser } });
    const live = built.open();
    await built.workflow.handle(live);
    expect(built.alerts).toEqual([]);
    expect(built.ends).toEqual([`settled ${live.incident.id}`]);
    expect(built.observed.at(-1)).toBe('decision record severity_too_low');
  });
});

describe('a restart', () => {
  it('that helped resolves the incident, which is passed on', async () => {
    const built = build({ outcomes: RECOVERS });
    const live = built.open();
    await built.workflow.handle(live);
    const { id } = live.incident;
    expect(built.ends).toEqual([`settled ${id}`, `resolved ${id}`, `recovered ${id}`]);
    expect(built.incidents.open()).toEqual([]);
  });

  it('whose outcome is not known leaves the incident open', async () => {
    const built = build({ outcomes: ['unknown'] });
    const live = built.open();
    await built.workflow.handle(live);
    expect(built.ends).toEqual([`settled ${live.incident.id}`]);
    expect(built.incidents.open()).toEqual([live]);
  });

  it('that cannot be stored is not made', async () => {
    const built = build({
      outcomes: RECOVERS,
      store: { beginAttempt: () => Promise.reject(new Error('disk I/O error')) },
    });
    await built.workflow.handle(built.open());
    expect(built.order).not.toContain('restart');
    expect(built.alerts).toMatchObject([{ decision: { kind: 'notify', reason: 'store_unavailable' } }]);
    expect(built.errors).toHaveLength(1);
  });

  const refused = async (after: ReturnType<typeof someFacts> | undefined, before = someFacts()) => {
    let tried = false;
    const restart = async () => {
      tried = true;
      throw new EngineError('no such mount', 'server_error');
    };
    const inspect = async () => (tried ? after : before);
    const built = build({
      outcomes: [],
      control: { restart, inspect },
      deps: { untracedControl: { inspect } },
    });
    await built.workflow.handle(built.open());
    return built;
  };

  it('that the engine refused is not repeated, and is reported once', async () => {
    const { alerts, attempts } = await refused(someFacts());
    expect(attempts).toHaveLength(1);
    expect(alerts).toMatchObject([{ decision: RESTART, attempt: { outcome: 'error' } }]);
  });

  it('that left the container down makes the incident severe', async () => {
    const { alerts, attempts } = await refused(someFacts({ status: 'exited' }));
    expect(attempts).toHaveLength(1);
    expect(alerts).toMatchObject([{ decision: RESTART, diagnosis: { severity: 'high', rootCause: 'it broke' } }]);
  });

  it('of a container that was removed meanwhile is reported as such', async () => {
    const { alerts, decisions } = await refused(undefined);
    expect(alerts).toMatchObject([{ decision: { kind: 'notify', reason: 'container_gone' } }]);
    expect(decisions.at(-1)).toEqual({ kind: 'notify', reason: 'container_gone' });
  });

  it('does not wait after the last allowed one: the escalation is sent at once', async () => {
    const { workflow, open, alerts, attempts } = build({ outcomes: ['failed'] });
    await workflow.handle(open());
    const waited = (alerts.at(-1)?.at ?? 0) - (attempts.at(-1)?.finishedAt ?? 0);
    expect(alerts.at(-1)?.kind).toBe('repeated_failure');
    expect(waited).toBeLessThan(60_000);
  });

  it('is not followed by another one if the agent stops during the wait between them', async () => {
    const built = build({ outcomes: ['failed'] });
    const sleep = built.clock.sleep;
    built.clock.sleep = async (ms) => {
      if (built.attempts[0]?.outcome === 'failed') built.stopping.abort();
      await sleep(ms);
    };
    await built.workflow.handle(built.open());
    expect(built.attempts).toHaveLength(1);
    expect(built.ends).toEqual([]);
  });

  /** Nine incidents of nine containers; the engine answers a request for a restart when it is told to. */
  const nine = () => {
    const answers: (() => void)[] = [];
    const built = build({
      outcomes: RECOVERS,
      control: { restart: () => new Promise((resolve) => answers.push(resolve)) },
      deps: {
        policyOf: () => aPolicy({ maxRestartsPerHour: 100 }),
        untracedControl: { inspect: async () => someFacts({ startedAt: 10 * HOUR + 1_000 }) },
      },
      store: { attemptsSince: async () => [], countAttemptsSince: async () => 0 },
    });
    const handled = Array.from({ length: 9 }, (_, i) =>
      built.workflow.handle(built.open({ container: aContainer({ id: `c${i}`, name: `c${i}`, service: `c${i}` }) })),
    );
    const answer = async () => {
      for (const one of answers.splice(0)) one();
      await Promise.all(Array.from({ length: 20 }, turn));
    };
    return { ...built, handled, answers, answer };
  };
  const settled = async () => {
    for (let i = 0; i < 20; i++) await turn();
  };

  it('waits while eight others are in progress, and is then decided again', async () => {
    const { handled, answers, answer, lifecycle, alerts } = nine();
    await settled();
    expect(answers).toHaveLength(8);
    lifecycle.stoppedByPersonAt = 10 * HOUR;
    await answer();
    await Promise.all(handled);
    expect(answers).toHaveLength(0);
    expect(alerts.filter(({ decision }) => decision.reason === 'operator_action')).toHaveLength(1);
  });

  it('that waited is made if nothing has changed', async () => {
    const { handled, answers, answer, alerts } = nine();
    await settled();
    await answer();
    expect(answers).toHaveLength(1);
    await answer();
    await Promise.all(handled);
    expect(alerts.filter(({ decision }) => decision.kind === 'restart')).toHaveLength(9);
  });

  it('that waited is left to the next run if the agent stops', async () => {
    const { handled, answer, answers, stopping } = nine();
    await settled();
    stopping.abort();
    await answer();
    await Promise.all(handled);
    expect(answers).toHaveLength(0);
  });

  it('that could not be made holds back no other one', async () => {
    const built = build({
      outcomes: RECOVERS,
      store: { beginAttempt: () => Promise.reject(new Error('disk I/O error')) },
    });
    for (let i = 0; i < 10; i++)
      await built.workflow.handle(built.open({ container: aContainer({ id: `c${i}`, service: `c${i}` }) }));
    expect(built.alerts).toHaveLength(10);
  });
});

describe('a store that fails', () => {
  const broken = () => Promise.reject(new Error('disk I/O error'));

  it('does not prevent the alert, and is logged', async () => {
    const built = build({
      outcomes: RECOVERS,
      autoFix: false,
      store: {
        saveIncident: broken,
        saveDiagnosis: broken,
        saveDecision: broken,
        saveSettled: broken,
        attemptsSince: broken,
        countAttemptsSince: broken,
      },
    });
    await built.workflow.handle(built.open());
    expect(built.alerts).toMatchObject([{ decision: NOTIFY, restartsLastHour: 0 }]);
    expect(built.errors.length).toBeGreaterThanOrEqual(4);
  });

  it('does not prevent the end of an incident', async () => {
    const built = build({ outcomes: RECOVERS, store: { resolveIncident: broken } });
    await built.workflow.handle(built.open());
    expect(built.incidents.open()).toEqual([]);
  });
});

describe('a stopping agent', () => {
  it.each(['collect', 'correlate'] as const)('leaves an incident to the next run at: %s', async (step) => {
    const built = correlated(
      [
        () => {
          if (step === 'correlate') built.stopping.abort();
          return { kind: 'own' };
        },
      ],
      {
        control: {
          inspect: async () => someFacts(),
        },
      },
    );
    if (step === 'collect') built.stopping.abort();
    const live = built.open();
    await built.workflow.handle(live);
    expect([built.asked, built.alerts, built.ends, built.errors]).toEqual([[], [], [], []]);
    expect(built.calls()).toBe(step === 'collect' ? 0 : 1);
    expect(live.phase).not.toBe('settled');
  });
});

describe('an incident that cannot be handled', () => {
  it('is settled, and the fault is logged', async () => {
    const built = build({
      outcomes: RECOVERS,
      deps: { surroundings: surroundings(() => Promise.reject(new Error('a bug'))) },
    });
    const live = built.open();
    await built.workflow.handle(live);
    expect(live.phase).toBe('settled');
    expect(built.errors).toHaveLength(1);
  });

  it('is no fault if the agent stops', async () => {
    const built = build({
      outcomes: RECOVERS,
      deps: {
        surroundings: surroundings(() => {
          built.stopping.abort();
          return Promise.reject(new Error('aborted'));
        }),
      },
    });
    await built.workflow.handle(built.open());
    expect(built.errors).toEqual([]);
  });
});

describe('an incident that an earlier run left', () => {
  const resume = async (
    stored: Omit<IncidentCase, 'incident'>,
    world: Partial<Parameters<typeof correlated>[1]> = {},
    answers: Parameters<typeof correlated>[0] = [() => ({ kind: 'own' })],
    attempts: readonly ReturnType<typeof anAttempt>[] = [],
  ) => {
    const built = correlated(answers, world);
    const incident = anIncident({ openedAt: built.clock.now() - 1_000 });
    built.attempts.push(...attempts.map((one) => ({ ...one, startedAt: built.clock.now() - 500 })));
    const live = built.incidents.adopt(incident, 'handling');
    await built.workflow.resume(live, { incident, ...stored });
    return { ...built, live };
  };

  it('opened, is diagnosed', async () => {
    const { asked, alerts } = await resume({});
    expect(asked).toEqual([false]);
    expect(alerts).toMatchObject([{ id: 'inc-1/diagnosed/0', decision: RESTART }]);
  });

  it('diagnosed, is correlated and decided without another question', async () => {
    const { asked, alerts, calls } = await resume({ diagnosis: aDiagnosis({ rootCause: 'known' }) });
    expect([asked, calls()]).toEqual([[], 1]);
    expect(alerts).toMatchObject([{ diagnosis: { rootCause: 'known' }, decision: RESTART }]);
  });

  it('diagnosed, may belong to another one by now', async () => {
    const { alerts, decisions } = await resume({ diagnosis: aDiagnosis() }, {}, [() => ({ kind: 'member' })]);
    expect(alerts).toEqual([]);
    expect(decisions).toEqual([{ kind: 'record', reason: 'dependency_down' }]);
  });

  it('diagnosed after a restart, is in a later round; restarts for other incidents do not count', async () => {
    const ids = async (...attempts: ReturnType<typeof anAttempt>[]) =>
      (await resume({ diagnosis: aDiagnosis() }, { autoFix: false }, undefined, attempts)).alerts.map(({ id }) => id);
    expect(await ids(anAttempt({ outcome: 'failed' }))).toEqual(['inc-1/diagnosed/1']);
    expect(await ids(anAttempt({ incidentId: 'other', outcome: 'failed' }))).toEqual(['inc-1/diagnosed/0']);
  });

  it('decided, is only reported', async () => {
    const { asked, alerts, order } = await resume({ diagnosis: aDiagnosis(), decision: NOTIFY });
    expect([asked, order]).toEqual([[], []]);
    expect(alerts).toMatchObject([{ decision: NOTIFY }]);
  });

  it('decided, is reported although the store cannot say how often it was restarted', async () => {
    const { alerts } = await resume(
      { diagnosis: aDiagnosis(), decision: NOTIFY },
      { store: { attemptsSince: () => Promise.reject(new Error('disk I/O error')) } },
    );
    expect(alerts.map(({ id }) => id)).toEqual(['inc-1/diagnosed/0']);
  });

  it('restarted, is reported with the outcome, and not verified again', async () => {
    const attempt = anAttempt({ outcome: 'recovered', detail: 'healthy' });
    const { alerts, order, ends } = await resume(
      { diagnosis: aDiagnosis(), decision: RESTART, attempt },
      { deps: { untracedControl: { inspect: () => Promise.reject(new Error('must not be asked')) } } },
      undefined,
      [attempt],
    );
    expect(order).toEqual([]);
    expect(alerts).toMatchObject([{ id: 'inc-1/diagnosed/0', attempt: { detail: 'healthy' } }]);
    expect(ends.at(-1)).toBe('recovered inc-1');
  });

  it('handled because a snooze ended, is reported by the same alert', async () => {
    const deps = { snoozes: { of: () => undefined, holdsBack: () => false, endingKey: () => 'snooze/s1' } };
    const diagnosis = aDiagnosis();
    const failed = anAttempt({ outcome: 'failed' });
    const { alerts } = await resume({ diagnosis, decision: NOTIFY }, { deps });
    const later = await resume({ diagnosis }, { deps, autoFix: false }, undefined, [failed]);
    expect(alerts.map(({ id }) => id)).toEqual(['inc-1/snooze/s1']);
    expect(later.alerts.map(({ id }) => id)).toEqual(['inc-1/diagnosed/1']);
  });

  it('restarted in a failed first round, was reported already: the next round follows', async () => {
    const attempt = anAttempt({ outcome: 'failed' });
    const { asked } = await resume({ diagnosis: aDiagnosis(), decision: RESTART, attempt }, {}, undefined, [attempt]);
    expect(asked).toEqual([true]);
  });

  it.each([{ settledAt: 1 }, {}])('settled or resolved, has nothing to resume, which is a fault: %o', async (end) => {
    const built = build({ outcomes: RECOVERS });
    const incident = anIncident('settledAt' in end ? {} : { state: 'resolved' });
    await built.workflow.resume(built.incidents.adopt(incident, 'settled'), { incident, ...end });
    expect(built.errors).toHaveLength(1);
    expect(built.alerts).toEqual([]);
  });
});

describe('a change of a settled incident', () => {
  const down = someFacts({ status: 'exited', restartPolicy: 'on-failure' });

  it('is reported once, and the end of further restarts as an update', async () => {
    const built = build({ outcomes: ['failed', 'recovered'] });
    const live = built.open({ detector: 'crash' });
    live.phase = 'settled';
    await built.workflow.decideAgain(live, 'engine_gave_up');
    expect(built.alerts).toEqual([]);
    const stored = { incident: live.incident, diagnosis: aDiagnosis() };
    const asked: unknown[] = [];
    const again = build({
      outcomes: ['failed', 'recovered'],
      store: {
        lastCase: async (key) => {
          asked.push(key);
          return stored;
        },
      },
    });
    const next = again.open({ detector: 'crash' });
    next.phase = 'settled';
    stored.incident = next.incident;
    await again.workflow.decideAgain(next, 'engine_gave_up');
    expect(asked).toMatchObject([{ service: 'web', fingerprint: 'f1' }]);
    expect(again.alerts.map(({ id }) => id.replace(/^[^/]*/, ''))).toEqual(['/engine_gave_up/0', '/diagnosed/1']);
  });

  it('is not reported if the incident was never diagnosed', async () => {
    for (const lastCase of [undefined, { incident: anIncident() }]) {
      const built = build({ outcomes: RECOVERS, store: { lastCase: async () => lastCase } });
      const live = built.open({ detector: 'crash' });
      live.phase = 'settled';
      await built.workflow.decideAgain(live, 'crash_loop');
      expect([built.alerts, built.errors, live.phase]).toEqual([[], [], 'settled']);
    }
  });

  it('is handled: further signals may join meanwhile', async () => {
    const phases: string[] = [];
    const built = build({
      outcomes: RECOVERS,
      control: {
        inspect: async () => {
          phases.push(live.phase);
          return down;
        },
      },
      store: { lastCase: async () => ({ incident: live.incident, diagnosis: aDiagnosis() }) },
    });
    const live: LiveIncident = built.open({ detector: 'crash' });
    live.phase = 'settled';
    await built.workflow.decideAgain(live, 'engine_gave_up');
    expect(phases[0]).toBe('handling');
    expect(live.phase).toBe('settled');
  });

  const reported = async (change: 'crash_loop' | 'engine_gave_up', world: Partial<Parameters<typeof build>[0]>) => {
    const lastCase = async () => ({ incident: live.incident, diagnosis: aDiagnosis() });
    const built = correlated([() => ({ kind: 'own' })], { autoFix: false, store: { lastCase }, ...world });
    const live: LiveIncident = built.open({ detector: 'crash' });
    live.phase = 'settled';
    await built.workflow.decideAgain(live, change);
    return built.alerts.map(({ kind }) => kind);
  };

  it.each<[string, 'crash_loop' | 'engine_gave_up', ReturnType<typeof someFacts>, ListedContainer[], boolean]>([
    ['a loop that the engine ends', 'crash_loop', someFacts({ status: 'restarting' }), [], true],
    ['that the engine gave up, but it did not', 'engine_gave_up', someFacts({ status: 'restarting' }), [], false],
    ['a container that runs again', 'engine_gave_up', someFacts({ startedAt: 100 * HOUR }), [], false],
    [
      'a container that is being replaced',
      'engine_gave_up',
      down,
      [
        {
          ref: aContainer({ id: 'next', labels: { 'com.docker.compose.replace': 'old' } }),
          status: 'created',
          health: 'none',
          networkMode: 'bridge',
        },
      ],
      false,
    ],
    ['a container that stays down', 'engine_gave_up', down, [], true],
  ])('is reported only if it is news: %s', async (_, change, facts, listed, isNews) => {
    const control = { inspect: async () => facts, list: async () => listed };
    expect(await reported(change, { control })).toEqual(isNews ? [change] : []);
  });

  it('is not reported if the incident belongs to another one', async () => {
    const lastCase = async () => ({ incident: live.incident, diagnosis: aDiagnosis() });
    const built = correlated([() => ({ kind: 'member' })], { store: { lastCase } });
    const live: LiveIncident = built.open({ detector: 'crash' });
    live.phase = 'settled';
    await built.workflow.decideAgain(live, 'engine_gave_up');
    expect([built.alerts, built.decisions]).toEqual([[], [{ kind: 'record', reason: 'dependency_down' }]]);
  });
});

it('each step of a round is a span that describes its result', async () => {
  const described: Record<string, string[]> = {};
  const tracing: Tracing = {
    span: (name, work, describe) => {
      const result = work();
      void Promise.resolve(result).then((value) => {
        described[name] = Object.keys(describe?.(value as Awaited<typeof result>) ?? {});
      });
      return result;
    },
    incident: (_incident, _earlier, work) => work({ traceId: 't', spanId: 's' }),
  };
  const built = build({ outcomes: RECOVERS, deps: { tracing } });
  const live = built.open();
  await built.workflow.handle(live);
  await turn();
  expect(described).toMatchObject({
    'collect context': ['context'],
    correlate: ['correlation'],
    diagnose: ['diagnosis'],
    decide: ['decision'],
  });
  expect(live.incident.trace).toEqual({ traceId: 't', spanId: 's' });
});
