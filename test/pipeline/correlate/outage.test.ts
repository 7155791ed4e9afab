import { describe, expect, it } from 'vitest';
import type { ContainerFacts } from '../../../src/domain/containers.ts';
import { outageOf } from '../../../src/pipeline/correlate/outage.ts';
import type { ContainerLifecycle } from '../../../src/pipeline/lifecycle/record.ts';
import { someFacts } from '../../support/domain.ts';
import { onNetwork } from './support.ts';

const NOW = 100_000;
const topology = onNetwork('172.18.0.2');

function outage(facts: Partial<ContainerFacts> | undefined, lifecycle: Partial<ContainerLifecycle> = {}) {
  return outageOf({
    facts: facts && someFacts({ topology, ...facts }),
    lifecycle: { restartingByAgent: false, crashes: [], ...lifecycle },
    neededNetworks: ['shop_default'],
    now: NOW,
  });
}

describe('the state of a dependency', () => {
  it.each<readonly [string, Partial<ContainerFacts>, boolean]>([
    ['is down (exit code 1)', { status: 'exited', exitCode: 1 }, false],
    ['is down (exit code 137)', { status: 'dead', exitCode: 137 }, false],
    ['is restarting', { status: 'restarting' }, false],
    ['is unhealthy', { health: 'unhealthy' }, false],
    ['is starting', { health: 'starting' }, true],
    ['is paused', { status: 'paused' }, true],
    ['has not been started', { status: 'created' }, true],
    ['is being removed', { status: 'removing' }, true],
    ['has ended (exit code 0)', { status: 'exited', exitCode: 0 }, true],
    ['is disconnected from the network shop_default', { topology: { ...topology, networks: [] } }, true],
  ])('%s', (what, facts, silent) => {
    expect(outage(facts)).toMatchObject({ what, silent });
  });

  it('no longer exists', () => {
    expect(outage(undefined)).toMatchObject({ what: 'no longer exists', silent: true });
  });

  it.each(['person', 'agent'] as const)('was stopped by: %s', (by) => {
    expect(outage({ status: 'exited', exitCode: 1 }, { lastEnd: { at: 1, exitCode: 1, by } })).toMatchObject({
      what: 'was stopped',
      silent: true,
    });
  });

  it('is being stopped', () => {
    expect(outage({ startedAt: 1 }, { stoppedByPersonAt: NOW - 5_000 })).toMatchObject({ what: 'is being stopped' });
    expect(outage({ startedAt: 1 }, { stoppedByPersonAt: NOW - 29_999 })).toBeDefined();
    expect(outage({ startedAt: 1 }, { stoppedByPersonAt: NOW - 30_000 })).toBeUndefined();
    expect(outage({ startedAt: NOW - 5_000 }, { stoppedByPersonAt: NOW - 5_000 })).toBeUndefined();
    expect(outage({ startedAt: NOW - 1_000 }, { stoppedByPersonAt: NOW - 5_000 })).toBeUndefined();
    expect(outage({ startedAt: 1 }, { stoppedByPersonAt: NOW - 60_000 })).toBeUndefined();
  });

  it('is no problem while it runs, healthy or without a health check', () => {
    expect(outage({})).toBeUndefined();
    expect(outage({ health: 'healthy' })).toBeUndefined();
  });

  it('on a network that nobody needs is no problem', () => {
    const facts = someFacts({ topology: { ...topology, networks: [] } });
    const lifecycle = { restartingByAgent: false, crashes: [] };
    expect(outageOf({ facts, lifecycle, neededNetworks: [], now: NOW })).toBeUndefined();
  });

  it('may be that of a start, which may take longer', () => {
    expect(outage({ health: 'starting' })?.isStart).toBe(true);
    expect(outage({ status: 'paused' })?.isStart).toBeUndefined();
  });

  it('may be that of a finished job', () => {
    expect(outage({ status: 'exited', exitCode: 0 })?.mayBeDone).toBe(true);
    expect(outage({ status: 'exited', exitCode: 1 })?.mayBeDone).toBe(false);
  });
});
