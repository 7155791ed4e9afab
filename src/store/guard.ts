import { StoreError } from '../errors.ts';
import type { Logger } from '../pipeline/ports.ts';

/** Runs every query of the store: translates faults, and knows whether the last write reached its place. */
export interface Guard {
  read<T>(what: string, query: () => Promise<T>): Promise<T>;
  write<T>(what: string, query: () => Promise<T>): Promise<T>;
  /** Why writes fail now, in words; undefined where they do not. */
  trouble(): string | undefined;
  /** Refuses new queries, resolves when those under way are done. */
  drain(): Promise<void>;
}

/**
 * A fault of the disk (`isOutage`) becomes a StoreError `unavailable` and is remembered until a write succeeds.
 * Anything else is a mistake of ours and passes as it is.
 */
export function createGuard(options: { logger: Logger; isOutage(error: unknown): boolean }): Guard {
  const { logger, isOutage } = options;
  let trouble: string | undefined;
  let closed = false;
  const underWay = new Set<Promise<unknown>>();

  function failed(what: string, error: unknown): StoreError {
    const message = `could not ${what}: ${error instanceof Error ? error.message : String(error)}`;
    if (trouble === undefined) {
      logger.error('the store fails; nothing is restarted until it can be written again', { problem: message });
    }
    trouble = message;
    return new StoreError(message, 'unavailable', error);
  }

  function written(): void {
    if (trouble === undefined) return;
    trouble = undefined;
    logger.info('the store can be written again');
  }

  async function run<T>(what: string, query: () => Promise<T>, onSuccess?: () => void): Promise<T> {
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
    drain: async () => {
      closed = true;
      await Promise.allSettled(underWay);
    },
  };
}
