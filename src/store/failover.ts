/** Which database the store uses: the configured one, or while that is away the standby file, or memory. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import { messageOf, StoreError } from '../errors.ts';
import type { CurrentDatabase } from './current-database.ts';
import { copyRows } from './engines/copy-rows.ts';
import { handOver, noteFollower } from './engines/hand-over.ts';
import { openMemory } from './engines/memory.ts';
import { openAny, openConfigured } from './engines/open.ts';
import { createStandby, type Standby, type StandbyEngine } from './engines/standby.ts';
import { readStandbyCopy } from './engines/standby-copy.ts';
import { agentOf, type StorageEngine, type StorageEngineOptions } from './engines/storage-engine.ts';
import { type FleetShare, readFleetShare } from './fleet-share.ts';
import { createMetadata } from './metadata.ts';
import { createQueryRunner, type QueryRunner } from './query-runner.ts';
import { createRecentUsage, type RecentUsage } from './recent-usage.ts';
import { whyNotReadable } from './schema/migrate.ts';

export interface Failover {
  readonly current: CurrentDatabase;
  readonly queries: QueryRunner;
  readonly usage: RecentUsage;
  engine(): StorageEngine;
  /** See Store. */
  problem(): string | undefined;
  databaseAway(): { readonly since: number; readonly why: string } | undefined;
  takeReport(): string | undefined;
  probe(): Promise<boolean>;
  close(): Promise<void>;
}

/** A restart of the database fails one probe; a longer outage also fails the next one. */
const FAILED_PROBES_BEFORE_MEMORY = 2;
const COPY_EVERY_MS = 10 * 60_000;
/** A database that is restarted is back by then. On a standby file, hosts would ask about the same problem each. */
const RESTART_MS = 5_000;
const RETRY_EVERY_MS = 250;
/** Also between tries to open a standby file that cannot be used. */
const SHARE_EVERY_MS = 60_000;

