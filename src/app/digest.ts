/** Sends the daily digest: once a day to every receiver, whatever happens to the agent in between. */
import type { DigestTime } from '../config/config.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../lib/time.ts';
import { instantOf, latestAt } from '../lib/time-zone.ts';
import { digestNotice, RECURRING_DAYS } from '../pipeline/notify/digest.ts';
import type { Notifier } from '../pipeline/notify/notify.ts';
import { type Filter, passes } from '../pipeline/policy/filter.ts';
import type { DigestStore } from '../pipeline/ports/store.ts';

const POLL_MS = 20_000;
const DAY_MS = 24 * 3_600_000;
const MAX_CASES = 5_000;

export interface DigestDeps {
  /** Absent: no digest is sent. */
  readonly when?: DigestTime;
  readonly receivers: readonly { readonly name: string; readonly only?: Filter; readonly groups?: true }[];
  readonly store: DigestStore;
  readonly deliver: Notifier['deliver'];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly publicUrl?: string;
}

/** Until `signal` aborts. The date of the last digest is stored for each receiver when it has accepted it. */
export async function sendDigests(deps: DigestDeps, signal: AbortSignal): Promise<void> {
  const { when, store, clock, logger } = deps;
  if (when === undefined) return;
  const inProgress = new Set<string>();
  // A service that groups alerts has no form for it, and would notify people of an alert.
  const receivers = deps.receivers.filter(({ groups }) => !groups);

  const sendTo = async ({ name, only }: (typeof receivers)[number]): Promise<void> => {
    if (inProgress.has(name)) return;
    const { date, at: to } = latestAt(when.zone, when.minute, clock.now());
    const last = await store.loadDigest(name);
    // With the first start begins the first period.
    if (last === undefined) return store.saveDigest(name, date);
    if (last >= date) return;
    const from = instantOf(when.zone, { date: last, minute: when.minute });
    const cases = await store.casesSince(Math.min(from, to - RECURRING_DAYS * DAY_MS), MAX_CASES);
    const theirs = cases.filter(({ incident }) => passes(only, incident.container));
    const spentUsd = only
      ? theirs.reduce((sum, { diagnosis }) => sum + (diagnosis && diagnosis.at >= from ? diagnosis.costUsd : 0), 0)
      : await store.spendBetween(from, to);
    inProgress.add(name);
    deps.deliver(name, digestNotice({ cases: theirs, from, to, date, spentUsd, url: deps.publicUrl }), async () => {
      await store.saveDigest(name, date);
      inProgress.delete(name);
    });
  };

  while (!signal.aborted) {
    for (const receiver of receivers) {
      await sendTo(receiver).catch((error: unknown) =>
        logger.warn('the daily digest could not be made yet', { receiver: receiver.name, error: String(error) }),
      );
    }
    await clock.sleep(POLL_MS, signal);
  }
}
