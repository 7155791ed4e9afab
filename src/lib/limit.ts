/** A place among the few that may be at something at once. */
export interface Place {
  /** It was not free at once: what was known before may have changed. */
  readonly waited: boolean;
  /** Idempotent. */
  leave(): void;
}

/** Returns `take`: resolves when one of `most` places is free, first come first served. */
export function createPlaces(most: number): () => Promise<Place> {
  const waiting: (() => void)[] = [];
  let free = most;

  const place = (waited: boolean): Place => {
    let left = false;
    return {
      waited,
      leave() {
        if (left) return;
        left = true;
        const next = waiting.shift();
        if (next) next();
        else free += 1;
      },
    };
  };

  return async () => {
    if (free > 0) {
      free -= 1;
      return place(false);
    }
    await new Promise<void>((resolve) => waiting.push(resolve));
    return place(true);
  };
}

/** Returns a runner that has `most` things under way at once; the others wait for their turn. */
export function atMost(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  const take = createPlaces(most);
  return async (work) => {
    const place = await take();
    try {
      return await work();
    } finally {
      place.leave();
    }
  };
}