export async function openWithFailover(options: StorageEngineOptions): Promise<Failover> {
  const { where, now, logger, awaitDatabaseMs = RESTART_MS } = options;
  const agent = agentOf(where);
  const canBeShared = 'databaseUrl' in where;
  const standby =
    'databaseUrl' in where && where.standbyDir !== undefined
      ? createStandby({ dataDir: where.standbyDir, agent, now, logger })
      : undefined;
  const reports: string[] = [];
  let copiedAt = Number.NEGATIVE_INFINITY;
  let sharedAt = Number.NEGATIVE_INFINITY;
  let hasWarned = false;
  /** Why the database, which can be reached, must not be used: another agent has the name, or a newer version wrote it. */
  let refusal: string | undefined;
  let closing: Promise<void> | undefined;
  let failedProbes = 0;

  let engine = await openAny(options, standby, arrive);
  const current: CurrentDatabase & { db: StorageEngine['db']; isShared: boolean; share?: FleetShare } = {
    db: engine.db,
    agent,
    isShared: canBeShared && engine.kind === 'configured',
    share: standbyOf(engine)?.share,
  };
  const queries = createQueryRunner({
    logger,
    isOutage: (error) => engine.isOutage(error),
    isDamage: (error) => engine.isDamage(error),
    failover: { current: () => engine, tryElsewhere },
  });
  const metadata = createMetadata(current);
  const usage = createRecentUsage({ agent, now });
  await queries
    .read('read the recent usage of Claude', () => usage.loadFrom(current.db))
    .catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
    });
  if (engine.kind === 'configured') await keepFresh();

  function problem(): string | undefined {
    return queries.problem() ?? engine.problem(now()) ?? (engine.kind === 'standby' ? refusal : undefined);
  }

  function switchTo(next: StorageEngine): void {
    engine = next;
    current.db = next.db;
    current.isShared = canBeShared && next.kind === 'configured';
    current.share = standbyOf(next)?.share;
  }

  /** The configured database is open, and its connection has the lock on the agent's name. */
  async function arrive({ db }: StorageEngine, isStale = false): Promise<void> {
    if (!canBeShared) return;
    const usable = await openStandby();
    const report = await handOver(usable, db, { agent, logger, isStale });
    if (report !== undefined) reports.push(report);
  }

  async function openStandby(): Promise<Standby | undefined> {
    try {
      await standby?.open();
      return standby;
    } catch (error) {
      warnWithoutStandby(error);
      return undefined;
    }
  }

  function warnWithoutStandby(error: unknown): void {
    if (hasWarned) return;
    hasWarned = true;
    logger.warn('there is no standby file: without the database, data is kept in memory and nothing is restarted', {
      problem: messageOf(error),
    });
  }

  /** Copies to the standby file what others may have changed, and reads what the agent may use without the database. */
  async function keepFresh(): Promise<void> {
    if (standby === undefined || engine.kind !== 'configured' || now() - sharedAt < SHARE_EVERY_MS) return;
    sharedAt = now();
    try {
      const usable = await openStandby();
      if (usable === undefined) return;
      // It could not be opened, or not be written, when the agent came to the database.
      if (usable.usedSince() !== undefined) await queries.exclusively(() => arrive(engine, true));
      if (now() - copiedAt >= COPY_EVERY_MS || !usable.isFollowing()) {
        await usable.copy(() =>
          queries.read('read what the standby file needs', () => readStandbyCopy(current.db, agent, now())),
        );
        await queries.write('note that the standby file follows', () => noteFollower(usable, current.db, agent));
        copiedAt = now();
        hasWarned = false;
      } else {
        const share = await queries.read('read what is left of the limits of all hosts', () =>
          readFleetShare(current.db, agent, now()),
        );
        await usable.saveShare(share);
      }
    } catch (error) {
      copiedAt = Number.NEGATIVE_INFINITY;
      warnWithoutStandby(error);
    }
  }

  /** Resolves to whether a query that failed on `failed` can be tried again. */
  async function tryElsewhere(failed: unknown): Promise<boolean> {
    if (failed !== engine) return true;
    if (engine.kind !== 'configured' || standby === undefined || !standby.isFollowing()) return false;
    return queries.exclusively(async () => {
      if (failed !== engine) return true;
      if (closing !== undefined) return false;
      const why = await whyAway();
      return why === undefined || moveToStandby(why);
    });
  }

  /** Undefined if the database can be written, or another agent uses the name of this one. */
  async function whyAway(): Promise<string | undefined> {
    const since = performance.now();
    for (let tries = 1; ; tries++) {
      try {
        await metadata.set('probed_at', String(now()));
        return undefined;
      } catch (error) {
        if (!engine.isOutage(error) || error instanceof StoreError) return undefined;
        // The first try may only find out that the connection was lost.
        if (tries > 1 && performance.now() - since >= awaitDatabaseMs) return messageOf(error);
      }
      if (tries > 1) await sleep(RETRY_EVERY_MS);
    }
  }

  async function moveToStandby(why: string): Promise<boolean> {
    if (standby === undefined || (await standby.unfit()) !== undefined) return false;
    try {
      const database = engine;
      const next = await standby.use(why);
      await usage.saveTo(next.db);
      switchTo(next);
      await database.close();
      logger.error('the database is away: the agent goes on from its standby file', { problem: why });
      return true;
    } catch (error) {
      logger.error('the standby file cannot be used', { problem: messageOf(error) });
      return false;
    }
  }

  /** Moves back to the configured database. Throws if it still cannot be used. */
  async function comeBack(): Promise<void> {
    let next: StorageEngine;
    try {
      next = await openConfigured(options, standby);
      refusal = undefined;
    } catch (error) {
      if (error instanceof StoreError) refusal = error.message;
      throw error;
    }
    try {
      await queries.exclusively(async () => {
        const before = engine;
        await usage.loadFrom(next.db);
        // From the standby file: once everything is copied, it is no longer the store.
        await arrive(next);
        if (before.kind === 'memory') await copyRows(current.db, next.db, agent);
        switchTo(next);
        await before.close();
      });
    } catch (error) {
      if (engine !== next) await next.close();
      throw error;
    }
    copiedAt = sharedAt = Number.NEGATIVE_INFINITY;
    logger.info('the store is available again; what was kept meanwhile was saved to it');
  }

  /** Opens the database again, which replaces a damaged file. If that fails, the store moves to another place. */
  async function reopen(): Promise<void> {
    await queries.exclusively(async () => {
      await engine.close();
      // It is opened again, which replaces a damaged file. On a full disk it could not be opened.
      if (engine.kind === 'standby' && queries.isDamaged()) await standby?.close();
      // Use memory even if the store is locked or has a newer schema: a running agent must not stop.
      const next = await openAny(options, standby, arrive).catch((error) =>
        openMemory({ problem: String(error), now }),
      );
      switchTo(next);
      copiedAt = sharedAt = Number.NEGATIVE_INFINITY;
      await usage.saveTo(current.db).catch((error: unknown) =>
        logger.error(
          'recent usage of Claude could not be saved: it may not count toward the hourly cap and the budget',
          {
            error: String(error),
          },
        ),
      );
    });
  }

  /** A newer agent may have changed the schema so that this one can no longer use it. */
  async function leaveNewerSchema(): Promise<void> {
    if (!current.isShared) return;
    const why = await queries.read('read the version of the schema', () =>
      whyNotReadable(current.db as Kysely<unknown>),
    );
    if (why === undefined) return;
    refusal = why;
    logger.error('the database has a newer schema: the agent no longer uses it', { problem: why });
    await queries.exclusively(async () => {
      if (engine.kind !== 'configured' || (await moveToStandby(why))) return;
      const database = engine;
      const next = await openMemory({ problem: why, now });
      await usage.saveTo(next.db);
      switchTo(next);
      await database.close();
    });
  }

  function notYet(error: unknown): void {
    logger.debug('the database cannot be used yet', { error: String(error) });
  }

  return {
    current,
    queries,
    usage,
    engine: () => engine,
    problem,
    databaseAway: () => standbyOf(engine)?.away,
    takeReport: () => reports.shift(),

    async probe() {
      try {
        if (engine.kind === 'memory') await comeBack();
        if (engine.kind === 'standby') await comeBack().catch(notYet);
        await queries.write('write to the store', () => metadata.set('probed_at', String(now())));
        failedProbes = 0;
        await leaveNewerSchema();
        await keepFresh();
      } catch (error) {
        logger.debug('the probe of the store failed', { error: String(error) });
        failedProbes += 1;
      }
      const isLost = queries.problem() !== undefined && failedProbes >= FAILED_PROBES_BEFORE_MEMORY;
      if (queries.isDamaged() || (isLost && engine.kind !== 'memory')) await reopen();
      return problem() === undefined;
    },

    close() {
      closing ??= queries.drain().then(async () => {
        await engine.close();
        await standby?.close();
      });
      return closing;
    },
  };
}

function standbyOf(engine: StorageEngine): StandbyEngine | undefined {
  return engine.kind === 'standby' ? (engine as StandbyEngine) : undefined;
}
