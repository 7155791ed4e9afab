/**
 * Flood control of one receiver: of more than `maxPerMinute` alerts in a minute, the rest become one summary. The held alerts stay
 * in the outbox until a summary with them was accepted, so a restart of the agent loses none.
 */
import { type Alert, isProgress } from '../../domain/alert.ts';
import type { Clock } from '../../lib/time.ts';
import type { Receiver, Summary } from '../ports/receiver.ts';
import type { FloodStore } from '../ports/store.ts';
import { summarize } from './summary.ts';

/** `skip`: the alert continues a message that was never sent. */
export type Verdict = 'send' | 'hold' | 'skip';

export interface FloodControl {
  /** What is to be done with the next alert. `hold`: it has been added to the summary. */
  judge(alert: Alert, isStored: boolean): Promise<Verdict>;
  /** The receiver has accepted an alert that was judged `send`. */
  sent(alert: Alert): void;
  /** The summary, if it is time to send it. */
  due(): Promise<DueSummary | undefined>;
}

export interface DueSummary {
  readonly summary: Summary;
  /** The receiver has accepted it. */
  accepted(): Promise<void>;
}

const WINDOW_MS = 60_000;
const DEFAULT_MAX_PER_MINUTE = 10;
/**
 * The first summary is sent when no alert has come for GATHER_MS, at the latest after MAX_GATHER_MS. People have the
 * first alerts by then.
 */
const GATHER_MS = 15_000;
const MAX_GATHER_MS = 2 * 60_000;
/** A flood is over when fewer than `maxPerMinute` alerts came in this time. */
const OVER_MS = 5 * 60_000;
/**
 * Alerts with a request that are sent alone besides the others, in the time that a request waits. A person who has to
 * answer more needs the page; the summary says how many they are.
 */
const MAX_REQUESTS = 50;
const REQUESTS_MS = 15 * 60_000;
/** A message that is edited may change often; the services allow about one edit a second. */
const UPDATE_EVERY_MS = 5_000;
/** Each further message is a ping. */
const RESEND_EVERY_MS = 10 * 60_000;

/** What survives a restart of the agent. */
interface Flood {
  readonly id: string;
  /** Epoch ms. */
  readonly since: number;
  /** How many incidents the last accepted summary had; 0 if there was none. */
  readonly told: number;
}

