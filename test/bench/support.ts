/** Shared by the benches. */
import type { RunOptions, TestContainer } from '../support/engine.ts';
import { runContainer } from '../support/engine.ts';

/** A percentile of an unsorted sample, by nearest rank. `share`: 0.95 is the 95th percentile. */
export function percentile(sample: readonly number[], share: number): number {
  const sorted = sample.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** Runs `use` with a function that starts containers. They are always removed at the end, even after Ctrl-C. */
export async function withContainers(
  use: (start: (options: RunOptions) => Promise<TestContainer>) => Promise<void>,
): Promise<void> {
  const started: Promise<TestContainer>[] = [];
  const removeAll = async (): Promise<void> => {
    for (const batch of batches(started.splice(0), AT_ONCE)) {
      const containers = await Promise.allSettled(batch);
      await Promise.allSettled(
        containers.map((one) => (one.status === 'fulfilled' ? one.value.remove() : Promise.resolve())),
      );
    }
  };
  const interrupted = (): void => {
    void removeAll().finally(() => process.exit(130));
  };
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    await use((options) => {
      const container = runContainer(options);
      started.push(container);
      return container;
    });
  } finally {
    await removeAll();
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
  }
}

/** An engine on two cores can start or remove this many containers at a time before its calls time out. */
export const AT_ONCE = 8;

export function batches<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

export const number = (value: number): string => value.toLocaleString('en-US');

/** Prints one row of a report. */
export function print(what: string, got: string): void {
  console.log(`${what.padEnd(36)} ${got}`);
}

/** Summarizes durations in ms. Infinity: it did not end. */
export function spread(sample: readonly number[]): string {
  const ms = (value: number) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
  return `p50 ${ms(percentile(sample, 0.5))}, p95 ${ms(percentile(sample, 0.95))}, at most ${ms(Math.max(...sample))}`;
}
