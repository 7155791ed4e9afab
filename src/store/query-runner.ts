import { messageOf, StoreError } from '../errors.ts';
import type { Logger } from '../lib/log.ts';
import type { FaultClassifier } from './engines/storage-engine.ts';

/** Runs every query of the store, translates errors, and tracks whether the store works. */
export interface QueryRunner {
  /** `what` completes "could not …" in the error. */
  read<T>(what: string, query: () => Promise<T>): Promise<T>;
  write<T>(what: string, query: () => Promise<T>): Promise<T>;
  /** Why the latest query failed; undefined once a write has succeeded. */
  problem(): string | undefined;
  /**
   * Whether damaged data was found. Later successful writes, which may concern other parts of the file, do not reset
   * it.
   */
  isDamaged(): boolean;
  /** Runs `work` while no query runs; new queries wait. If it succeeds, earlier errors are forgotten. */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
  /** Rejects new queries, and resolves when the running ones are done. */
  drain(): Promise<void>;
}

/** Another database that can replace the one in use. */
export interface Failover {
  /** The database in use. */
  current(): unknown;
  /** Called when `failed` could not be used. Resolves to whether the query can be tried again. */
  tryElsewhere(failed: unknown): Promise<boolean>;
}

/**
 * An outage is translated to a StoreError `unavailable` and remembered until a write succeeds. Any other error is a bug
 * in our code and is rethrown unchanged. With `failover`, a query that failed may run again, once: it must have the same
 * effect if the first try was committed after all.
 */
export function createQueryRunner({
  logger,
  isOutage,
  isDamage,
  failover,
}: { readonly logger: Logger; readonly failover?: Failover } & FaultClassifier): QueryRunner {
  let problem: string | undefined;
  let damaged = false;
  let closed = false;
  let exclusiveWork: Promise<unknown> | undefined;
  const running = new Set<Promise<unknown>>();

  function toStoreError(what: string, error: unknown): StoreError {
    const message = `could not ${what}: ${messageOf(error)}`;
    if (problem === undefined) {
      logger.error('the store failed; nothing is restarted until it can be written again', { problem: message });
    }
    problem = message;
    damaged ||= isDamage(error);
    return new StoreError(message, 'unavailable', error);
  }

  function noteWritten(): void {
    if (problem === undefined || damaged) return;
    problem = undefined;
    logger.info('the store can be written again');
  }

  async function run<T>(what: string, query: () => Promise<T>, onSuccess?: () => void): Promise<T> {
    for (let isSecond = false; ; isSecond = true) {
      while (exclusiveWork !== undefined) await exclusiveWork;
      if (closed) throw new StoreError(`could not ${what}: the store is closed`, 'unavailable');
      const usedDatabase = failover?.current();
      const result = query();
      running.add(result);
      try {
        const value = await result;
        onSuccess?.();
        return value;
      } catch (error) {
        if (!isOutage(error)) throw error;
        running.delete(result);
        if (isSecond || !(await failover?.tryElsewhere(usedDatabase))) throw toStoreError(what, error);
      } finally {
        running.delete(result);
      }
    }
  }

  return {
    read: (what, query) => run(what, query),
    write: (what, query) => run(what, query, noteWritten),
    problem: () => problem,
    isDamaged: () => damaged,

    async exclusively(work) {
      while (exclusiveWork !== undefined) await exclusiveWork;
      const { promise, resolve } = Promise.withResolvers<void>();
      exclusiveWork = promise;
      try {
        await Promise.allSettled(running);
        const result = await work();
        problem = undefined;
        damaged = false;
        return result;
      } finally {
        exclusiveWork = undefined;
        resolve();
      }
    },

    async drain() {
      while (exclusiveWork !== undefined) await exclusiveWork;
      closed = true;
      await Promise.allSettled(running);
    },
  };
}
