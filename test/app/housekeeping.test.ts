import { describe, expect, it } from 'vitest';
import { createPruner } from '../../src/app/housekeeping.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Runs the pruner for `forMs` on a clock whose sleeps end at once. Returns the times at which it pruned. */
async function prunedAt(forMs: number, options: { busyUntil?: number; fails?: boolean } = {}) {
  let time = 0;
  const stopping = new AbortController();
  const pruned: number[] = [];
  const prune = createPruner({
    store: {
      async prune() {
        pruned.push(time);
        if (options.fails) throw new Error('disk full');
        return { incidents: 0, attempts: 0, ledger: 0, alerts: 0 };
      },
    },
    retention: { days: 90, incidents: 100 },
    lastActivity: () => Math.min(time, options.busyUntil ?? 0),
    clock: {
      now: () => time,
      monotonic: () => time,
      async sleep(ms) {
        time += ms;
        if (time >= forMs) stopping.abort();
      },
    },
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  });
  await prune(stopping.signal);
  return pruned;
}

describe('pruning', () => {
  it('waits for a minute without activity, and is repeated six hours later', async () => {
    expect(await prunedAt(13 * HOUR)).toEqual([MINUTE, 6 * HOUR + 2 * MINUTE, 12 * HOUR + 3 * MINUTE]);
  });

  it('waits while incidents are handled', async () => {
    expect(await prunedAt(HOUR, { busyUntil: 10 * MINUTE })).toEqual([11 * MINUTE]);
  });

  it('waits for at most an hour', async () => {
    expect(await prunedAt(5 * HOUR, { busyUntil: 5 * HOUR })).toEqual([HOUR]);
  });

  it('is retried after a failure', async () => {
    expect(await prunedAt(7 * HOUR, { fails: true })).toHaveLength(2);
  });
});
