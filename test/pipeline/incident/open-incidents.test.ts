import { describe, expect, it } from 'vitest';
import type { Signal } from '../../../src/domain/incident.ts';
import { decide } from '../../../src/pipeline/decide/decide.ts';
import { createOpenIncidents, type LiveIncident } from '../../../src/pipeline/incident/open-incidents.ts';
import { aContainer, anIncident, aRestartWith, aSignal, someFacts } from '../../support/domain.ts';

function setUp() {
  let next = 0;
  const incidents = createOpenIncidents({ newId: () => `inc-${++next}`, now: () => 1_000 });
  const settle = (live: LiveIncident, severity: 'low' | 'high' = 'high') => {
    live.phase = 'settled';
    live.severity = severity;
  };
  return { incidents, settle, ids: () => incidents.open().map((live) => live.incident.id) };
}

const crash = (over: Partial<Signal> = {}) =>
  aSignal({ detector: 'crash', fingerprint: 'crash/1', patterns: ['crash'], exitCode: 1, ...over });
const oom = (over: Partial<Signal> = {}) => aSignal({ detector: 'oom', fingerprint: 'oom', ...over });
const listed = (status: 'running' | 'exited', health: 'none' | 'unhealthy' = 'none') => [
  { ref: aContainer(), status, health, networkMode: 'bridge' },
];

