/** Podman's Docker API reports less about stops than Docker does, and no kills for memory. */
import { describe, expect, it } from 'vitest';
import type { ContainerFacts } from '../../../src/domain/containers.ts';
import type { Signal } from '../../../src/domain/incident.ts';
import type { Lifecycle } from '../../../src/pipeline/lifecycle/lifecycle.ts';
import { aContainer, aSignal, someFacts } from '../../support/domain.ts';
import { type Action, aLifecycle, at, die, listed, start, stop } from './support.ts';

const { id } = aContainer();
const OTHER = aContainer({ id: 'b'.repeat(64), name: 'other' });
const kill: Action = { kind: 'kill' };
const restart: Action = { kind: 'restart' };
const remove: Action = { kind: 'destroy' };

/** The detectors of the signals for events a second apart. `stopsSeen`: after a stop of another container. */
async function outcomeOf(actions: readonly Action[], facts: Partial<ContainerFacts> = {}, stopsSeen = false) {
  const detectors: string[] = [];
  const lifecycle = aLifecycle({ facts, sleep: async () => {}, onSignal: ({ detector }) => detectors.push(detector) });
  if (stopsSeen) lifecycle.observe({ ...at(0, stop, OTHER), engine: 'podman' });
  for (const [n, action] of actions.entries()) {
    for (const { detector } of lifecycle.observe({ ...at(1_000 * n, action), engine: 'podman' })) {
      detectors.push(detector);
    }
  }
  await new Promise((resolve) => setImmediate(resolve));
  return { detectors, seen: lifecycle.of(id) };
}

/** The detectors of the signals for one end, if inspect then gives this answer. */
async function outcomeOfEnd(exitCode: number, answer: ContainerFacts | 'no_answer' | undefined, stopsSeen = false) {
  const detectors: string[] = [];
  const onSignal = ({ detector }: Signal) => detectors.push(detector);
  const lifecycle = aLifecycle({ sleep: async () => {}, inspect: async () => answer, onSignal });
  if (stopsSeen) lifecycle.observe({ ...at(0, stop, OTHER), engine: 'podman' });
  lifecycle.observe({ ...at(1_000, die(exitCode)), engine: 'podman' });
  await new Promise((resolve) => setImmediate(resolve));
  return detectors;
}

