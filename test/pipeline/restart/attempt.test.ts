/** A restart attempt from its record in the store to its outcome. The engine and the store are stand-ins. */
import { describe, expect, it } from 'vitest';
import type { ContainerFacts } from '../../../src/domain/containers.ts';
import type { Attempt } from '../../../src/domain/decision.ts';
import { AgentStopping, EngineError, FleetLimitReached } from '../../../src/errors.ts';
import { createOpenIncidents } from '../../../src/pipeline/incident/open-incidents.ts';
import { noopObserver } from '../../../src/pipeline/observer.ts';
import { createRestarts, whyNotMade } from '../../../src/pipeline/restart/attempt.ts';
import { noTracing, type Tracing } from '../../../src/pipeline/tracing.ts';
import { anAttempt, aPolicy, aSignal, someFacts } from '../../support/domain.ts';

const BEGUN = 1_000_000;
const SLACK = 90_000;
/** `grace` and `verifyFor`, in seconds. */
const POLICY = aPolicy({ grace: 20, verifyFor: 10 });
const STABLE = 30_000;

type State = Partial<ContainerFacts> | 'gone' | 'unanswered';

/** `after`: the state of the container this many ms after the engine was called. */
function build({
  engine = async () => {},
  after = () => ({}),
  before = {},
  tracing = noTracing,
}: {
  engine?(): Promise<void>;
  after?(ms: number): State;
  before?: Partial<ContainerFacts>;
  tracing?: Tracing;
} = {}) {
  let now = BEGUN;
  let called: number | undefined;
  const stopping = new AbortController();
  const steps: string[] = [];
  const finished: object[] = [];
  const observed: object[] = [];
  const lifecycle: { stoppedByPersonAt?: number } = {};
  const events = new Map<number, () => void>();
  const incidents = createOpenIncidents({ newId: () => 'inc-1', now: () => now });
  const { live } = incidents.fold(aSignal({ at: BEGUN }));
  const restarts = createRestarts({
    control: {
      async restart() {
        steps.push('engine');
        called = now;
        await engine();
      },
    },
    untracedControl: {
      async inspect() {
        const state = after(now - (called ?? BEGUN));
        if (state === 'unanswered') throw new EngineError('no answer', 'timeout');
        return state === 'gone' ? undefined : someFacts({ startedAt: BEGUN + 500, ...state });
      },
    },
    store: {
      beginAttempt: async ({ id }) => void steps.push(`stored ${id}`),
      finishAttempt: async (id, end) => void finished.push({ id, ...end }),
      attemptsSince: async () => [],
      countAttemptsSince: async () => 0,
    },
    observer: {
      ...noopObserver,
      restart: (one) => void observed.push(one),
      verification: (one) => void observed.push(one),
    },
    tracing,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    clock: {
      now: () => now,
      monotonic: () => now,
      async sleep(ms) {
        now += ms;
        for (const [at, happens] of events) {
          if (now < BEGUN + at) continue;
          events.delete(at);
          happens();
        }
      },
    },
    newId: () => 'att-new',
    policyOf: () => POLICY,
    verifySlackMs: SLACK,
    lifecycle: {
      of: () => ({ restartingByAgent: false, crashes: [], ...lifecycle }),
      expectRestart() {
        steps.push('expected');
        return () => void steps.push('over');
      },
    },
    stopping: stopping.signal,
    keep: (_, write) => write,
  });
  const restart = (attemptId?: string) =>
    restarts.restartAndVerify(live, someFacts(before), {
      attemptId,
      onBegun: async ({ id }) => void steps.push(`begun ${id}`),
      onRestarted: () => void steps.push('restarted'),
    });
  const seenAgain = () => {
    live.incident = { ...live.incident, occurrences: live.incident.occurrences + 1, lastSeenAt: now };
  };
  const passed = () => now - BEGUN;
  return { restarts, restart, live, steps, finished, observed, lifecycle, stopping, events, seenAgain, passed };
}

const refuses = (reason: ConstructorParameters<typeof EngineError>[1]) => async () => {
  throw new EngineError('no such mount', reason);
};

