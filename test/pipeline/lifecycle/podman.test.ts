/** Podman's Docker API reports less of a stop than Docker does, and no kills for memory. */
import { describe, expect, it } from 'vitest';
import type { ContainerFacts } from '../../../src/domain.ts';
import { aContainer } from '../../support/domain.ts';
import { type Action, aLifecycle, at, start, stop } from './support.ts';

const { id } = aContainer();
const OTHER = aContainer({ id: 'b'.repeat(64), name: 'other' });
const die = (exitCode: number): Action => ({ kind: 'die', exitCode, stopsUnreported: true });
const kill: Action = { kind: 'kill' };

/** The detectors of what a sequence of events, a second apart, leads to. */
async function outcomeOf(actions: readonly Action[], facts: Partial<ContainerFacts> = {}, stopsSeen = false) {
  const detectors: string[] = [];
  const lifecycle = aLifecycle({ facts, onSignal: ({ detector }) => detectors.push(detector) });
  if (stopsSeen) lifecycle.observe(at(0, stop, OTHER));
  for (const [n, action] of actions.entries()) {
    for (const { detector } of lifecycle.observe(at(1_000 * n, action))) detectors.push(detector);
  }
  // Inspect answers in a later microtask.
  await new Promise((resolve) => setImmediate(resolve));
  return { detectors, seen: lifecycle.of(id) };
}

describe('a stop on Podman is not taken for a crash', () => {
  it.each<[string, readonly Action[], Partial<ContainerFacts>]>([
    ['with a stop event before the end (5.8)', [start, stop, die(3)], {}],
    ['without any event, by the stop signal (5.4)', [start, die(143)], {}],
    ['without any event, by its own stop signal', [start, die(131)], { stopSignal: 3 }],
    ['without any event, by a kill after the stop timeout', [start, die(137)], {}],
    ['by a kill whose signal is not said', [start, kill, die(1)], {}],
  ])('%s', async (_, actions, facts) => {
    const { detectors, seen } = await outcomeOf(actions, facts);
    expect(detectors).toEqual([]);
    expect(seen).toMatchObject({ alive: false, lastEnd: { by: 'person' } });
    expect(seen.stoppedByPersonAt).toBeDefined();
  });
});

describe('a crash on Podman is one', () => {
  it('with an exit code of its own', async () => {
    expect((await outcomeOf([start, die(1)])).detectors).toEqual(['crash']);
  });

  it('if it was killed for memory, which inspect says', async () => {
    const { detectors } = await outcomeOf([start, die(137)], { oomKilled: true });
    expect(detectors).toEqual(['oom', 'crash']);
  });

  it('if it was killed and the engine reports stops', async () => {
    expect((await outcomeOf([start, die(137)], {}, true)).detectors).toEqual(['crash']);
    expect((await outcomeOf([start, die(143)], {}, true)).detectors).toEqual(['crash']);
  });

  it('and the restart by the policy of the engine is a start', async () => {
    const { seen } = await outcomeOf([start, die(1), { kind: 'restart' }]);
    expect(seen).toMatchObject({ alive: true });
  });
});
