import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  readonly deadlineMs?: number;
  readonly everyMs?: number;
}

/**
 * Polls until `probe` neither throws nor returns undefined, and resolves with what it returned. At the
 * deadline it rejects with the last error. A probe that only asserts returns `true` or any other value.
 */
export async function eventually<T>(
  probe: () => T | undefined | Promise<T | undefined>,
  { deadlineMs = 5_000, everyMs = 20 }: EventuallyOptions = {},
): Promise<T> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    let last: unknown = new Error('the awaited state did not come');
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
