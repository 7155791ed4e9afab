import { describe, expect, it } from 'vitest';
import { createCountWriter } from '../../../src/pipeline/incident/count-writer.ts';

function build() {
  const writes: number[] = [];
  const errors: string[] = [];
  let occurrences = 0;
  let fails = false;
  const slept: { readonly ms: number; wake(): void }[] = [];
  const writer = createCountWriter(
    {
      async saveOccurrences(counts) {
        if (fails) throw new Error('disk I/O error');
        for (const one of counts) writes.push(one.occurrences);
      },
    },
    () => {
      const dirty = occurrences > 0 ? [{ id: 'inc-1', occurrences, lastSeenAt: 1_000 }] : [];
      occurrences = 0;
      return dirty;
    },
    {
      now: () => 0,
      monotonic: () => 0,
      sleep: (ms) => new Promise((resolve) => slept.push({ ms, wake: resolve })),
    },
    { debug() {}, info() {}, warn() {}, error: (message) => void errors.push(message) },
  );
  const repeat = (count = 1) => {
    occurrences += count;
    writer.wake();
  };
  const wake = async () => {
    slept.shift()?.wake();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { writer, repeat, wake, writes, errors, slept, breakStore: () => (fails = true) };
}

describe('the counts of repeats', () => {
  it('are written together, a second after the first of them', async () => {
    const { repeat, wake, writes, slept } = build();
    repeat();
    repeat(4);
    expect(slept.map(({ ms }) => ms)).toEqual([1_000]);
    expect(writes).toEqual([]);
    await wake();
    expect(writes).toEqual([5]);
    repeat(2);
    await wake();
    expect(writes).toEqual([5, 2]);
  });

  it('are written at once if the agent stops', async () => {
    const { writer, repeat, writes } = build();
    repeat(3);
    await writer.flush();
    expect(writes).toEqual([3]);
  });

  it('cause no write if there are none', async () => {
    const { writer, breakStore, errors } = build();
    breakStore();
    await writer.flush();
    expect(errors).toEqual([]);
  });

  it('that cannot be stored are logged, and the next ones are tried again', async () => {
    const { repeat, wake, errors, breakStore, slept } = build();
    breakStore();
    repeat();
    await wake();
    expect(errors).toHaveLength(1);
    repeat();
    expect(slept).toHaveLength(1);
  });
});
