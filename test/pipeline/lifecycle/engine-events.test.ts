import { describe, expect, it } from 'vitest';
import type { EngineEvent } from '../../../src/domain.ts';
import { createEventDetector } from '../../../src/pipeline/lifecycle/engine-events.ts';
import { aContainer } from '../../support/domain.ts';

const container = aContainer();
type Action = EngineEvent['action'];
const at = (time: number, action: Action): EngineEvent => ({ time, containerId: container.id, container, action });
const die = (exitCode: number): Action => ({ kind: 'die', exitCode });
const kill = (signal: number): Action => ({ kind: 'kill', signal });
const health = (status: 'healthy' | 'unhealthy'): Action => ({ kind: 'health', status });
const start: Action = { kind: 'start' };

/** The detectors of the signals that a sequence of events gives, a second apart. */
function detectorsOf(...actions: Action[]): string[] {
  const detector = createEventDetector();
  return actions
    .flatMap((action, i) => detector.observe(at(1_000 * i, action), false))
    .map((signal) => signal.detector);
}

describe('engine events', () => {
  it.each<[string, Action[], string[]]>([
    ['a death nobody asked for is a crash', [die(1)], ['crash']],
    ['a killed process that nobody asked for is a crash', [die(137)], ['crash']],
    ['an end with code 0 is none', [die(0)], []],
    ['docker stop is none', [kill(15), die(0), { kind: 'stop' }], []],
    ['a stop that had to kill is none', [kill(15), kill(9), die(137), { kind: 'stop' }], []],
    ['docker kill is none', [kill(9), die(137)], []],
    ['a recreation by compose is none', [kill(15), die(143), { kind: 'stop' }, { kind: 'destroy' }], []],
    ['a restart by a person is none', [kill(15), die(143), { kind: 'stop' }, start, { kind: 'restart' }], []],
    ['a crash after a stop and a start is one', [kill(15), die(143), start, die(1)], ['crash']],
    ['a crash after a reload signal is one', [kill(1), die(1)], ['crash']],
    ['a health check that fails while it is being stopped is none', [kill(15), health('unhealthy'), die(0)], []],
    ['an oom event is one, though the container lives on', [{ kind: 'oom' }], ['oom']],
    ['an oom kill gives both', [{ kind: 'oom' }, die(137)], ['oom', 'crash']],
    ['a failing health check is one', [health('unhealthy')], ['health']],
    ['a health check that goes on failing is told once', [health('unhealthy'), health('unhealthy')], ['health']],
    [
      'a health check that fails again is told again',
      [health('unhealthy'), health('healthy'), health('unhealthy')],
      ['health', 'health'],
    ],
    [
      'the third crash within minutes is a loop',
      [die(1), start, die(1), start, die(1)],
      ['crash', 'crash', 'crash', 'crash_loop'],
    ],
  ])('%s', (_, actions, expected) => {
    expect(detectorsOf(...actions)).toEqual(expected);
  });

  it('the end of a stop that an earlier run of the agent saw being asked for is no crash, a later one is', () => {
    const detector = createEventDetector();
    detector.recall(at(0, kill(15)));
    expect(detector.observe(at(5_000, die(143)), false)).toEqual([]);
    detector.observe(at(6_000, start), false);
    expect(detector.observe(at(7_000, die(1)), false)).toMatchObject([{ detector: 'crash' }]);
    expect(detector.stopRequestedAt(container.id)).toBeUndefined();
  });

  it('crashes that lie far apart are no loop', () => {
    const detector = createEventDetector();
    const signals = [0, 10, 20].flatMap((minute) => detector.observe(at(minute * 60_000, die(1)), false));
    expect(signals.map((signal) => signal.detector)).toEqual(['crash', 'crash', 'crash']);
  });

  it('an exit code of 137 alone is not called out of memory', () => {
    const [signal] = createEventDetector().observe(at(0, die(137)), false);
    expect(JSON.stringify(signal)).not.toMatch(/memory|oom/i);
  });

  it('a stop by somebody else is remembered, one by us is not', () => {
    const detector = createEventDetector();
    detector.observe(at(5, kill(15)), true);
    expect(detector.stopRequestedAt(container.id)).toBeUndefined();
    detector.observe(at(7, kill(15)), false);
    expect(detector.stopRequestedAt(container.id)).toBe(7);
  });

  it('a death during a restart of ours is for the verification to judge', () => {
    expect(createEventDetector().observe(at(0, die(137)), true)).toEqual([]);
  });

  it('a container found unhealthy is told once', () => {
    const detector = createEventDetector();
    const listed = [
      { ref: container, status: 'running' as const, health: 'unhealthy' as const, networkMode: 'bridge' },
    ];
    expect(detector.observeListed(listed, 1)).toHaveLength(1);
    expect(detector.observeListed(listed, 2)).toEqual([]);
    expect(detector.observe(at(3, health('unhealthy')), false)).toEqual([]);
  });

  it('a crash is one though the start before it was missed, as where the engine itself was restarted', () => {
    const detector = createEventDetector();
    const listed = [{ ref: container, status: 'running' as const, health: 'none' as const, networkMode: 'bridge' }];
    for (const [n, action] of [kill(15), die(143), { kind: 'stop' } as const].entries()) {
      detector.observe(at(n, action), false);
    }
    detector.observeListed(listed, 60_000);
    expect(detector.observe(at(61_000, die(1)), false).map((signal) => signal.detector)).toEqual(['crash']);
  });

  it('a listing made while a container is being stopped does not make its end a crash', () => {
    const detector = createEventDetector();
    const listed = [{ ref: container, status: 'running' as const, health: 'none' as const, networkMode: 'bridge' }];
    detector.observe(at(0, kill(15)), false);
    detector.observeListed(listed, 1);
    expect(detector.observe(at(2, die(143)), false)).toEqual([]);
  });
});
