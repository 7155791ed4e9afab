import { StoreError } from '../errors.ts';
import type { Logger } from '../lib/log.ts';

/** Runs every query of the store: translates faults, and knows whether the last write reached its place. */
export interface Guard {
  read<T>(what: string, query: () => Promise<T>): Promise<T>;
  write<T>(what: string, query: () => Promise<T>): Promise<T>;
  /** Why writes fail now, in words; undefined where they do not. */
  trouble(): string | undefined;
  /** Damage was met: a write that succeeds somewhere else in the file is no comfort. */
  damaged(): boolean;
  /** Runs `work` while no query is under way; those that come meanwhile wait. What was known of faults is forgotten. */
  alone<T>(work: () => Promise<T>): Promise<T>;
  /** Refuses new queries, resolves when those under way are done. */
  drain(): Promise<void>;
}

export interface Faults {
  /** Whether `error` says that the place cannot be read or written, rather than that we made a mistake. */
  isOutage(error: unknown): boolean;
  /** Whether `error` says that what is written there is broken. */
  isDamage(error: unknown): boolean;
}

/**
 * A fault of the place (`isOutage`) becomes a StoreError `unavailable` and is remembered until a write succeeds.
 * Anything else is a mistake of ours and passes as it is.
 */
export function createGuard({ logger, isOutage, isDamage }: { readonly logger: Logger } & Faults): Guard {
  let trouble: string | undefined;
  let damaged = false;
  let closed = false;
  let moving: Promise<unknown> | undefined;
  const underWay = new Set<Promise<unknown>>();

  function failed(what: string, error: unknown): StoreError {
    const message = `could not ${what}: ${error instanceof Error ? error.message : String(error)}`;
    if (trouble === undefined) {
      logger.error('the store fails; nothing is restarted until it can be written again', { problem: message });
    }
    trouble = message;
    damaged ||= isDamage(error);
    return new StoreError(message, 'unavailable', error);
  }

  function written(): void {
    if (trouble === undefined || damaged) return;
    trouble = undefined;
    logger.info('the store can be written again');
  }

  async function run<T>(what: string, query: () => Promise<T>, onSuccess?: () => void): Promise<T> {
    while (moving !== undefined) await moving;
    if (closed) throw new StoreError(`could not ${what}: the store is closed`, 'unavailable');
    const running = query();
    underWay.add(running);
    try {
      const result = await running;
      onSuccess?.();
      return result;
    } catch (error) {
      throw isOutage(error) ? failed(what, error) : error;
    } finally {
      underWay.delete(running);
    }
  }

  return {
    read: (what, query) => run(what, query),
    write: (what, query) => run(what, query, written),
    trouble: () => trouble,
    damaged: () => damaged,
    async alone(work) {
      while (moving !== undefined) await moving;
      const { promise, resolve } = Promise.withResolvers<void>();
      moving = promise;
      try {
        await Promise.allSettled(underWay);
        const result = await work();
        trouble = undefined;
        damaged = false;
        return result;
      } finally {
        moving = undefined;
        resolve();
      }
    },
    drain: async () => {
      while (moving !== undefined) await moving;
      closed = true;
      await Promise.allSettled(underWay);
    },
  };
}
