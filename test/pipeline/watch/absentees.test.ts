import { beforeEach, describe, expect, it } from 'vitest';
import { notBackNotice } from '../../../src/app/engine-notices.ts';
import type { EngineEvent, ListedContainer } from '../../../src/domain.ts';
import { type Absentees, createAbsentees } from '../../../src/pipeline/watch/absentees.ts';
import { aContainer } from '../../support/domain.ts';

const container = aContainer();
const MINUTE = 60_000;

let now: number;
let absentees: Absentees;
beforeEach(() => {
  now = 0;
  absentees = createAbsentees({ monotonic: () => now });
  list('running');
});

const tell = (action: EngineEvent['action']) =>
  absentees.observe({ time: 0, containerId: container.id, container, action });
/** Names of those told of after a listing. */
const list = (status: ListedContainer['status'] | 'removed', { outdated = false } = {}) =>
  absentees
    .listed(
      status === 'removed' ? [] : [{ ref: container, status, health: 'none', networkMode: 'none' }],
      () => outdated,
    )
    .map(({ name }) => name);
/** Names of those told of in a minute of listings that show it so, and after it. */
const listForAMinute = (status: ListedContainer['status'] | 'removed') => {
  const told = list(status);
  now += MINUTE;
  return [...told, ...list(status), ...list(status)];
};
const die: EngineEvent['action'] = { kind: 'die', exitCode: 143 };
const loseEngine = () => {
  absentees.streamLost();
  absentees.engineLost();
};

describe('a container that ran until the engine was lost', () => {
  beforeEach(() => {
    loseEngine();
    now += MINUTE;
  });

  it('and is down a minute after it is back is told of, once', () => {
    expect(list('exited')).toEqual([]);
    now += MINUTE - 1;
    expect(list('exited')).toEqual([]);
    now += 1;
    expect(list('exited')).toEqual([container.name]);
    expect(list('exited')).toEqual([]);
  });

  it('and is started again meanwhile is not', () => {
    list('exited');
    now += 30_000;
    list('running');
    now += MINUTE;
    expect(list('running')).toEqual([]);
    expect(list('exited')).toEqual([]);
  });

  it.each(['restarting', 'created', 'removed'] as const)('and is %s is not', (status) => {
    expect(listForAMinute(status)).toEqual([]);
  });

  it('and whose end is told by an event after all is not: that is a crash or a stop', () => {
    list('exited');
    tell(die);
    expect(listForAMinute('exited')).toEqual([]);
  });
});

describe('a container whose end was told', () => {
  beforeEach(() => {
    now += 1_000;
    tell(die);
    now += 15_000;
  });

  it.each([
    ['the stream first', loseEngine],
    [
      'a listing first',
      () => {
        absentees.engineLost();
        absentees.streamLost();
      },
    ],
  ])('right before the engine was restarted is told of where it stays down (%s was lost)', (_, lose) => {
    lose();
    expect(listForAMinute('exited')).toEqual([container.name]);
  });

  it('is not told of where the engine remembers it: it was not restarted, somebody stopped the container', () => {
    loseEngine();
    absentees.remembered(1_000);
    expect(listForAMinute('exited')).toEqual([]);
  });

  it('is told of though the engine remembers what it told after its restart', () => {
    loseEngine();
    list('exited');
    now += 10_000;
    absentees.streamLost();
    absentees.remembered(now - 5_000);
    expect(listForAMinute('exited')).toEqual([container.name]);
  });

  it('is not told of where only the stream was lost, or only listings failed', () => {
    absentees.streamLost();
    expect(listForAMinute('exited')).toEqual([]);
    absentees.engineLost();
    expect(listForAMinute('exited')).toEqual([]);
  });

  it('long before the engine was restarted is not told of', () => {
    now += 2 * MINUTE;
    loseEngine();
    expect(listForAMinute('exited')).toEqual([]);
  });
});

it.each([true, false])(
  'a container that somebody stopped is not told of where a listing still shows it running (asked for before: %s)',
  (outdated) => {
    tell(die);
    list('running', { outdated });
    expect(listForAMinute('exited')).toEqual([]);
  },
);

it('many are told of in one message of bounded length', () => {
  const many = Array.from({ length: 300 }, (_, n) => aContainer({ name: `web-${n}` }));
  const { title, text } = notBackNotice(many);
  expect(title).toBe('After an outage of the Docker engine, 300 containers are not running');
  expect(text).toContain('and 280 more');
  expect(text.length).toBeLessThan(500);
});
