import { beforeEach, describe, expect, it } from 'vitest';
import type { EngineEvent, ListedContainer } from '../../src/domain.ts';
import { notBackNotice } from '../../src/pipeline/engine-watch.ts';
import { type Absentees, createAbsentees } from '../../src/pipeline/watch/absentees.ts';
import { aContainer } from '../support/domain.ts';

const container = aContainer();
const MINUTE = 60_000;

let now: number;
let absentees: Absentees;
beforeEach(() => {
  now = 0;
  absentees = createAbsentees({ monotonic: () => now });
});

const tell = (action: EngineEvent['action']) =>
  absentees.observe({ time: 0, containerId: container.id, container, action });
/** Names of those told of after a listing. */
const list = (status: ListedContainer['status'] | 'removed', { continuous = false, outdated = false } = {}) =>
  absentees
    .listed(status === 'removed' ? [] : [{ ref: container, status, health: 'none', networkMode: 'none' }], {
      continuous,
      isOutdated: () => outdated,
    })
    .map(({ name }) => name);
const die: EngineEvent['action'] = { kind: 'die', exitCode: 143 };

describe('a container that ran until the engine was lost', () => {
  beforeEach(() => {
    list('running', { continuous: true });
    absentees.lost();
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
    list(status);
    now += MINUTE;
    expect(list(status)).toEqual([]);
  });

  it('and whose end is told by an event after all is not: that is a crash or a stop', () => {
    list('exited');
    tell(die);
    now += MINUTE;
    expect(list('exited')).toEqual([]);
  });
});

describe('a container whose end was told', () => {
  beforeEach(() => {
    list('running', { continuous: true });
    tell(die);
  });

  it('right before the engine was restarted is told of where it stays down', () => {
    now += 15_000;
    absentees.lost();
    list('exited');
    now += MINUTE;
    expect(list('exited')).toEqual([container.name]);
  });

  it('right before an engine was lost that was not restarted is not: somebody stopped it', () => {
    now += 15_000;
    absentees.lost();
    list('exited');
    now += MINUTE;
    expect(list('exited', { continuous: true })).toEqual([]);
  });

  it.each([true, false])('and that a listing still shows running is not (asked for before: %s)', (outdated) => {
    list('running', { outdated });
    list('exited');
    now += MINUTE;
    expect(list('exited')).toEqual([]);
  });

  it('long before is not', () => {
    now += 2 * MINUTE;
    absentees.lost();
    list('exited');
    now += MINUTE;
    expect(list('exited')).toEqual([]);
  });
});

it('many are told of in one message of bounded length', () => {
  const many = Array.from({ length: 300 }, (_, n) => aContainer({ name: `web-${n}` }));
  const { title, text } = notBackNotice(many);
  expect(title).toBe('The Docker engine was away, and 300 containers are not back');
  expect(text).toContain('and 280 more');
  expect(text.length).toBeLessThan(500);
});