export function createFloodControl(options: {
  readonly receiver: Pick<Receiver, 'name' | 'follows' | 'groups' | 'takesAnswers' | 'updatesSummary'>;
  readonly store: FloodStore;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  /** Default: 10. */
  readonly maxPerMinute?: number;
}): FloodControl {
  const { receiver, store, clock, maxPerMinute = DEFAULT_MAX_PER_MINUTE } = options;
  const { name } = receiver;
  let flood: Flood | undefined;
  let isLoaded = false;
  /** Monotonic times of messages in the last minute. */
  let messages: number[] = [];
  /** Monotonic times of alerts with a request that were sent besides, in the last REQUESTS_MS. */
  let requests: number[] = [];
  /** Monotonic times of alerts that were held in the last OVER_MS. */
  let holds: number[] = [];
  /** Monotonic. */
  let activeFrom = 0;
  let summaryAt: number | undefined;
  /** Held while the outbox cannot be written. */
  const unstored = new Map<string, Alert>();
  let changed = false;

  const load = async (): Promise<void> => {
    if (isLoaded) return;
    const [state, sent] = await Promise.all([store.loadFlood(name), store.sentSince(name, clock.now() - WINDOW_MS)]);
    const ago = clock.now() - clock.monotonic();
    const sentAt = (areRequests: boolean) =>
      sent
        .filter(({ isRequest }) => (isRequest && receiver.takesAnswers === true) === areRequests)
        .map(({ at }) => Math.min(at - ago, clock.monotonic()));
    messages = sentAt(false);
    requests = sentAt(true);
    flood = state === undefined || state === '' ? undefined : (JSON.parse(state) as Flood);
    activeFrom = clock.monotonic();
    changed = flood !== undefined;
    isLoaded = true;
  };

  const recent = (times: number[], ms = WINDOW_MS): number[] => times.filter((time) => time > clock.monotonic() - ms);

  const save = (next: Flood | undefined): Promise<void> => {
    flood = next;
    return store.saveFlood(name, next === undefined ? '' : JSON.stringify(next));
  };

  const isOver = (): boolean => {
    holds = recent(holds, OVER_MS);
    return clock.monotonic() - activeFrom >= OVER_MS && holds.length < maxPerMinute;
  };

  /** Whether a summary that has changed may be sent now. */
  const isTime = (): boolean => {
    const now = clock.monotonic();
    if (receiver.updatesSummary) return summaryAt === undefined || now >= summaryAt + UPDATE_EVERY_MS;
    if (summaryAt !== undefined) return now >= summaryAt + RESEND_EVERY_MS;
    return now >= (holds.at(-1) ?? activeFrom) + GATHER_MS || now >= activeFrom + MAX_GATHER_MS;
  };

  /** A question that nobody can see would expire. */
  const isShownBesides = ({ request }: Alert): boolean => {
    if (!receiver.takesAnswers || request === undefined || request.expiresAt <= clock.now()) return false;
    requests = recent(requests, REQUESTS_MS);
    return requests.length < MAX_REQUESTS;
  };

  /** False if the alert continues a message, or takes none. */
  const isMessage = async ({ kind, incident }: Alert): Promise<Verdict | 'message'> => {
    if (!receiver.follows || !isProgress(kind)) return 'message';
    const isShown = await store.isShown(name, incident.id);
    if (isShown) return 'send';
    return kind === 'resolved' ? 'skip' : 'message';
  };

  return {
    async judge(alert, isStored) {
      if (receiver.groups) return 'send';
      // If the store cannot be read, the counts in memory apply.
      await load().catch(() => undefined);
      if (isShownBesides(alert)) return 'send';
      const verdict = await isMessage(alert).catch(() => 'message' as const);
      if (verdict !== 'message') return verdict;
      messages = recent(messages);
      if (flood === undefined) {
        if (messages.length < maxPerMinute) return 'send';
        activeFrom = clock.monotonic();
        summaryAt = undefined;
        holds = [];
        const started = { id: `${name}-${clock.now().toString(36)}`, since: clock.now(), told: 0 };
        await save(started).catch(() => undefined);
      }
      if (isStored && flood !== undefined) {
        await store.hold({ alertId: alert.id, receiver: name }, flood.id);
      } else unstored.set(alert.id, alert);
      holds.push(clock.monotonic());
      changed = true;
      return 'hold';
    },

    sent(alert) {
      const { kind } = alert;
      if (isShownBesides(alert)) requests.push(clock.monotonic());
      else if (!receiver.follows || !isProgress(kind) || kind === 'restarting') messages.push(clock.monotonic());
    },

    async due() {
      if (receiver.groups) return undefined;
      await load().catch(() => undefined);
      if (flood === undefined) return undefined;
      const over = isOver();
      if (!over && !(changed && isTime())) return undefined;
      const current = flood;
      const { alerts: stored, upTo } = await store.held(name, current.id);
      const summary = summarize(current.id, current.since, [...stored, ...unstored.values()]);
      if (summary.alerts <= current.told) {
        changed = false;
        // The last summary already counts the incidents of these alerts.
        await store.markSummarized(name, current.id, upTo, clock.now());
        if (over) await save(undefined);
        return undefined;
      }
      const heldBefore = holds.length;
      return {
        summary,
        async accepted() {
          summaryAt = clock.monotonic();
          changed = holds.length > heldBefore;
          unstored.clear();
          await store.markSummarized(name, current.id, upTo, clock.now());
          await save(over ? undefined : { ...current, told: summary.alerts });
        },
      };
    },
  };
}
