import { describe, expect, it } from 'vitest';
import type { ContainerFacts, ContainerRef } from '../../../src/domain/containers.ts';
import type { DependencyGraph } from '../../../src/pipeline/correlate/graph.ts';
import { link, rootOf, toMembers } from '../../../src/pipeline/correlate/members.ts';
import { createRecoveries } from '../../../src/pipeline/correlate/recoveries.ts';
import { createOpenIncidents, type LiveIncident } from '../../../src/pipeline/incident/open-incidents.ts';
import { aSignal, someFacts } from '../../support/domain.ts';
import { onNetwork, service } from './support.ts';

const db = service('db');
const api = service('api');
const worker = service('worker');

function build() {
  let now = 1_000_000;
  const facts = new Map<string, Partial<ContainerFacts>>();
  const inspected: string[] = [];
  const incidents = createOpenIncidents({ newId: () => `inc-${incidents.open().length}`, now: () => now });
  const reopened: string[] = [];
  const resolved: string[] = [];
  const open = (container: ContainerRef, detector: 'log' | 'crash' = 'log') => {
    const { live } = incidents.fold(
      aSignal({ container, detector, fingerprint: `${container.id} ${detector}`, at: now }),
    );
    live.phase = 'settled';
    return live;
  };
  const note = (list: string[]) => async (live: LiveIncident) => {
    incidents.resolve(live);
    list.push(live.incident.container.name);
  };
  const recoveries = createRecoveries({
    incidents,
    correlator: { membersOf: (root) => incidents.open().filter((live) => live !== root && rootOf(live) === root) },
    graph: { networksOf: () => ['shop_default'], current: (one) => [one] } satisfies Pick<
      DependencyGraph,
      'networksOf' | 'current'
    >,
    lifecycle: { of: () => ({ restartingByAgent: false, crashes: [] }) },
    control: {
      async inspect(id) {
        inspected.push(id);
        return someFacts({ topology: onNetwork('172.18.0.2'), ...facts.get(id) });
      },
    },
    clock: {
      now: () => now,
      monotonic: () => now,
      sleep: async (ms) => {
        now += ms;
      },
    },
    stopping: new AbortController().signal,
    resolve: note(resolved),
    reopen: note(reopened),
  });
  return { incidents, recoveries, facts, inspected, open, reopened, resolved, later: (ms: number) => (now += ms) };
}

describe('when the cause of an incident is over', () => {
  it('its members are resolved if they are quiet', async () => {
    const { recoveries, open, resolved, reopened } = build();
    const root = open(db, 'crash');
    link(open(api), root, 'compose');
    await recoveries.recovered(root);
    expect([resolved, reopened]).toEqual([[api.name], []]);
  });

  it('a member that still fails becomes an incident of its own', async () => {
    const { recoveries, open, resolved, reopened, incidents } = build();
    const root = open(db, 'crash');
    const still = open(api);
    link(still, root, 'compose');
    link(open(worker), root, 'compose');
    const recovered = recoveries.recovered(root);
    still.incident = { ...still.incident, lastSeenAt: still.incident.lastSeenAt + 50_000 };
    await recovered;
    expect([resolved, reopened]).toEqual([[worker.name], [api.name]]);
    expect(incidents.open()).toEqual([root]);
  });

  it('a member that is down becomes an incident of its own', async () => {
    const { recoveries, facts, open, reopened } = build();
    const root = open(db, 'crash');
    link(open(api, 'crash'), root, 'compose');
    facts.set(api.id, { status: 'exited', exitCode: 1 });
    await recoveries.recovered(root);
    expect(reopened).toEqual([api.name]);
  });

  it('a member that ended, and whose container runs again, is resolved', async () => {
    const { recoveries, open, resolved, reopened } = build();
    const root = open(db, 'crash');
    link(open(api, 'crash'), root, 'compose');
    await recoveries.recovered(root);
    expect([resolved, reopened]).toEqual([[api.name], []]);
  });

  it('members of an error in the log are not released because the container runs', async () => {
    const { recoveries, open, resolved, inspected } = build();
    link(open(api), open(db), 'compose');
    await recoveries.check();
    expect([resolved, inspected]).toEqual([[], []]);
  });

  it('a problem to which nothing belongs is left alone', async () => {
    const { recoveries, open, inspected } = build();
    const live = open(db, 'crash');
    await recoveries.check();
    expect([live.recoveredAt, inspected]).toEqual([undefined, []]);
  });

  it.each<readonly [string, Partial<ContainerFacts>, boolean]>([
    ['is down', { status: 'exited', exitCode: 1 }, false],
    ['is paused', { status: 'paused' }, false],
    ['is unhealthy', { health: 'unhealthy' }, false],
    ['is starting', { health: 'starting' }, false],
    ['runs', {}, true],
  ])('members are resolved after a listing only if the cause is available: it %s', async (_, state, isOver) => {
    const { recoveries, facts, open, resolved } = build();
    const root = open(db, 'crash');
    link(open(api), root, 'compose');
    facts.set(db.id, state);
    await recoveries.check();
    expect(resolved).toEqual(isOver ? [api.name] : []);
  });

  it('no member is released if the cause fails again within the minute', async () => {
    const { recoveries, open, resolved, reopened } = build();
    const root = open(db, 'crash');
    link(open(api), root, 'compose');
    const recovered = recoveries.recovered(root);
    root.recoveredAt = undefined;
    await recovered;
    expect([resolved, reopened]).toEqual([[], []]);
  });

  it('members from an earlier run whose cause is no longer open are resolved if they are quiet', async () => {
    const { recoveries, open, resolved, reopened } = build();
    const quiet = open(api);
    await recoveries.orphaned([quiet]);
    expect([resolved, reopened]).toEqual([[api.name], []]);
  });

  it('a member that was resolved meanwhile is not resolved again', async () => {
    const { recoveries, incidents, open, resolved, reopened } = build();
    const live = open(api);
    const orphaned = recoveries.orphaned([live]);
    incidents.resolve(live);
    await orphaned;
    expect([resolved, reopened]).toEqual([[], []]);
  });
});

describe('members', () => {
  it('belong to the end of a chain of causes, which cannot be a cycle', () => {
    const { open } = build();
    const [root, middle, last] = [open(db, 'crash'), open(api), open(worker)];
    expect(link(last, middle, 'observed')).toBe(true);
    expect(link(middle, root, 'compose')).toBe(true);
    expect(rootOf(last)).toBe(root);
    expect(link(root, last, 'compose')).toBe(false);
    expect(link(last, root, 'compose')).toBe(false);
  });

  it('are counted by container, the most affected first, without the container of the cause', () => {
    const { open } = build();
    const root = open(db, 'crash');
    const [few, many] = [open(api), open(worker)];
    many.incident = { ...many.incident, occurrences: 7 };
    const alsoApi = open(api, 'crash');
    expect(toMembers(root, [few, many, alsoApi, open(db)])).toEqual([
      { container: worker.name, occurrences: 7 },
      { container: api.name, occurrences: 2 },
    ]);
  });
});
