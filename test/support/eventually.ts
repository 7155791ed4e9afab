import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  readonly deadlineMs?: number;
  readonly everyMs?: number;
}

/**
 * Polls until `probe` neither throws nor returns undefined, and resolves with its result. Rejects with the last error at
 * the deadline. A probe that only asserts returns `true`.
 */
export async function eventually<T>(
  probe: () => T | undefined | Promise<T | undefined>,
  { deadlineMs = 60_000, everyMs = 20 }: EventuallyOptions = {},
): Promise<T> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    let last: unknown = new Error('the probe returned undefined');
    try {
      const value = await probe();
      if (value !== undefined) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() >= deadline) throw new Error(`not within ${deadlineMs} ms: ${String(last)}`, { cause: last });
    await delay(everyMs);
  }
}