describe('a stop on Podman is not taken for a crash', () => {
  it.each<[string, readonly Action[], Partial<ContainerFacts>]>([
    ['with a stop event before the end (5.8)', [start, stop, die(3)], {}],
    ['with a stop event after the end (4.3)', [start, die(3), stop], {}],
    ['without any event, by the stop signal (5.4)', [start, die(143)], {}],
    ['without any event, by its own stop signal', [start, die(131)], { stopSignal: 3 }],
    ['without any event, by a kill after the stop timeout', [start, die(137)], {}],
    ['by a kill whose signal is not reported', [start, kill, die(1)], {}],
    ['by a restart, which is reported first', [start, restart, die(3)], {}],
  ])('%s', async (_, actions, facts) => {
    const { detectors, seen } = await outcomeOf(actions, facts);
    expect(detectors).toEqual([]);
    expect(seen).toMatchObject({ alive: false, lastEnd: { by: 'person' } });
    expect(seen.stoppedByPersonAt).toBeDefined();
  });

  it('if its restart policy would have started it again', async () => {
    const stayed = { restartPolicy: 'always', status: 'exited' } as const;
    expect((await outcomeOf([start, die(1)], stayed, true)).detectors).toEqual([]);
  });

  it('if Podman reports that it was stopped, although there was no event', async () => {
    for (const exitCode of [0, 7, 137]) {
      const { detectors, seen } = await outcomeOf([start, die(exitCode)], { stoppedByUser: true }, true);
      expect(detectors).toEqual([]);
      expect(seen.stoppedByPersonAt).toBeDefined();
    }
  });

  it('by a kill whose signal is not reported, if the end follows within five seconds', async () => {
    const outcome = async (after: number) => {
      const signals: string[] = [];
      const lifecycle = aLifecycle({ sleep: async () => {}, onSignal: ({ detector }) => signals.push(detector) });
      lifecycle.observe({ ...at(100_000, kill), engine: 'podman' });
      lifecycle.observe({ ...at(100_000 + after, die(1)), engine: 'podman' });
      await new Promise((resolve) => setImmediate(resolve));
      return signals;
    };
    expect(await outcome(5_000)).toEqual([]);
    expect(await outcome(5_001)).toEqual(['crash']);
  });

  it('by a kill, if the engine does not answer afterwards', async () => {
    expect(await outcomeOfEnd(137, 'no_answer')).toEqual([]);
    expect(await outcomeOfEnd(1, 'no_answer')).toEqual(['crash']);
    expect(await outcomeOfEnd(137, 'no_answer', true)).toEqual(['crash']);
  });

  it.each<[string, Partial<ContainerFacts> | undefined]>([
    ['gone', undefined],
    ['being removed', { status: 'removing' }],
  ])('by a forced removal whose event is late, if the container is %s', async (_, facts) => {
    const answer = facts && someFacts(facts);
    expect(await outcomeOfEnd(137, answer, true)).toEqual([]);
    expect(await outcomeOfEnd(1, answer, true)).toEqual(['crash']);
  });

  it('by a restart, which is a stop by a person before the end, but not if the agent restarts it', () => {
    const restarted = (lifecycle: Lifecycle) => {
      lifecycle.observe({ ...at(1_000, restart), engine: 'podman' });
      return lifecycle;
    };
    expect(restarted(aLifecycle()).of(id).stoppedByPersonAt).toBe(1_000);
    const ours = aLifecycle();
    ours.expectRestart(id);
    expect(restarted(ours).of(id).stoppedByPersonAt).toBeUndefined();
    expect(ours.suppresses(aSignal({ at: 1_100 }))).toBe('repeat');
  });

  it('by a restart of a container that was started before', () => {
    const lifecycle = aLifecycle();
    const podman = (time: number, action: Action) => lifecycle.observe({ ...at(time, action), engine: 'podman' });
    podman(1_000, die(0));
    podman(1_100, restart);
    podman(1_200, start);
    podman(60_000, restart);
    expect(lifecycle.of(id).stoppedByPersonAt).toBe(60_000);
  });

  it('by a forced removal', async () => {
    expect((await outcomeOf([start, die(137), remove], {}, true)).detectors).toEqual([]);
    expect((await outcomeOf([start, die(137), remove])).detectors).toEqual([]);
  });
});

