import { describe, expect, it } from 'vitest';
import type { Attempt, EngineEvent, ListedContainer } from '../../../src/domain.ts';
import { backOffMs, NO_RESTARTS, restartHistory } from '../../../src/pipeline/decide/restart-history.ts';
import { createDeployments, isBeingReplaced } from '../../../src/pipeline/lifecycle/deployments.ts';
import { createGracePeriods } from '../../../src/pipeline/lifecycle/grace.ts';
import { aContainer, anAttempt, anIncident, aSignal } from '../../support/domain.ts';

const ID = 'a'.repeat(64);
const OTHER = 'b'.repeat(64);
const listed = (ref = aContainer(), status: ListedContainer['status'] = 'running'): ListedContainer => ({
  ref,
  status,
  health: 'none',
  networkMode: 'bridge',
});

describe('restarts before', () => {
  const incident = anIncident({ id: 'mine', openedAt: 10_000 });
  const other = (over: Partial<Attempt>) => anAttempt({ incidentId: 'another', ...over });

  it.each<[string, readonly Attempt[], object]>([
    ['none', [], NO_RESTARTS],
    [
      'its own, failed',
      [anAttempt({ incidentId: 'mine', outcome: 'failed', finishedAt: 12_000 })],
      { lastHour: 1, meanwhile: 'none', backOffUntil: 0 },
    ],
    ['one under way for another incident', [other({ startedAt: 9_000 })], { meanwhile: 'under_way' }],
    [
      'one that recovered since',
      [other({ startedAt: 11_000, outcome: 'recovered' })],
      { meanwhile: 'recovered', backOffUntil: 0 },
    ],
    [
      'one that recovered before',
      [other({ startedAt: 9_000, outcome: 'recovered' })],
      { lastHour: 1, meanwhile: 'none', backOffUntil: 0 },
    ],
    ['one that failed', [other({ outcome: 'failed', finishedAt: 11_000 })], { backOffUntil: 16_000 }],
    [
      'two in a row that failed',
      [other({ outcome: 'failed', finishedAt: 2_000 }), other({ outcome: 'unknown', finishedAt: 11_000 })],
      { lastHour: 2, backOffUntil: 41_000 },
    ],
    [
      'a failure after a recovery',
      [
        other({ outcome: 'failed', finishedAt: 1_000 }),
        other({ outcome: 'recovered', finishedAt: 2_000, startedAt: 1_500 }),
        other({ outcome: 'failed', finishedAt: 11_000 }),
      ],
      { lastHour: 3, backOffUntil: 16_000 },
    ],
    [
      'those of another replica, which count toward the limit only',
      [other({ containerId: OTHER, startedAt: 11_000, outcome: 'recovered' }), other({ containerId: OTHER })],
      { lastHour: 2, meanwhile: 'none', backOffUntil: 0 },
    ],
    [
      'one that recovered, before the clock was set back',
      [other({ startedAt: 30_000, finishedAt: 31_000, outcome: 'recovered' })],
      { lastHour: 1, meanwhile: 'none', backOffUntil: 0 },
    ],
    [
      'one that failed, before the clock was set back',
      [other({ startedAt: 30_000, finishedAt: 31_000, outcome: 'failed' })],
      { lastHour: 1, meanwhile: 'none', backOffUntil: 0 },
    ],
  ])('%s', (_, attempts, expected) => {
    expect(restartHistory(incident, attempts, 20_000)).toMatchObject(expected);
  });

  it('make the wait longer, to a bound', () => {
    expect([0, 1, 2, 3, 4, 100].map(backOffMs)).toEqual([0, 5_000, 30_000, 120_000, 120_000, 120_000]);
  });
});