describe('a restart attempt', () => {
  it('is stored, made and verified, and its outcome is stored and counted', async () => {
    const { restart, steps, finished, observed } = build();
    const { attempt, refused } = await restart();
    expect(steps).toEqual(['expected', 'stored att-new', 'begun att-new', 'engine', 'restarted', 'over', 'over']);
    expect(refused).toBeUndefined();
    expect(attempt).toMatchObject({
      id: 'att-new',
      outcome: 'recovered',
      detail: 'it has run for 30 s without a new problem',
      finishedAt: BEGUN + STABLE,
    });
    const { outcome, detail, finishedAt } = attempt;
    expect(finished).toEqual([{ id: 'att-new', outcome, detail, finishedAt }]);
    expect(observed).toEqual([
      { outcome: 'recovered', durationMs: STABLE },
      { containerName: 'web-1', outcome: 'recovered' },
    ]);
  });

  it('has the id of the request that a person approved', async () => {
    const { restart } = build();
    expect((await restart('req-1')).attempt.id).toBe('req-1');
  });

  it('fails if the same problem comes back, and not because of a signal from before', async () => {
    const again = build();
    again.events.set(5_000, again.seenAgain);
    expect((await again.restart()).attempt).toMatchObject({ outcome: 'failed', detail: 'the same problem came back' });
    const before = build();
    before.live.incident = { ...before.live.incident, lastSeenAt: BEGUN - 1 };
    before.events.set(5_000, () => {
      before.live.incident = { ...before.live.incident, occurrences: 2 };
    });
    expect((await before.restart()).attempt.outcome).toBe('recovered');
  });

  it('does not fail because the clock was set back: what is later by the clock may have been before', async () => {
    const { restart, live, lifecycle } = build();
    live.incident = { ...live.incident, lastSeenAt: BEGUN + 3_600_000 };
    lifecycle.stoppedByPersonAt = BEGUN + 3_600_000;
    expect((await restart()).attempt.outcome).toBe('recovered');
  });

  it('is not judged if a person stops the container', async () => {
    const stopped = build();
    stopped.events.set(5_000, () => {
      stopped.lifecycle.stoppedByPersonAt = BEGUN + 5_000;
    });
    expect((await stopped.restart()).attempt.outcome).toBe('unknown');
    const earlier = build();
    earlier.lifecycle.stoppedByPersonAt = BEGUN;
    expect((await earlier.restart()).attempt.outcome).toBe('recovered');
  });

  it('fails if the container is not healthy when its stable time and some more are over', async () => {
    const { restart, passed } = build({ after: () => ({ health: 'starting' }) });
    expect((await restart()).attempt).toMatchObject({ outcome: 'failed', detail: 'not healthy within 120 s' });
    expect(passed()).toBe(STABLE + SLACK);
  });

  it('has no outcome if the agent stops meanwhile: the next run verifies it', async () => {
    const { restart, events, stopping, finished, steps } = build();
    events.set(5_000, () => stopping.abort());
    await expect(restart()).rejects.toBeInstanceOf(AgentStopping);
    expect(finished).toEqual([]);
    expect(steps.at(-1)).toBe('over');
  });

  it('has an outcome that is certain although the agent stops', async () => {
    const { restart, events, stopping } = build({ after: (ms) => (ms < 5_000 ? {} : { status: 'exited' }) });
    events.set(5_000, () => stopping.abort());
    expect((await restart()).attempt.outcome).toBe('failed');
  });

  it('is described in its spans', async () => {
    const described: object[] = [];
    const tracing: Tracing = {
      span: (name, work, describe) => {
        const result = work();
        void Promise.resolve(result).then((value) => described.push({ name, ...describe?.(value as never) }));
        return result;
      },
      incident: (_, __, work) => work(undefined),
    };
    await build({ tracing }).restart();
    await build({ tracing, engine: refuses('server_error') }).restart();
    expect(described).toEqual([
      { name: 'restart web-1' },
      { name: 'verify', outcome: 'recovered', verifyStrategy: 'stable' },
      { name: 'restart web-1', outcome: 'error' },
    ]);
  });
});

