export interface Permit {
  /** Whether the caller had to wait. If so, what it knew before may be out of date. */
  readonly waited: boolean;
  /** Idempotent. */
  release(): void;
}

/** Returns a function that resolves when one of `max` permits is free. Callers are served in order. */
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

/** Returns a function that runs tasks, at most `max` at a time. The others wait in order. */
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
