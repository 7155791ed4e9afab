export interface Permit {
  /** False if a permit was free at once. After a wait, what the caller knew before may be out of date. */
  readonly waited: boolean;
  /** Idempotent. */
  release(): void;
}

/** A semaphore: the returned function resolves when one of `max` permits is free, first come, first served. */
export function createSemaphore(max: number): () => Promise<Permit> {
  const waiting: (() => void)[] = [];
  let free = max;

  const permit = (waited: boolean): Permit => {
    let released = false;
    return {
      waited,
      release() {
        if (released) return;
        released = true;
        const next = waiting.shift();
        if (next) next();
        else free += 1;
      },
    };
  };

  return async () => {
    if (free > 0) {
      free -= 1;
      return permit(false);
    }
    await new Promise<void>((resolve) => waiting.push(resolve));
    return permit(true);
  };
}

/** Returns a runner that runs at most `max` tasks at a time; the others wait, first come, first served. */
export function createLimit(max: number): <T>(task: () => Promise<T>) => Promise<T> {
  const acquire = createSemaphore(max);
  return async (task) => {
    const permit = await acquire();
    try {
      return await task();
    } finally {
      permit.release();
    }
  };
}
