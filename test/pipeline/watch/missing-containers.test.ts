import { beforeEach, describe, expect, it } from 'vitest';
import { notBackNotice } from '../../../src/app/engine-notices.ts';
import type { EngineEvent, ListedContainer } from '../../../src/domain/containers.ts';
import { createMissingContainers, type MissingContainers } from '../../../src/pipeline/watch/missing-containers.ts';
import { aContainer } from '../../support/domain.ts';

const container = aContainer();
const MINUTE = 60_000;

let now: number;
let missing: MissingContainers;
beforeEach(() => {
  now = 0;
  missing = createMissingContainers({ monotonic: () => now });
  list('running');
});

const emit = (action: EngineEvent['action']) =>
  missing.observe({ time: 0, containerId: container.id, container, action });
/** Applies a listing; returns the names of the containers reported as missing. */
const list = (status: ListedContainer['status'] | 'removed', { outdated = false } = {}) =>
  missing
    .listed(
      status === 'removed' ? [] : [{ ref: container, status, health: 'none', networkMode: 'none' }],
      () => outdated,
    )
    .map(({ name }) => name);
/** Applies listings with the same status for a minute and after it. */
const listForAMinute = (status: ListedContainer['status'] | 'removed') => {
  const reported = list(status);
  now += MINUTE;
  return [...reported, ...list(status), ...list(status)];
};
const die: EngineEvent['action'] = { kind: 'die', exitCode: 143 };
const loseEngine = () => {
  missing.streamLost();
  missing.engineLost();
};

describe('a container that ran until the engine was lost', () => {
  beforeEach(() => {
    loseEngine();
    now += MINUTE;
  });

  it('and is down a minute after the engine is back is reported once', () => {
    expect(list('exited')).toEqual([]);
    now += MINUTE - 1;
    expect(list('exited')).toEqual([]);
    now += 1;
    expect(list('exited')).toEqual([container.name]);
    expect(list('exited')).toEqual([]);
  });

  it('and is started again within the minute is not reported', () => {
    list('exited');
    now += 30_000;
    list('running');
    now += MINUTE;
    expect(list('running')).toEqual([]);
    expect(list('exited')).toEqual([]);
  });

  it.each(['restarting', 'created', 'removed'] as const)('and is %s is not reported', (status) => {
    expect(listForAMinute(status)).toEqual([]);
  });

  it('and whose exit is reported by a late event is not reported: it was a crash or a stop', () => {
    list('exited');
    emit(die);
    expect(listForAMinute('exited')).toEqual([]);
  });
});

describe('a container whose exit an event reported', () => {
  beforeEach(() => {
    now += 1_000;
    emit(die);
    now += 15_000;
  });

  it.each([
    ['the event stream', loseEngine],
    [
      'the listing',
      () => {
        missing.engineLost();
        missing.streamLost();
      },
    ],
  ])('right before the engine was restarted is reported if it stays down (first lost: %s)', (_, lose) => {
    lose();
    expect(listForAMinute('exited')).toEqual([container.name]);
  });

  it('is not reported if the engine replays the exit: the engine was not restarted, somebody stopped the container', () => {
    loseEngine();
    missing.eventReplayed(1_000);
    expect(listForAMinute('exited')).toEqual([]);
  });

  it('is reported although the engine replays events from after its restart', () => {
    loseEngine();
    list('exited');
    now += 10_000;
    missing.streamLost();
    missing.eventReplayed(now - 5_000);
    expect(listForAMinute('exited')).toEqual([container.name]);
  });

  it('is not reported if only the event stream was lost, or only listings failed', () => {
    missing.streamLost();
    expect(listForAMinute('exited')).toEqual([]);
    missing.engineLost();
    expect(listForAMinute('exited')).toEqual([]);
  });

  it('long before the engine was restarted is not reported', () => {
    now += 2 * MINUTE;
    loseEngine();
    expect(listForAMinute('exited')).toEqual([]);
  });
});

it.each([true, false])(
  'a container that somebody stopped is not reported if a listing still shows it running (requested before the stop: %s)',
  (outdated) => {
    emit(die);
    list('running', { outdated });
    expect(listForAMinute('exited')).toEqual([]);
  },
);

it('many missing containers are reported in one message of bounded length', () => {
  const many = Array.from({ length: 300 }, (_, n) => aContainer({ name: `web-${n}` }));
  const { title, text } = notBackNotice(many);
  expect(title).toBe('After an outage of the Docker engine, 300 containers are not running');
  expect(text).toContain('and 280 more');
  expect(text.length).toBeLessThan(500);
});