describe('a crash on Podman is reported', () => {
  it('if its exit code does not belong to a stop', async () => {
    expect((await outcomeOf([start, die(1)])).detectors).toEqual(['crash']);
    const restarting = { restartPolicy: 'always', status: 'running' } as const;
    expect((await outcomeOf([start, die(1)], restarting)).detectors).toEqual(['crash']);
  });

  it('if Podman reports that it was not stopped', async () => {
    expect((await outcomeOf([start, die(137)], { stoppedByUser: false })).detectors).toEqual(['crash']);
  });

  it('if it was killed for memory, according to inspect', async () => {
    const { detectors } = await outcomeOf([start, die(137)], { oomKilled: true });
    expect(detectors).toEqual(['oom', 'crash']);
  });

  it('if it was killed and the engine reports stops', async () => {
    expect((await outcomeOf([start, die(137)], {}, true)).detectors).toEqual(['crash']);
    expect((await outcomeOf([start, die(143)], {}, true)).detectors).toEqual(['crash']);
  });

  it('if it was killed and something other than a removal follows', () => {
    const lifecycle = aLifecycle();
    const podman = (n: number, action: Action) => lifecycle.observe({ ...at(n, action), engine: 'podman' });
    podman(0, stop);
    podman(1, start);
    podman(2, die(137));
    expect(podman(3, start)).toMatchObject([{ detector: 'crash' }]);
  });

  it('if it is removed after an end that no kill explains', () => {
    const lifecycle = aLifecycle();
    lifecycle.observe({ ...at(2, die(1)), engine: 'podman' });
    expect(lifecycle.observe({ ...at(3, remove), engine: 'podman' })).toMatchObject([{ detector: 'crash' }]);
  });

  it('if Podman restarts it and a listing shows that before the events do', async () => {
    const lifecycle = aLifecycle({ sleep: async () => {} });
    const podman = (time: number, action: Action) => lifecycle.observe({ ...at(time, action), engine: 'podman' });
    podman(1_000, die(0));
    await new Promise((resolve) => setImmediate(resolve));
    lifecycle.observeListed([listed()], 2_400);
    podman(2_200, restart);
    podman(2_300, start);
    expect(lifecycle.of(id)).toMatchObject({ alive: true, startedAt: 2_300, lastEnd: { by: 'itself' } });
    expect(lifecycle.of(id).stoppedByPersonAt).toBeUndefined();
  });

  describe('if it looked like a stop, and Podman restarts it', () => {
    const STAYED = { restartPolicy: 'always', status: 'exited' } as const;

    it.each<[string, number, Partial<ContainerFacts>]>([
      ['killed by the stop signal', 143, {}],
      ['killed', 137, {}],
      ['down for longer than usual', 1, STAYED],
    ])('%s', async (_, exitCode, facts) => {
      const { detectors, seen } = await endThenRestart(exitCode, facts, { afterMs: 10_000 });
      expect(detectors).toEqual(['crash']);
      expect(seen).toMatchObject({ alive: true, lastEnd: { by: 'itself', exitCode }, stoppedByPersonAt: 600 });
    });

    it('but not if a stop is reported or known to Podman, the restart comes later, or the agent restarts it', async () => {
      const left = { detectors: [], seen: { lastEnd: { by: 'person' } } };
      const reported = (lifecycle: Lifecycle) => void lifecycle.observe({ ...at(61_000, stop), engine: 'podman' });
      const ours = (lifecycle: Lifecycle) => void lifecycle.expectRestart(id);
      expect(await endThenRestart(143, {}, { afterMs: 2_000, meanwhile: reported })).toMatchObject(left);
      expect(await endThenRestart(143, {}, { afterMs: 2_000, meanwhile: ours })).toMatchObject(left);
      expect(await endThenRestart(1, { ...STAYED, stoppedByUser: true }, { afterMs: 2_000 })).toMatchObject(left);
      expect(await endThenRestart(1, STAYED, { afterMs: 10_001 })).toMatchObject(left);
    });

    /** A person restarted it before, so that an earlier stop is known. */
    async function endThenRestart(
      exitCode: number,
      facts: Partial<ContainerFacts>,
      { afterMs, meanwhile }: { readonly afterMs: number; readonly meanwhile?: (lifecycle: Lifecycle) => void },
    ) {
      const detectors: string[] = [];
      const lifecycle = aLifecycle({
        facts,
        sleep: async () => {},
        onSignal: (signal) => detectors.push(signal.detector),
      });
      const podman = (time: number, action: Action) => {
        for (const { detector } of lifecycle.observe({ ...at(time, action), engine: 'podman' }))
          detectors.push(detector);
      };
      podman(500, restart);
      podman(600, die(0));
      podman(700, start);
      podman(60_000, die(exitCode));
      await new Promise((resolve) => setImmediate(resolve));
      expect(lifecycle.of(id).lastEnd).toMatchObject({ by: 'person' });
      meanwhile?.(lifecycle);
      podman(60_000 + afterMs, restart);
      podman(60_100 + afterMs, start);
      return { detectors, seen: lifecycle.of(id) };
    }
  });

  it('not by the inspection for an earlier end', async () => {
    const answers: ((facts: ContainerFacts) => void)[] = [];
    const signals: string[] = [];
    const lifecycle = aLifecycle({
      sleep: async () => {},
      inspect: () => new Promise((resolve) => answers.push(resolve)),
      onSignal: ({ detector, at: time }) => signals.push(`${detector} at ${time}`),
    });
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    lifecycle.observe({ ...at(1_000, die(1)), engine: 'podman' });
    await turn();
    expect(lifecycle.observe({ ...at(1_100, start), engine: 'podman' })).toHaveLength(1);
    lifecycle.observe({ ...at(1_200, die(1)), engine: 'podman' });
    await turn();
    answers[0]?.(someFacts());
    await turn();
    expect(signals).toEqual([]);
    answers[1]?.(someFacts());
    await turn();
    expect(signals).toEqual(['crash at 1200']);
  });

  it('as a crash loop if it repeats and the engine restarts the container', async () => {
    const cycle = [start, die(2), restart];
    const { detectors, seen } = await outcomeOf([...cycle, ...cycle, ...cycle], {}, true);
    expect(detectors).toEqual(['crash', 'crash', 'crash', 'crash_loop']);
    expect(seen.stoppedByPersonAt).toBeUndefined();
  });
});
