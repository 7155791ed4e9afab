import { describe, expect, it } from 'vitest';
import { createAwaitReturn } from '../../../src/pipeline/correlate/await-return.ts';
import { link, sufferingOf } from '../../../src/pipeline/correlate/members.ts';
import type { Outage } from '../../../src/pipeline/correlate/outage.ts';
import { createOpenIncidents, type LiveIncident } from '../../../src/pipeline/incident/open-incidents.ts';
import { aSignal, someFacts } from '../../support/domain.ts';
import { service } from './support.ts';

const db = service('db');
const api = service('api');
const STOPPED: Outage = { what: 'was stopped', silent: true, mayBeDone: false };
const STARTING: Outage = { what: 'is starting', silent: true, mayBeDone: false, isStart: true };

type Problem = { readonly outage: Outage } | { readonly incident: LiveIncident };

/** `after`: what is known of the dependency after this many ms; undefined: it is available again. */
function build(after: (ms: number) => Problem | undefined = () => ({ outage: STOPPED })) {
  let now = 1_000_000;
  const stopping = new AbortController();
  const incidents = createOpenIncidents({ newId: () => `inc-${incidents.open().length}`, now: () => now });
  const open = (container = api) => incidents.fold(aSignal({ container, at: now, fingerprint: container.id })).live;
  const victim = open();
  victim.suffers = { named: new Set([db.id]) };
  const begun = now;
  const waits: NonNullable<typeof victim.wait>[] = [];
  const awaitReturn = createAwaitReturn({
    suspects: {
      first: async () => {
        const known = after(now - begun);
        return known && { container: db, ...known };
      },
      incidentOf: () => undefined,
      returnedAt: async () => undefined,
    },
    graph: { current: (one) => [one] },
    clock: {
      now: () => now,
      monotonic: () => now,
      sleep: async (ms) => {
        if (victim.wait !== undefined) waits.push(victim.wait);
        now += ms;
      },
    },
    stopping: stopping.signal,
  });
  const seenAgain = (ms: number) => {
    victim.incident = { ...victim.incident, lastSeenAt: begun + ms };
  };
  return { awaitReturn, victim, open, stopping, seenAgain, elapsed: () => now - begun, begun, waits };
}

describe('a dependency that is unavailable', () => {
  it('is reported after 30 seconds if somebody stopped it', async () => {
    const { awaitReturn, victim, elapsed } = build();
    expect(await awaitReturn.ofDependency(db, STOPPED, victim)).toEqual({ kind: 'away', what: 'was stopped' });
    expect(elapsed()).toBe(30_000);
  });

  it('is reported after two minutes if it starts, with the state it is in then', async () => {
    const { awaitReturn, victim, elapsed } = build(() => ({ outage: STARTING }));
    expect(await awaitReturn.ofDependency(db, STOPPED, victim)).toEqual({ kind: 'away', what: 'is starting' });
    expect(elapsed()).toBe(120_000);
  });

  it('is named meanwhile as what the victim waits for', async () => {
    const { awaitReturn, victim, waits, begun } = build((ms) => ({ outage: ms < 20_000 ? STOPPED : STARTING }));
    await awaitReturn.ofDependency(db, STOPPED, victim);
    expect(waits[0]).toEqual({ what: `for ${db.name}, which was stopped`, until: begun + 30_000 });
    expect(waits.at(-1)).toEqual({ what: `for ${db.name}, which is starting`, until: begun + 120_000 });
    expect(victim.wait).toBeUndefined();
  });

  it('is not reported if it comes back in time, which is noticed within a second', async () => {
    const { awaitReturn, victim, begun } = build((ms) => (ms < 12_000 ? { outage: STOPPED } : undefined));
    expect(await awaitReturn.ofDependency(db, STOPPED, victim)).toEqual({ kind: 'back', at: begun + 12_000 });
  });

  it('is not reported again if it has an incident by then', async () => {
    const { awaitReturn, victim, open } = build((ms) => (ms < 5_000 ? { outage: STOPPED } : { incident }));
    const incident = open(db);
    expect(await awaitReturn.ofDependency(db, STOPPED, victim)).toEqual({ kind: 'incident', incident });
  });

  it('is not awaited once another incident explains the victim, or the agent stops', async () => {
    const explained = build();
    link(explained.victim, explained.open(db), 'compose');
    await explained.awaitReturn.ofDependency(db, STOPPED, explained.victim);
    const stopped = build();
    stopped.stopping.abort();
    await stopped.awaitReturn.ofDependency(db, STOPPED, stopped.victim);
    expect([explained.elapsed(), stopped.elapsed()]).toEqual([0, 0]);
  });
});

describe('a victim whose dependency is back', () => {
  const running = someFacts();

  it('has passed if it is quiet for the second half of a minute', async () => {
    const { awaitReturn, victim, begun, elapsed, seenAgain } = build();
    const over = awaitReturn.ofVictim(victim, db, begun, running);
    seenAgain(30_000);
    expect(await over).toEqual({ kind: 'passed', dependency: db.name });
    expect(elapsed()).toBe(60_000);
  });

  it('has a problem of its own if it still fails then, which no dependency explains any more', async () => {
    const { awaitReturn, victim, begun, seenAgain } = build();
    const over = awaitReturn.ofVictim(victim, db, begun, running);
    seenAgain(30_001);
    expect(await over).toEqual({ kind: 'own' });
    expect(sufferingOf(victim)).toBeUndefined();
  });

  it.each([
    ['is down', someFacts({ status: 'exited' })],
    ['no longer exists', undefined],
  ])(
    'has a problem of its own at once if it %s: nothing explains it, so its restart does not wait',
    async (_, facts) => {
      const { awaitReturn, victim, begun, elapsed } = build();
      expect(await awaitReturn.ofVictim(victim, db, begun, facts)).toEqual({ kind: 'own' });
      expect(sufferingOf(victim)).toBeUndefined();
      expect(elapsed()).toBe(0);
    },
  );

  it('waits only for what is left of the minute', async () => {
    const { awaitReturn, victim, begun, elapsed } = build();
    await awaitReturn.ofVictim(victim, db, begun - 50_000, running);
    expect(elapsed()).toBe(10_000);
  });

  it('belongs to another incident if one explains it meanwhile', async () => {
    const { awaitReturn, victim, begun, open } = build();
    const over = awaitReturn.ofVictim(victim, db, begun, running);
    link(victim, open(db), 'compose');
    expect(await over).toEqual({ kind: 'member' });
  });
});

describe('whether a dependency may still explain the errors of an incident', () => {
  it('follows from what the errors say, until it belongs to an incident or has outlived its dependency', () => {
    const { victim, open } = build();
    const said = { named: new Set([db.id]) };
    expect(sufferingOf(victim)).toEqual(said);
    victim.isReleased = true;
    expect(sufferingOf(victim)).toBeUndefined();
    victim.isReleased = undefined;
    link(victim, open(db), 'compose');
    expect(sufferingOf(victim)).toBeUndefined();
    expect(sufferingOf({ ...victim, cause: undefined, suffers: undefined })).toBeUndefined();
  });
});