describe('open incidents', () => {
  it('have one incident for a problem, however often it repeats', () => {
    const { incidents, ids } = setUp();
    const first = incidents.fold(aSignal());
    for (let i = 0; i < 999; i++) expect(incidents.fold(aSignal({ at: 1_000 + i })).kind).toBe('repeat');
    expect(ids()).toEqual(['inc-1']);
    expect(first.live.incident.occurrences).toBe(1_000);
  });

  it('count repeats that may open nothing, such as those during a restart by the agent', () => {
    const { incidents, ids } = setUp();
    expect(incidents.countRepeat(aSignal())).toBe(false);
    const { live } = incidents.fold(aSignal());
    expect(incidents.countRepeat(aSignal())).toBe(true);
    expect(incidents.countRepeat(aSignal({ fingerprint: 'other' }))).toBe(false);
    expect(live.incident.occurrences).toBe(2);
    expect(ids()).toHaveLength(1);
  });

  it('separate two problems of one container', () => {
    const { incidents, settle } = setUp();
    settle(incidents.fold(aSignal({ fingerprint: 'f1' })).live);
    expect(incidents.fold(aSignal({ fingerprint: 'f2', at: 60_000 })).kind).toBe('opened');
  });

  it('separate the same problem of two services', () => {
    const { incidents } = setUp();
    incidents.fold(aSignal());
    const other = aContainer({ id: 'b'.repeat(64), name: 'api', service: 'api' });
    expect(incidents.fold(aSignal({ container: other })).kind).toBe('opened');
  });

  it('separate services of the same name in two compose projects', () => {
    const { incidents } = setUp();
    incidents.fold(aSignal({ container: aContainer({ project: 'blue' }) }));
    const other = aContainer({ id: 'b'.repeat(64), project: 'green' });
    expect(incidents.fold(aSignal({ container: other })).kind).toBe('opened');
  });

  it('recognize a problem after the container was recreated with another id', () => {
    const { incidents, settle } = setUp();
    settle(incidents.fold(aSignal()).live);
    const recreated = aContainer({ id: 'c'.repeat(64) });
    const again = incidents.fold(aSignal({ container: recreated, at: 9_000 }));
    expect(again.kind).toBe('repeat');
    expect(again.live.incident.container.id).toBe(recreated.id);
  });

  it('join different errors at the same moment', () => {
    const { incidents, ids } = setUp();
    incidents.fold(aSignal({ fingerprint: 'could not write' }));
    incidents.fold(aSignal({ fingerprint: 'panic', at: 1_100 }));
    expect(ids()).toHaveLength(1);
    expect(incidents.open()[0]?.evidence).toHaveLength(2);
  });

  it('join an out-of-memory kill and the crash that it caused', () => {
    const { incidents, ids } = setUp();
    incidents.fold(oom({ at: 1_000 })).live.phase = 'handling';
    incidents.fold(crash({ fingerprint: 'crash/137', exitCode: 137, at: 1_400 }));
    expect(ids()).toHaveLength(1);
  });

  it('separate a crash from the kill of a child process that was handled before', () => {
    const { incidents, settle } = setUp();
    settle(incidents.fold(oom()).live);
    expect(incidents.fold(crash({ at: 2_000 })).kind).toBe('opened');
  });

  it('know that the container crashed, however many patterns its error records matched', () => {
    const { incidents } = setUp();
    const wordy = (n: number) =>
      aSignal({ fingerprint: `f${n}`, patterns: Array.from({ length: 8 }, (_, i) => `pattern ${n}.${i}`) });
    const { live } = incidents.fold(wordy(1));
    incidents.fold(wordy(2));
    incidents.fold(wordy(3));
    incidents.fold(crash());
    expect(live.incident.detectors).toEqual(['log', 'crash']);
    const facts = someFacts({ status: 'running', startedAt: live.incident.openedAt + 1, restartPolicy: 'always' });
    expect(decide(aRestartWith({ incident: live.incident, facts })).reason).toBe('engine_restarting');
  });

  it('join a logged error and the crash right after it', () => {
    const { incidents, ids } = setUp();
    incidents.fold(aSignal({ at: 1_000 })).live.phase = 'handling';
    incidents.fold(crash({ at: 3_000 }));
    expect(ids()).toHaveLength(1);
  });

  it('separate a crash from an earlier error of low severity', () => {
    const { incidents, settle, ids } = setUp();
    settle(incidents.fold(aSignal({ at: 1_000 })).live, 'low');
    incidents.fold(crash({ at: 3_000 }));
    expect(ids()).toHaveLength(2);
  });

  it('separate a crash from an error long before it', () => {
    const { incidents, settle, ids } = setUp();
    settle(incidents.fold(aSignal({ at: 1_000 })).live);
    incidents.fold(crash({ at: 100_000 }));
    expect(ids()).toHaveLength(2);
  });

  it('join the last output of a process and its crash', () => {
    const { incidents, ids } = setUp();
    incidents.fold(crash({ at: 2_000 })).live.phase = 'handling';
    incidents.fold(aSignal({ at: 1_950 }));
    expect(ids()).toHaveLength(1);
  });

  const pairs: readonly (readonly [string, Partial<Signal>, Partial<Signal>, number, boolean])[] = [
    // The signals of one death are at most five seconds apart, in either order.
    ['a crash and a kill for memory', crash(), oom(), 5_000, true],
    ['a crash and a kill for memory', crash(), oom(), -5_000, true],
    ['a crash and a kill for memory', crash(), oom(), -5_001, false],
    // Log timestamps may be slightly later than the event.
    ['a crash and the last output', crash(), aSignal(), 1_000, true],
    ['a crash and the last output', crash(), aSignal(), 1_001, false],
    ['a crash and the last output', crash(), aSignal(), -5_000, true],
    ['a crash and the last output', crash(), aSignal(), -5_001, false],
    ['a crash and a crash loop', crash(), aSignal({ detector: 'crash_loop', fingerprint: 'loop' }), 240_000, true],
    ['an error and a crash', aSignal(), crash(), 10_000, true],
    ['an error and a crash', aSignal(), crash(), 10_001, false],
    ['an error and a failed health check', aSignal(), aSignal({ detector: 'health', fingerprint: 'h' }), 60_000, true],
    ['an error and a failed health check', aSignal(), aSignal({ detector: 'health', fingerprint: 'h' }), 60_001, false],
    ['a crash and a failed health check', crash(), aSignal({ detector: 'health', fingerprint: 'h' }), 60_000, true],
    ['an error and another error', aSignal(), aSignal({ fingerprint: 'f2' }), 0, false],
    ['an error and an error read late', aSignal(), aSignal({ fingerprint: 'f2' }), -10, false],
  ];
  it.each(
    pairs.map(
      ([what, first, second, later, joined]) =>
        [joined ? 'join' : 'separate', what, `${later} ms later`, first, second, later] as const,
    ),
  )('%s %s, %s', (verb, _, __, first, second, later) => {
    const joined = verb === 'join';
    for (const phase of ['handling', 'settled'] as const) {
      const { incidents } = setUp();
      const { live } = incidents.fold(aSignal({ ...first, at: 100_000 }));
      live.phase = phase;
      live.severity = 'high';
      expect(incidents.fold(aSignal({ ...second, at: 100_000 + later })).kind).toBe(joined ? 'repeat' : 'opened');
    }
  });

  it('separate the end of a process from the handled kill of a child, but not further kills', () => {
    const { incidents, settle } = setUp();
    const { live } = incidents.fold(oom());
    settle(live);
    expect(incidents.fold(aSignal({ fingerprint: 'last words', at: 1_500 }))).toMatchObject({ kind: 'repeat', live });
    expect(incidents.fold(crash({ at: 2_000 })).kind).toBe('opened');
  });

  it('join a further signal to a handled death that included the main process', () => {
    const { incidents, settle } = setUp();
    const { live } = incidents.fold(oom());
    incidents.fold(crash({ at: 1_100 }));
    settle(live);
    expect(incidents.fold(aSignal({ detector: 'crash', fingerprint: 'crash/2', at: 1_500 })).kind).toBe('repeat');
  });

  it('keep at most twenty signals and patterns as evidence', () => {
    const { incidents } = setUp();
    const { live } = incidents.fold(aSignal({ patterns: ['error'] }));
    incidents.fold(aSignal({ fingerprint: 'f1b', patterns: ['error', 'fatal'] }));
    expect(live.incident.patterns).toEqual(['error', 'fatal']);
    for (let i = 0; i < 30; i++) incidents.fold(aSignal({ fingerprint: `x${i}`, patterns: [`p${i}`] }));
    expect([live.evidence.length, live.incident.patterns.length]).toEqual([20, 20]);
  });

  it('recognise a joined problem when it repeats, and count it as no occurrence', () => {
    const { incidents, settle } = setUp();
    const { live } = incidents.fold(aSignal());
    incidents.fold(aSignal({ fingerprint: 'f2' }));
    settle(live);
    expect(incidents.fold(aSignal({ fingerprint: 'f2', at: 900_000 }))).toMatchObject({ kind: 'repeat', live });
    expect(live.incident.occurrences).toBe(1);
  });

  it('know when a burst of signals began: after more than a minute without one', () => {
    let now = 0;
    const incidents = createOpenIncidents({ newId: () => 'inc', now: () => now });
    const burstAfter = (at: number) => {
      now = at + 7;
      return incidents.fold(aSignal({ at })).live.burstAt;
    };
    expect(burstAfter(1_000)).toBe(1_007);
    expect(burstAfter(61_000)).toBe(1_007);
    expect(burstAfter(121_001)).toBe(121_008);
    // A line that is read late begins no burst, and is not the last one.
    expect(incidents.fold(aSignal({ at: 5_000 })).live.incident.lastSeenAt).toBe(121_001);
  });

  it('know a crash loop from its first signal, also after a restart of the agent', () => {
    const { incidents } = setUp();
    const loop = aSignal({ detector: 'crash_loop', fingerprint: 'crash_loop' });
    incidents.fold(loop);
    expect(incidents.fold({ ...loop, at: 2_000 })).toMatchObject({ newlyLooping: false });
    const later = setUp().incidents;
    later.adopt(anIncident({ detector: 'crash_loop', fingerprint: 'crash_loop' }), 'settled');
    expect(later.fold({ ...loop, at: 2_000 })).toMatchObject({ kind: 'repeat', newlyLooping: false });
    expect(later.takeDirty()).toHaveLength(1);
    const other = setUp().incidents;
    other.adopt(anIncident({ detector: 'crash', fingerprint: 'crash_loop' }), 'settled');
    expect(other.takeDirty()).toEqual([]);
    expect(other.fold({ ...loop, at: 2_000 })).toMatchObject({ kind: 'repeat', newlyLooping: true });
    expect(other.fold(aSignal({ fingerprint: 'crash_loop', at: 2_000 }))).toMatchObject({ newlyLooping: false });
  });

  it('sample a log storm only until it is examined', () => {
    const { incidents, settle } = setUp();
    const storm = aSignal({ detector: 'storm', fingerprint: 'storm' });
    const { live } = incidents.fold(storm);
    settle(live);
    incidents.fold(storm);
    expect(live.evidence).toHaveLength(1);
  });

  it('are limited in number: the settled one that has been quiet the longest is forgotten', () => {
    const incidents = createOpenIncidents({ newId: () => 'inc', now: () => 0, maxOpen: 4 });
    const open = (at: number) =>
      incidents.fold(aSignal({ container: aContainer({ id: `${at}`, service: `${at}` }), at })).live;
    const [handled, first, second, third] = [open(1), open(5), open(3), open(4)];
    for (const live of [first, second, third]) live.phase = 'settled';
    expect(incidents.open()).toEqual([handled, first, second, third]);
    const next = open(10);
    expect(incidents.open()).toEqual([handled, first, third, next]);
  });

  it('are limited only by what is settled', () => {
    const incidents = createOpenIncidents({ newId: () => 'inc', now: () => 0, maxOpen: 1 });
    for (const service of ['a', 'b']) incidents.fold(aSignal({ container: aContainer({ id: service, service }) }));
    expect(incidents.open()).toHaveLength(2);
  });

  it('report a new crash loop once', () => {
    const { incidents, settle } = setUp();
    settle(incidents.fold(crash({ at: 1_000 })).live);
    const loop = aSignal({ detector: 'crash_loop', fingerprint: 'crash_loop', at: 9_000 });
    expect(incidents.fold(loop)).toMatchObject({ kind: 'repeat', newlyLooping: true });
    expect(incidents.fold(loop)).toMatchObject({ kind: 'repeat', newlyLooping: false });
  });

  it('expire after half an hour without a signal, but not before they are settled', () => {
    const { incidents, settle } = setUp();
    const { live } = incidents.fold(aSignal({ at: 1_000 }));
    const later = 1_000 + 31 * 60_000;
    expect(incidents.expire(later, listed('running'))).toEqual([]);
    settle(live);
    expect(incidents.expire(1_000 + 30 * 60_000 - 1, listed('running'))).toEqual([]);
    expect(incidents.expire(later, listed('running'))).toEqual([live]);
    expect(incidents.fold(aSignal({ at: later })).kind).toBe('opened');
  });

  it('do not expire while a crashed container is down', () => {
    const { incidents, settle } = setUp();
    settle(incidents.fold(crash()).live);
    const later = 1_000 + 11 * 60_000;
    expect(incidents.expire(later, listed('exited'))).toEqual([]);
    expect(incidents.expire(later, listed('running', 'unhealthy'))).toEqual([]);
    expect(incidents.expire(later, listed('running'))).toHaveLength(1);
  });

  it('separate a log storm from other errors at the same moment', () => {
    const { incidents, ids } = setUp();
    incidents.fold(aSignal({ fingerprint: 'the first kind' }));
    incidents.fold(aSignal({ detector: 'storm', fingerprint: 'storm' }));
    incidents.fold(aSignal({ fingerprint: 'another kind' }));
    expect(ids()).toHaveLength(2);
  });

  it('keep only a few samples of a log storm', () => {
    const { incidents } = setUp();
    for (let i = 0; i < 50; i++)
      incidents.fold(aSignal({ detector: 'storm', fingerprint: 'storm', summary: `kind ${i}` }));
    const [storm] = incidents.open();
    expect(storm?.evidence.map((signal) => signal.summary)).toEqual(['kind 0', 'kind 1', 'kind 2', 'kind 3', 'kind 4']);
    expect(storm?.incident.occurrences).toBe(50);
  });

  it('report changed counts once', () => {
    const { incidents } = setUp();
    incidents.fold(aSignal());
    expect(incidents.takeDirty()).toEqual([]);
    incidents.fold(aSignal());
    expect(incidents.takeDirty()).toMatchObject([{ occurrences: 2 }]);
    expect(incidents.takeDirty()).toEqual([]);
  });
});

