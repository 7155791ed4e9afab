/** Snoozes: what they hold back, and when they end. */
import { type ContainerRef, serviceKey } from '../../domain/containers.ts';
import type { Incident } from '../../domain/incident.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../lib/time.ts';
import type { PeopleRecords, Snooze } from '../ports/people.ts';

type Problem = Pick<Incident, 'fingerprint'> & { readonly container: ContainerRef };

interface SnoozesDeps {
  readonly store: Pick<PeopleRecords, 'unendedSnoozes' | 'saveSnooze' | 'saveHeldBack' | 'endSnooze'>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly stopping: AbortSignal;
  /** Runs background work that the agent waits for when it stops. */
  start(work: Promise<void>): void;
  /**
   * The snooze holds nothing back any more. Resolves when the incidents that it held back have been looked at again. If
   * the agent stops before, the next run calls it again.
   */
  onEnded(snooze: Snooze): Promise<void>;
}

export interface Snoozes {
  /** The snooze that holds this problem back now. */
  of(problem: Problem): Snooze | undefined;
  /** Counts a signal or an alert that a snooze holds back. False if none does. */
  holdsBack(problem: Problem): boolean;
  /** Replaces one of the same problem or service. */
  add(snooze: Snooze): Promise<void>;
  /** Ends it early. Undefined if there is no such snooze. */
  end(id: string): Promise<Snooze | undefined>;
  /** Takes up the snoozes of an earlier run of the agent. Those that ended since are ended by `resume`. */
  load(): Promise<void>;
  /** Starts the timers. Call it when incidents of an earlier run have been taken up. */
  resume(): void;
  /** Whether a snooze of this problem has not been ended yet, even if its time is over. */
  isPending(problem: Problem): boolean;
  /** The alert key of the snooze that held this incident back, if an earlier run may have begun to end it. */
  endingKey(incident: Problem & Pick<Incident, 'openedAt'>): string | undefined;
  /** The snoozes of other agents that share the database. They hold back here too; those agents end them. */
  setOthers(snoozes: readonly Snooze[]): void;
  count(): number;
  /** Writes the counts. */
  flush(): Promise<void>;
}

/** The shortest time between two writes of the counts. */
const COUNTS_EVERY_MS = 1_000;
/** The clock may be set during a snooze. */
const CHECK_AT_LEAST_EVERY_MS = 60_000;

interface Active {
  snooze: Snooze;
  readonly over: AbortController;
}

