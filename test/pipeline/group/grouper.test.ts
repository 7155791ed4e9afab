import { describe, expect, it } from 'vitest';
import { createGrouper, type Grouper, type Merge } from '../../../src/pipeline/group/grouper.ts';
import { aContainer, errorOf, sharedFile } from '../../support/detect.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const container = aContainer('shop-web-1', 'web');
const letters = (n: number): string => n.toString().replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)] as string);
/** The nth of many different problems. */
const problem = (n: number) => errorOf(`ERROR ${letters(n)} broke`);
const assign = (grouper: Grouper, n: number, now: number, of = container) => grouper.assign(of, problem(n), now);

describe('a problem', () => {
  it('is new once, then a repeat', () => {
    const grouper = createGrouper();
    const first = assign(grouper, 1, 0);
    expect(first.kind).toBe('new');
    expect(assign(grouper, 1, 1)).toEqual({ kind: 'repeat', fingerprint: first.fingerprint });
    expect(assign(grouper, 2, 2).kind).toBe('new');
  });

  it('keeps its fingerprint when the container is recreated or scaled', () => {
    const grouper = createGrouper();
    const first = assign(grouper, 1, 0);
    expect(assign(grouper, 1, 1, aContainer('shop-web-2', 'web'))).toEqual({
      kind: 'repeat',
      fingerprint: first.fingerprint,
    });
    expect(assign(createGrouper(), 1, 9).fingerprint).toBe(first.fingerprint);
  });

  it('is new again once its service has been forgotten', () => {
    const grouper = createGrouper();
    assign(grouper, 1, 0);
    grouper.forget(container);
    expect(assign(grouper, 1, 1).kind).toBe('new');
  });

  it('is reported for an audit if it is merged into another', () => {
    const merges: Merge[] = [];
    const grouper = createGrouper({ onMerge: (merge) => merges.push(merge) });
    const line = (service: string) =>
      errorOf(
        `ERROR request processing of the order of this customer failed in the end as no instances were available for ${service}`,
      );
    const one = grouper.assign(container, line('stock-service'), 0);
    const other = grouper.assign(container, line('price-service'), 1);
    expect(other).toEqual({ kind: 'repeat', fingerprint: one.fingerprint });
    expect(merges).toMatchObject([{ service: 'web', into: one.fingerprint }]);
    expect(merges[0]?.similarity).toBeGreaterThan(0.93);
  });
});