describe('a recovered incident', () => {
  it('is kept for a minute, and is no longer open in the meantime', () => {
    let now = 5_000;
    const incidents = createOpenIncidents({ newId: () => 'next', now: () => now });
    const live = incidents.adopt(anIncident(), 'settled');
    const open = incidents.adopt(anIncident({ id: 'other', fingerprint: 'f2', lastSeenAt: 64_000 }), 'settled');
    incidents.resolve(live);
    now = 65_000;
    expect(incidents.expire(now, listed('running'))).toEqual([]);
    expect(incidents.recent()).toEqual([live, open]);
    expect(incidents.open()).toEqual([open]);
    expect(incidents.expire(65_001, listed('running'))).toEqual([]);
    expect(incidents.recent()).toEqual([open]);
  });

  it('does not expire a second time', () => {
    const incidents = createOpenIncidents({ newId: () => 'next', now: () => 40 * 60_000 });
    incidents.resolve(incidents.adopt(anIncident(), 'settled'));
    expect(incidents.expire(40 * 60_000 + 1, listed('running'))).toEqual([]);
  });

  it('is not joined by newer signals of its container', () => {
    const incidents = createOpenIncidents({ newId: () => 'next', now: () => 5_000 });
    const live = incidents.adopt(anIncident({ detector: 'crash', lastSeenAt: 1_000 }), 'settled');
    incidents.resolve(live);
    expect(incidents.fold(aSignal({ fingerprint: 'last words', at: 1_000 })).kind).toBe('repeat');
    expect(incidents.fold(aSignal({ fingerprint: 'more', at: 1_500 })).kind).toBe('opened');
  });

  it('makes way for the next one of the same problem', () => {
    const incidents = createOpenIncidents({ newId: () => 'next', now: () => 5_000 });
    incidents.resolve(incidents.adopt(anIncident(), 'settled'));
    const { live } = incidents.fold(aSignal({ at: 2_000 }));
    expect(incidents.recent()).toEqual([live]);
    expect(live.incident.state).toBe('open');
    expect(incidents.fold(aSignal({ at: 3_000 }))).toMatchObject({ kind: 'repeat', live });
  });

  it('takes signals that are read again, but no newer ones', () => {
    const incidents = createOpenIncidents({ newId: () => 'next', now: () => 5_000 });
    const live = incidents.adopt(anIncident({ id: 'past', lastSeenAt: 1_000 }), 'settled');
    incidents.resolve(live);
    expect(incidents.open()).toEqual([]);
    expect(incidents.fold(aSignal({ at: 1_000 }))).toMatchObject({
      kind: 'repeat',
      live: { incident: { id: 'past' } },
    });
    expect(incidents.fold(aSignal({ at: 1_001 }))).toMatchObject({
      kind: 'opened',
      live: { incident: { id: 'next' } },
    });
  });
});
