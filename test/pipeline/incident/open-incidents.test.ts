import { describe, expect, it } from 'vitest';
import type { Signal } from '../../../src/domain.ts';
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

describe('incidents', () => {
  it('open once for a problem, however often it repeats', () => {
    const { incidents, ids } = setUp();
    const first = incidents.fold(aSignal());
    for (let i = 0; i < 999; i++) expect(incidents.fold(aSignal({ at: 1_000 + i })).kind).toBe('repeat');
    expect(ids()).toEqual(['inc-1']);
    expect(first.live.incident.occurrences).toBe(1_000);
  });

  it('keep two problems of one container apart', () => {
    const { incidents, settle } = setUp();
    settle(incidents.fold(aSignal({ fingerprint: 'f1' })).live);
    expect(incidents.fold(aSignal({ fingerprint: 'f2', at: 60_000 })).kind).toBe('opened');
  });

  it('keep the same problem of two services apart', () => {
    const { incidents } = setUp();
    incidents.fold(aSignal());
    const other = aContainer({ id: 'b'.repeat(64), name: 'api', service: 'api' });
    expect(incidents.fold(aSignal({ container: other })).kind).toBe('opened');
  });

  it('keep services of the same name in two compose projects apart', () => {
    const { incidents } = setUp();
    incidents.fold(aSignal({ container: aContainer({ project: 'blue' }) }));
    const other = aContainer({ id: 'b'.repeat(64), project: 'green' });
    expect(incidents.fold(aSignal({ container: other })).kind).toBe('opened');
  });

  it('survive that the container is recreated under another id', () => {
    const { incidents, settle } = setUp();
    settle(incidents.fold(aSignal()).live);
    const recreated = aContainer({ id: 'c'.repeat(64) });
    const again = incidents.fold(aSignal({ container: recreated, at: 9_000 }));
    expect(again.kind).toBe('repeat');
    expect(again.live.incident.container.id).toBe(recreated.id);
  });

  it('take what goes wrong in the same breath for one trouble', () => {
    const { incidents, ids } = setUp();
    incidents.fold(aSignal({ fingerprint: 'could not write' }));
    incidents.fold(aSignal({ fingerprint: 'panic', at: 1_100 }));
    expect(ids()).toHaveLength(1);
    expect(incidents.open()[0]?.evidence).toHaveLength(2);
  });

  it('take an OOM kill and the death that it caused for one', () => {
    const { incidents, ids } = setUp();
    incidents.fold(oom({ at: 1_000 })).live.phase = 'handling';
    incidents.fold(crash({ fingerprint: 'crash/137', exitCode: 137, at: 1_400 }));
    expect(ids()).toHaveLength(1);
  });

  it('do not hide that the main process ended, too, after the kill of a child was handled', () => {
    const { incidents, settle } = setUp();
    settle(incidents.fold(oom()).live);
    expect(incidents.fold(crash({ at: 2_000 })).kind).toBe('opened');
  });

  it('know that the container died, however many patterns its error records matched', () => {
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

  it('take the error that a process logged and its death right after for one', () => {
    const { incidents, ids } = setUp();
    incidents.fold(aSignal({ at: 1_000 })).live.phase = 'handling';
    incidents.fold(crash({ at: 3_000 }));
    expect(ids()).toHaveLength(1);
  });

  it('do not hide a death behind an error that was told as mild', () => {
    const { incidents, settle, ids } = setUp();
    settle(incidents.fold(aSignal({ at: 1_000 })).live, 'low');
    incidents.fold(crash({ at: 3_000 }));
    expect(ids()).toHaveLength(2);
  });

  it('do not hide a death behind an error of long ago', () => {
    const { incidents, settle, ids } = setUp();
    settle(incidents.fold(aSignal({ at: 1_000 })).live);
    incidents.fold(crash({ at: 100_000 }));
    expect(ids()).toHaveLength(2);
  });

  it('take the last words of a process for its death', () => {
    const { incidents, ids } = setUp();
    incidents.fold(crash({ at: 2_000 })).live.phase = 'handling';
    incidents.fold(aSignal({ at: 1_950 }));
    expect(ids()).toHaveLength(1);
  });

  it('tell once that crashes have become a loop', () => {
    const { incidents, settle } = setUp();
    settle(incidents.fold(crash({ at: 1_000 })).live);
    const loop = aSignal({ detector: 'crash_loop', fingerprint: 'crash_loop', at: 9_000 });
    expect(incidents.fold(loop)).toMatchObject({ kind: 'repeat', newlyLooping: true });
    expect(incidents.fold(loop)).toMatchObject({ kind: 'repeat', newlyLooping: false });
  });

  it('end after half an hour of silence, and not before they were handled', () => {
    const { incidents, settle } = setUp();
    const { live } = incidents.fold(aSignal({ at: 1_000 }));
    const later = 1_000 + 31 * 60_000;
    expect(incidents.expire(later, listed('running'))).toEqual([]);
    settle(live);
    expect(incidents.expire(1_000 + 60_000, listed('running'))).toEqual([]);
    expect(incidents.expire(later, listed('running'))).toEqual([live]);
    expect(incidents.fold(aSignal({ at: later })).kind).toBe('opened');
  });

  it('of a crash stay open while the container is down', () => {
    const { incidents, settle } = setUp();
    settle(incidents.fold(crash()).live);
    const later = 1_000 + 11 * 60_000;
    expect(incidents.expire(later, listed('exited'))).toEqual([]);
    expect(incidents.expire(later, listed('running', 'unhealthy'))).toEqual([]);
    expect(incidents.expire(later, listed('running'))).toHaveLength(1);
  });

  it('tell a log storm by itself, also when it breaks out in the same breath', () => {
    const { incidents, ids } = setUp();
    incidents.fold(aSignal({ fingerprint: 'the first kind' }));
    incidents.fold(aSignal({ detector: 'storm', fingerprint: 'storm' }));
    incidents.fold(aSignal({ fingerprint: 'another kind' }));
    expect(ids()).toHaveLength(2);
  });

  it('of a storm keep some samples, and not all', () => {
    const { incidents } = setUp();
    for (let i = 0; i < 50; i++)
      incidents.fold(aSignal({ detector: 'storm', fingerprint: 'storm', summary: `kind ${i}` }));
    const [storm] = incidents.open();
    expect(storm?.evidence.map((signal) => signal.summary)).toEqual(['kind 0', 'kind 1', 'kind 2', 'kind 3', 'kind 4']);
    expect(storm?.incident.occurrences).toBe(50);
  });

  it('report their counts once after each change', () => {
    const { incidents } = setUp();
    incidents.fold(aSignal());
    expect(incidents.takeDirty()).toEqual([]);
    incidents.fold(aSignal());
    expect(incidents.takeDirty()).toMatchObject([{ occurrences: 2 }]);
    expect(incidents.takeDirty()).toEqual([]);
  });
});

describe('an incident that is over', () => {
  it('takes what belongs to it and is read again, and nothing that came later', () => {
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