describe('a restart that the engine refused', () => {
  it.each<[string, Partial<ContainerFacts>, State, string, RegExp]>([
    ['changed nothing', {}, {}, 'unchanged', /^the engine did not restart it: no such mount$/],
    ['left it down', {}, { status: 'exited' }, 'down', /^it was running; .*\(the engine did not restart it: no such/],
    ['found it down already', { status: 'exited' }, { status: 'exited' }, 'unchanged', /no such mount$/],
    ['found it removed', {}, 'gone', 'gone', /^it was removed during the restart$/],
    ['found it dead', {}, { status: 'dead' }, 'gone', /removed/],
    ['found it being removed', {}, { status: 'removing' }, 'gone', /removed/],
    ['was followed by silence', {}, 'unanswered', 'unchanged', /no such mount$/],
  ])('%s', async (_, before, state, refused, detail) => {
    const { restart, steps, observed } = build({ engine: refuses('server_error'), before, after: () => state });
    const result = await restart();
    expect(result).toMatchObject({ refused, attempt: { outcome: 'error', detail: expect.stringMatching(detail) } });
    expect(observed).toEqual([{ containerName: 'web-1', outcome: 'error' }]);
    expect(steps.filter((step) => step === 'over' || step === 'restarted')).toEqual(['restarted', 'over']);
  });
});

describe('a restart that the engine did not confirm', () => {
  const startsAfter = (ms: number) => (passed: number) => ({ startedAt: passed < ms ? 1 : BEGUN + ms });

  it('is verified from its start: events until then belong to the restart', async () => {
    const built = build({ engine: refuses('unreachable'), after: startsAfter(5_000) });
    built.events.set(3_000, () => {
      built.seenAgain();
      built.lifecycle.stoppedByPersonAt = BEGUN + 3_000;
    });
    const { attempt } = await built.restart();
    expect(attempt.outcome).toBe('recovered');
    expect(built.passed()).toBe(5_000 + STABLE);
    expect(built.steps.filter((step) => step === 'over').length).toBe(2);
  });

  it('was made if the container was started in the same moment', async () => {
    const { restart, passed } = build({ engine: refuses('unreachable'), after: startsAfter(0) });
    expect((await restart()).attempt.outcome).toBe('recovered');
    expect(passed()).toBe(STABLE);
  });

  const NOT_RECEIVED = ['error', 'the engine did not receive the request'] as const;
  const NOT_SO_FAR = [
    'unknown',
    'the engine has not answered, and the container has not been restarted so far',
  ] as const;
  const NOT_STARTED = ['unknown', 'it was stopped and not started again'] as const;

  // The stop timeout is 10 s.
  it.each<[string, 'unreachable' | 'timeout', Partial<ContainerFacts>, readonly [string, string], number]>([
    ['it runs', 'unreachable', {}, NOT_RECEIVED, 20],
    ['it is paused', 'unreachable', { status: 'paused' }, NOT_RECEIVED, 20],
    ['it runs, and the engine has the request', 'timeout', {}, NOT_SO_FAR, 20],
    ['it ended in the same moment', 'unreachable', { status: 'exited', finishedAt: BEGUN }, NOT_STARTED, 70],
    ['it had ended before', 'unreachable', { status: 'exited', finishedAt: BEGUN - 1 }, NOT_RECEIVED, 70],
  ])('and did not make: %s', async (_, reason, state, [outcome, detail], seconds) => {
    const { restart, passed } = build({ engine: refuses(reason), after: () => ({ startedAt: 1, ...state }) });
    expect((await restart()).attempt).toMatchObject({ outcome, detail });
    expect(passed()).toBe(seconds * 1_000);
  });

  it('of a container that is gone has no known outcome', async () => {
    const { restart } = build({ engine: refuses('unreachable'), after: () => 'gone' });
    expect((await restart()).attempt).toMatchObject({ outcome: 'unknown', detail: 'the container was removed' });
  });

  it('has no known outcome if the engine does not answer until the deadline, but one if it answers before', async () => {
    const silent = build({ engine: refuses('unreachable'), after: () => 'unanswered' });
    expect((await silent.restart()).attempt).toMatchObject({ outcome: 'unknown', detail: 'the engine did not answer' });
    expect(silent.passed()).toBe(STABLE + SLACK);
    const late = build({
      engine: refuses('unreachable'),
      after: (ms) => (ms < STABLE + SLACK - 1_000 ? 'unanswered' : {}),
    });
    expect((await late.restart()).attempt.outcome).toBe('recovered');
  });

  it('has no outcome if the agent stops before it knows', async () => {
    const { restart, events, stopping, passed } = build({
      engine: refuses('unreachable'),
      after: () => ({ startedAt: 1 }),
    });
    events.set(3_000, () => stopping.abort());
    await expect(restart()).rejects.toBeInstanceOf(AgentStopping);
    expect(passed()).toBe(3_000);
  });
});

describe('a restart that an earlier run of the agent began', () => {
  const interrupted: Attempt = anAttempt({ startedAt: BEGUN - 1_000 });

  it('is verified, never repeated', async () => {
    const { restarts, live, steps } = build({ after: () => ({ startedAt: BEGUN - 500 }) });
    expect(await restarts.verifyInterrupted(live, interrupted)).toMatchObject({ id: 'att-1', outcome: 'recovered' });
    expect(steps).toEqual(['expected', 'over', 'over']);
  });

  it('was perhaps never received by the engine', async () => {
    const { restarts, live, steps } = build({ after: () => ({ startedAt: 1 }) });
    expect(await restarts.verifyInterrupted(live, interrupted)).toMatchObject({
      outcome: 'error',
      detail: 'the engine did not receive the request',
    });
    expect(steps).toEqual(['expected', 'over']);
  });
});

it('a restart was not made because of the limit of all hosts, or because it could not be stored', () => {
  expect(whyNotMade(new FleetLimitReached('fleet_restart_limit'))).toBe('fleet_restart_limit');
  expect(whyNotMade(new Error('disk I/O error'))).toBe('store_unavailable');
});