describe('a deployment', () => {
  const event = (kind: 'create' | 'destroy', id: string, time: number, over = {}): EngineEvent => ({
    time,
    containerId: id,
    container: aContainer({ id, ...over }),
    action: { kind },
  });
  const deployedAfter = (...events: EngineEvent[]) => {
    const deployments = createDeployments();
    for (const seen of events) deployments.observe(seen);
    return deployments.deployedAt(aContainer());
  };

  it('is a container in the place of another, whichever comes first', () => {
    expect(deployedAfter(event('destroy', OTHER, 1_000), event('create', ID, 2_000))).toBe(2_000);
    expect(deployedAfter(event('create', ID, 1_000), event('destroy', OTHER, 2_000))).toBe(1_000);
  });

  it('is not a container of a new service, nor a replica beside others', () => {
    expect(deployedAfter(event('create', ID, 1_000))).toBeUndefined();
    expect(deployedAfter(event('create', OTHER, 500), event('create', ID, 1_000))).toBeUndefined();
  });

  it('is not what comes in the place of another service', () => {
    expect(
      deployedAfter(event('destroy', OTHER, 1_000, { service: 'api' }), event('create', ID, 2_000)),
    ).toBeUndefined();
  });

  it('is forgotten after a while', () => {
    const old = event('destroy', OTHER, 1_000);
    expect(deployedAfter(old, event('create', ID, 1_000 + 11 * 60_000))).toBeUndefined();
  });
});

describe('a recreation by compose', () => {
  const old = aContainer({ name: 'shop-web-1' });

  it('is seen by the new container under its temporary name', () => {
    const fresh = aContainer({ id: OTHER, name: `${ID.slice(0, 12)}_shop-web-1` });
    expect(isBeingReplaced(old, [listed(old), listed(fresh, 'created')])).toBe(true);
    expect(isBeingReplaced(fresh, [listed(fresh)])).toBe(true);
  });

  it('is seen by the label of what replaces one of its service', () => {
    const fresh = aContainer({ id: OTHER, name: 'x', labels: { 'com.docker.compose.replace': ID } });
    expect(isBeingReplaced(old, [listed(old), listed(fresh, 'created')])).toBe(true);
  });

  it('is over once the new one runs', () => {
    const fresh = aContainer({ id: OTHER, name: 'shop-web-1', labels: { 'com.docker.compose.replace': ID } });
    expect(isBeingReplaced(fresh, [listed(fresh)])).toBe(false);
    expect(isBeingReplaced(old, [listed(old), listed(aContainer({ id: OTHER, name: 'shop-web-2' }))])).toBe(false);
  });
});

describe('the grace after a start', () => {
  const started = (graceMs = 30_000) => {
    const grace = createGracePeriods(() => graceMs);
    grace.started(ID, 10_000);
    return grace;
  };

  it('holds back what comes within it', () => {
    const grace = started();
    expect(grace.covers(aSignal({ at: 9_999 }))).toBe(false);
    expect(grace.covers(aSignal({ at: 10_000 }))).toBe(true);
    expect(grace.covers(aSignal({ at: 39_999 }))).toBe(true);
    expect(grace.covers(aSignal({ at: 40_000 }))).toBe(false);
  });

  it('is none where it is not asked for, or the start was not seen', () => {
    expect(started(0).covers(aSignal({ at: 10_000 }))).toBe(false);
    expect(createGracePeriods(() => 30_000).covers(aSignal({ at: 10_000 }))).toBe(false);
  });

  it('hides no crash loop', () => {
    expect(started().covers(aSignal({ detector: 'crash_loop', at: 11_000 }))).toBe(false);
  });

  it('hides no crash for good: what is still down at its end is told then, once', () => {
    const grace = started();
    const crash = aSignal({ detector: 'crash', at: 11_000 });
    expect(grace.covers(crash)).toBe(true);
    expect(grace.due([listed(aContainer(), 'exited')], 39_999)).toEqual([]);
    expect(grace.due([listed(aContainer(), 'exited')], 40_000)).toEqual([crash]);
    expect(grace.due([listed(aContainer(), 'exited')], 50_000)).toEqual([]);
  });

  it('forgives a crash from which it came up again', () => {
    const grace = started();
    grace.covers(aSignal({ detector: 'crash', at: 11_000 }));
    grace.started(ID, 12_000);
    expect(grace.due([listed()], 42_000)).toEqual([]);
    expect(grace.due([listed(aContainer(), 'exited')], 60_000)).toEqual([]);
  });
});