describe('a storm of new problems', () => {
  it('is one overflow beyond the limit per minute, with samples', () => {
    const grouper = createGrouper({ newGroupsPerMinute: 3 });
    const kinds = Array.from({ length: 10 }, (_, n) => assign(grouper, n, n));
    expect(kinds.slice(0, 3).map(({ kind }) => kind)).toEqual(['new', 'new', 'new']);
    expect(kinds.slice(3).map((it) => it.kind === 'overflow' && it.first)).toEqual([true, ...Array(6).fill(false)]);
    expect(new Set(kinds.slice(3).map(({ fingerprint }) => fingerprint)).size).toBe(1);
    expect(grouper.samples(container)).toEqual(['d broke', 'e broke', 'f broke', 'g broke', 'h broke']);
  });

  it('does not hide problems that were known before', () => {
    const grouper = createGrouper({ newGroupsPerMinute: 3 });
    for (let n = 0; n < 100; n++) assign(grouper, n, n);
    expect(assign(grouper, 0, 100).kind).toBe('repeat');
  });

  it('does not affect other services', () => {
    const grouper = createGrouper({ newGroupsPerMinute: 3 });
    for (let n = 0; n < 100; n++) assign(grouper, n, n);
    expect(assign(grouper, 0, 100, aContainer('db')).kind).toBe('new');
  });

  it('ends: a minute later, new problems and the next storm are reported', () => {
    const grouper = createGrouper({ newGroupsPerMinute: 3 });
    for (let n = 0; n < 100; n++) assign(grouper, n, n);
    expect(assign(grouper, 200, 2 * MINUTE).kind).toBe('new');
    const next = Array.from({ length: 5 }, (_, n) => assign(grouper, 300 + n, 2 * MINUTE + n));
    expect(next.filter((it) => it.kind === 'overflow' && it.first)).toHaveLength(1);
  });

  it('reports nothing else while it lasts', () => {
    const grouper = createGrouper({ newGroupsPerMinute: 3 });
    const tenMinutes = Array.from({ length: 600 }, (_, n) => assign(grouper, n, n * 1_000));
    expect(tenMinutes.filter((it) => it.kind === 'new')).toHaveLength(3);
    expect(tenMinutes.filter((it) => it.kind === 'overflow' && it.first)).toHaveLength(1);
  });

  it('ends when few new problems come, even if one of its own repeats, which is then reported', () => {
    const grouper = createGrouper({ newGroupsPerMinute: 3 });
    for (let n = 0; n < 5; n++) assign(grouper, n, n);
    const repeats = Array.from({ length: 120 }, (_, n) => assign(grouper, 4, n * 1_000));
    expect(repeats.slice(0, 60).every(({ kind }) => kind === 'overflow')).toBe(true);
    expect(repeats.slice(61).map(({ kind }) => kind)).toEqual(['new', ...Array(58).fill('repeat')]);
  });

  it('does not exceed the memory limit', () => {
    const grouper = createGrouper({ maxGroups: 50, newGroupsPerMinute: 1_000_000 });
    for (let n = 0; n < 5_000; n++) assign(grouper, n, n);
    expect(grouper.groups).toBe(50);
    expect(assign(grouper, 4_999, 5_000).kind).toBe('repeat');
    expect(assign(grouper, 0, 5_001).kind).toBe('new');
  });
});

describe('a habit', () => {
  const hourly = (grouper: Grouper, hours: number, perHour: number, from = 0) => {
    const kinds: string[] = [];
    for (let hour = 0; hour < hours; hour++) {
      for (let i = 0; i < perHour; i++) kinds.push(assign(grouper, 1, (from + hour) * HOUR + i * 1_000).kind);
    }
    return kinds;
  };

  it('is an error that comes every hour for half a day', () => {
    const kinds = hourly(createGrouper(), 24, 2);
    expect(kinds[0]).toBe('new');
    expect(kinds.slice(1, 20)).not.toContain('habit');
    expect(new Set(kinds.slice(26))).toEqual(new Set(['habit']));
  });

  it('is reported again when it becomes much more frequent', () => {
    const grouper = createGrouper();
    hourly(grouper, 24, 2);
    const burst = hourly(grouper, 1, 60, 24);
    expect(burst.slice(0, 5)).toEqual(Array(5).fill('habit'));
    expect(new Set(burst.slice(15))).toEqual(new Set(['repeat']));
  });

  it('is not an outage of one afternoon: the next one is reported', () => {
    const grouper = createGrouper();
    hourly(grouper, 5, 1_000);
    expect(new Set(hourly(grouper, 1, 1_000, 29))).toEqual(new Set(['repeat']));
  });

  it('is not an error that comes once a day', () => {
    const grouper = createGrouper();
    const kinds = Array.from({ length: 5 }, (_, day) => assign(grouper, 1, day * 24 * HOUR).kind);
    expect(kinds).not.toContain('habit');
  });
});

const hour = sharedFile('trainticket.jsonl.gz');

describe('an hour of a shop of 27 services (trainticket)', () => {
  it.skipIf(hour === undefined).each([
    ['with the statement left in', false, 0.95],
    ['with the statement hidden', true, 0.8],
  ])('%s: every problem is found, few are split, and there are no false ones', async (_, hidden, bar) => {
    const { groupTrainticket } = await import('../../support/trainticket.ts');
    const result = groupTrainticket(hour as Buffer, hidden);
    expect(result.falseTroubles).toBe(0);
    expect(result.missedRecords).toBe(0);
    expect(result.f1).toBeGreaterThanOrEqual(bar);
    expect(result.incidents).toBeLessThanOrEqual(1.3 * result.problems);
    expect(result.problemsMissing).toBe(0);
  });
});