export function createSnoozes(deps: SnoozesDeps): Snoozes {
  const { store, logger, clock, stopping } = deps;
  const byService = new Map<string, Active[]>();
  const dirty = new Set<Active>();
  let asleep = true;
  let others: readonly Snooze[] = [];
  /** Those of an earlier run that were over when this one began. */
  let overdue: readonly Snooze[] = [];

  const all = (): Active[] => [...byService.values()].flat();

  const find = ({ container, fingerprint }: Problem): Active | undefined => {
    if (byService.size === 0) return undefined;
    const now = clock.now();
    return byService
      .get(serviceKey(container))
      ?.find(({ snooze }) => now < snooze.until && matches(snooze, { container, fingerprint }));
  };

  const flush = async (): Promise<void> => {
    const counts = Array.from(dirty, ({ snooze: { id, heldBack } }) => ({ id, heldBack }));
    dirty.clear();
    await store.saveHeldBack(counts).catch((error: unknown) => {
      logger.error('the counts of snoozes could not be stored', { error: String(error) });
    });
  };

  const wake = (): void => {
    if (!asleep) return;
    asleep = false;
    void clock.sleep(COUNTS_EVERY_MS).then(async () => {
      asleep = true;
      await flush();
    });
  };

  const remember = (snooze: Snooze): Active => {
    const active = { snooze, over: new AbortController() };
    const key = serviceKey(snooze.service);
    byService.set(key, [...(byService.get(key) ?? []), active]);
    return active;
  };

  const forget = (active: Active): void => {
    active.over.abort();
    const key = serviceKey(active.snooze.service);
    const others = (byService.get(key) ?? []).filter((other) => other !== active);
    if (others.length > 0) byService.set(key, others);
    else byService.delete(key);
  };

  const ended = async (active: Active): Promise<void> => {
    forget(active);
    await flush();
    logger.info('a snooze has ended', { service: active.snooze.service.service, held_back: active.snooze.heldBack });
    await deps.onEnded(active.snooze);
    if (stopping.aborted) return;
    await store.endSnooze(active.snooze.id, clock.now()).catch((error: unknown) => {
      logger.error('the end of a snooze could not be stored', { error: String(error) });
    });
  };

  const endInTime = async (active: Active): Promise<void> => {
    const over = AbortSignal.any([active.over.signal, stopping]);
    while (!over.aborted && clock.now() < active.snooze.until) {
      await clock.sleep(Math.min(active.snooze.until - clock.now(), CHECK_AT_LEAST_EVERY_MS), over);
    }
    if (!over.aborted) await ended(active);
  };

  const ofOthers = (problem: Problem): Snooze | undefined =>
    others.find((snooze) => clock.now() < snooze.until && matches(snooze, problem));

  return {
    of: (problem) => find(problem)?.snooze ?? ofOthers(problem),

    holdsBack(problem) {
      const active = find(problem);
      if (active === undefined) return ofOthers(problem) !== undefined;
      active.snooze = { ...active.snooze, heldBack: active.snooze.heldBack + 1 };
      dirty.add(active);
      wake();
      return true;
    },

    async add(snooze) {
      await store.saveSnooze(snooze);
      const replaced = all().filter(
        ({ snooze: { service, fingerprint } }) =>
          serviceKey(service) === serviceKey(snooze.service) && fingerprint === snooze.fingerprint,
      );
      deps.start(endInTime(remember(snooze)));
      for (const active of replaced) {
        forget(active);
        await store.endSnooze(active.snooze.id, clock.now());
      }
    },

    async end(id) {
      const active = all().find(({ snooze }) => snooze.id === id);
      if (active === undefined) return undefined;
      // If the agent is killed before the incidents have been looked at again, the next run does it.
      await store.saveSnooze({ ...active.snooze, until: clock.now() });
      deps.start(ended(active));
      return active.snooze;
    },

    async load() {
      const left = await store.unendedSnoozes().catch((error: unknown) => {
        logger.error('the snoozes could not be read', { error: String(error) });
        return [];
      });
      for (const snooze of left) remember(snooze);
      overdue = left.filter(({ until }) => until <= clock.now());
    },

    resume() {
      for (const active of all()) deps.start(endInTime(active));
    },

    isPending: (problem) =>
      [...all().map(({ snooze }) => snooze), ...others].some((snooze) => matches(snooze, problem)),

    endingKey(incident) {
      const snooze = overdue.find((ended) => incident.openedAt < ended.until && matches(ended, incident));
      return snooze && alertKeyOf(snooze);
    },

    setOthers(snoozes) {
      const kept = new Set(snoozes.map(({ id }) => id));
      const over = others.filter(({ id }) => !kept.has(id));
      others = snoozes;
      for (const snooze of over) deps.start(deps.onEnded(snooze));
    },

    count: () => all().length,
    flush,
  };
}

/** Names the one alert of each incident that the end of a snooze leads to. */
export const alertKeyOf = ({ id }: Pick<Snooze, 'id'>): string => `snooze/${id}`;

/** Whether the snooze is about this problem, whether or not it has ended. */
export function matches({ service, fingerprint }: Snooze, problem: Problem): boolean {
  return (
    serviceKey(service) === serviceKey(problem.container) &&
    (fingerprint === undefined || fingerprint === problem.fingerprint)
  );
}
