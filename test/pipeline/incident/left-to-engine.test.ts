import { describe, expect, it } from 'vitest';
import type { ContainerFacts, ListedContainer } from '../../../src/domain/containers.ts';
import type { DecisionReason } from '../../../src/domain/decision.ts';
import { createLeftToEngine } from '../../../src/pipeline/incident/left-to-engine.ts';
import { anIncident, someFacts } from '../../support/domain.ts';

const incident = anIncident({ detector: 'crash' });
const listed = (status: ContainerFacts['status']) => [
  { ref: incident.container, status, health: 'none' as const, networkMode: 'bridge' },
];

function leftAfter(reason: DecisionReason, status: ContainerFacts['status'], over: Partial<ContainerFacts> = {}) {
  const limit = { restartPolicy: 'on-failure', maximumRetryCount: 3, restartCount: 3, exitCode: 1 };
  const left = createLeftToEngine({ inspect: async () => someFacts({ ...limit, status, ...over }) });
  left.decided(incident, { kind: 'notify', reason });
  return left;
}

describe('an incident that was left to the restart policy of the engine', () => {
  it('is given up by the engine if the container is down for good, which is reported once', async () => {
    const left = leftAfter('engine_restarting', 'exited');
    expect(left.isListedDown(incident, listed('exited'))).toBe(true);
    expect(await left.gaveUp(incident)).toBe(true);
    expect(await left.gaveUp(incident)).toBe(false);
    expect(left.isListedDown(incident, listed('exited'))).toBe(false);
  });

  it.each(['running', 'restarting'] as const)('is not given up while the container is %s', async (status) => {
    const left = leftAfter('engine_restarting', status);
    expect(left.isListedDown(incident, listed(status))).toBe(false);
    expect(await left.gaveUp(incident)).toBe(false);
  });

  it('is not given up because another container is down', () => {
    const left = leftAfter('engine_restarting', 'exited');
    const other = { ...incident.container, id: 'other' };
    expect(left.isListedDown(incident, [{ ...listed('exited')[0], ref: other } as ListedContainer])).toBe(false);
    const both = [...listed('exited'), { ...listed('running')[0], ref: other } as ListedContainer];
    expect(left.isListedDown(incident, both)).toBe(true);
  });

  it('is given up also if the engine could not remove its container', async () => {
    const left = leftAfter('engine_restarting', 'dead');
    expect(left.isListedDown(incident, listed('dead'))).toBe(true);
    expect(await left.gaveUp(incident)).toBe(true);
  });

  it('is given up if the engine cannot start the container any more', async () => {
    const over = { restartPolicy: 'always', restartCount: 1, error: 'port is already allocated' };
    expect(await leftAfter('engine_restarting', 'exited', over).gaveUp(incident)).toBe(true);
  });

  it.each<[string, Partial<ContainerFacts>]>([
    ['is down below its limit', { restartCount: 2 }],
    ['ended with exit code 0', { exitCode: 0 }],
    ['has no limit of restarts', { maximumRetryCount: 0 }],
    ['is always restarted, so that somebody must have stopped it', { restartPolicy: 'always' }],
  ])('is not given up if the container %s', async (_, over) => {
    expect(await leftAfter('engine_restarting', 'exited', over).gaveUp(incident)).toBe(false);
  });

  it('is not given up if the engine does not answer', async () => {
    const left = createLeftToEngine({ inspect: () => Promise.reject(new Error('no answer')) });
    left.decided(incident, { kind: 'notify', reason: 'engine_restarting' });
    expect(await left.gaveUp(incident)).toBe(false);
  });

  it('is no longer left to the engine once something else is decided, or it is over', async () => {
    expect(await leftAfter('restart_allowed', 'exited').gaveUp(incident)).toBe(false);
    const decidedAgain = leftAfter('engine_restarting', 'exited');
    decidedAgain.decided(incident, { kind: 'restart', reason: 'restart_allowed' });
    expect(await decidedAgain.gaveUp(incident)).toBe(false);
    const left = leftAfter('engine_restarting', 'exited');
    left.ended(incident);
    expect(await left.gaveUp(incident)).toBe(false);
  });
});
