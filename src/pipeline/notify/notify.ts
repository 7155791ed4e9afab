import { type Alert, isProgress } from '../../domain/alert.ts';
import type { ContainerRef } from '../../domain/containers.ts';
import { SEVERITIES, type Severity } from '../../domain/diagnosis.ts';
import type { TraceLink } from '../../domain/incident.ts';
import type { Logger } from '../../lib/log.ts';
import { type Clock, waitAtMost } from '../../lib/time.ts';
import type { Observer } from '../observer.ts';
import { type Filter, passes } from '../policy/filter.ts';
import type { Notice, Receiver } from '../ports/receiver.ts';
import type { FloodStore, FollowedIncidents, Outbox } from '../ports/store.ts';
import type { DeliveryFailure } from './delivery.ts';
import { createReceiverQueue, type ReceiverQueue, type TraceSend } from './receiver-queue.ts';

/** Which alerts a receiver gets. */
export interface Route {
  readonly receiver: Receiver;
  readonly minSeverity: Severity;
  /** Absent: the alerts of all containers. */
  readonly only?: Filter;
}

export interface NotifierDeps {
  /** In the order of their names in /health. Names are unique. */
  readonly routes: readonly Route[];
  /** Whether the policy of the container sets a minimum severity of its own, which replaces those of the receivers. */
  hasOwnMinSeverity(container: ContainerRef): boolean;
  /** The host that the agent runs on, if known: for notices, and for alerts that do not name one. */
  hostName(): string | undefined;
  readonly outbox: Outbox & FollowedIncidents & FloodStore;
  /** For links in summaries. */
  readonly publicUrl?: string;
  readonly observer: Observer;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly traceSend: TraceSend;
  /** For each receiver; more alerts become a summary. Default: 10. */
  readonly maxPerMinute?: number;
}

export interface Notifier {
  /**
   * Writes the alert to the outbox for every receiver that it is meant for; each sends it as soon as it can. Waits
   * briefly for the first tries, so that they are part of the incident's trace. An alert whose id was written before is
   * ignored. If the outbox cannot be written, the alert is sent from memory. Never rejects.
   */
  notify(alert: Alert, trace: TraceLink | undefined): Promise<void>;
  /** The incident is over: its followers get an alert about that, once. Never rejects. */
  resolved(incidentId: string): Promise<void>;
  /** Sends a notice about the agent itself to every receiver. It is kept in memory until it is sent. */
  announce(notice: Notice): void;
  /** Sends a notice to one receiver. The caller gives it again to the next run of the agent until `finished` is called. */
  deliver(receiver: string, notice: Notice, finished: () => Promise<void>): void;
  /** Resolves when no receiver is sending what `notify` woke it for. */
  idle(): Promise<void>;
  /** Sends what is waiting until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** Why a receiver does not accept messages; undefined while it does. */
  failure(receiver: string): DeliveryFailure | undefined;
  /** See Receiver. */
  problem(receiver: string): string | undefined;
}

/** A receiver that answers more slowly must not hold up the incident. */
const FIRST_TRY_MS = 1_000;

/** Every receiver has its own queue: one that is down delays no other. */
export function createNotifier(deps: NotifierDeps): Notifier {
  const { routes, outbox, logger, clock } = deps;
  const queues = new Map(
    routes.map(({ receiver }) => [receiver.name, createReceiverQueue({ ...deps, receiver })] as const),
  );
  const followers = new Set(routes.flatMap(({ receiver }) => (receiver.follows ? [receiver.name] : [])));

  const receiversOf = (alert: Alert): readonly string[] =>
    routes
      .filter(
        ({ minSeverity, only, receiver }) =>
          isForKind(receiver, alert) &&
          passes(only, alert.incident.container) &&
          (isAtLeast(alert.diagnosis.severity, minSeverity) || deps.hasOwnMinSeverity(alert.incident.container)),
      )
      .map(({ receiver }) => receiver.name);

  /** Those that have had an alert about the incident get its progress, whatever its severity is now. */
  const followersOf = async (alert: Alert): Promise<readonly string[]> => {
    if (followers.size === 0 || !isProgress(alert.kind)) return [];
    const known = await outbox.followersOf(alert.incident.id).catch(() => []);
    return known.filter((name) => followers.has(name));
  };

  const enqueue = async (given: Alert, to: readonly string[], trace: TraceLink | undefined): Promise<void> => {
    const alert = withHost(given, deps.hostName());
    const addressed = { alert, receivers: to, following: to.filter((name) => followers.has(name)), trace };
    const queuesOf = to.flatMap((name) => queues.get(name) ?? []);
    let isNew = true;
    try {
      isNew = await outbox.enqueue(alert, to, trace, addressed.following);
    } catch (error) {
      logger.error('an alert could not be stored, it will be sent from memory', {
        incident: alert.incident.id,
        error: String(error),
      });
      for (const queue of queuesOf) queue.addUnstored(addressed);
    }
    if (!isNew) return;
    await waitAtMost(FIRST_TRY_MS, Promise.all(queuesOf.map(wake)), clock);
  };

  const sending = new Set<Promise<void>>();
  const wake = (queue: ReceiverQueue): Promise<void> => {
    const sent = queue.wake();
    sending.add(sent);
    return sent.finally(() => sending.delete(sent));
  };
  const idle = async (): Promise<void> => void (await Promise.all(sending));

  const resolved: Notifier['resolved'] = async (incidentId) => {
    if (followers.size === 0) return;
    try {
      const known = await outbox.followedCase(incidentId);
      const to = known?.followers.filter((name) => followers.has(name)) ?? [];
      if (known?.found.diagnosis === undefined || known.found.decision === undefined || to.length === 0) return;
      const { incident, diagnosis, decision, attempt } = known.found;
      const alert: Alert = {
        id: `${incidentId}/resolved/0`,
        kind: 'resolved',
        at: clock.now(),
        incident,
        diagnosis,
        decision,
        ...(attempt && { attempt }),
        restartsLastHour: 0,
        excerpt: [],
      };
      await enqueue(alert, to, incident.trace);
    } catch (error) {
      logger.error('the end of an incident could not be announced yet', { incident: incidentId, error: String(error) });
    }
  };

  /** An earlier run may have ended between storing the end of an incident and announcing it. */
  const resolveUntold = async (): Promise<void> => {
    if (followers.size === 0) return;
    for (const incidentId of await outbox.untoldResolutions().catch(() => [])) await resolved(incidentId);
  };

  return {
    async notify(alert, trace) {
      const to = [...new Set([...receiversOf(alert), ...(await followersOf(alert))])];
      if (to.length > 0) return enqueue(alert, to, trace);
      if (isProgress(alert.kind)) return;
      logger.info('no receiver takes alerts of this severity and container', {
        alert: alert.id,
        severity: alert.diagnosis.severity,
      });
    },

    resolved,

    announce(notice) {
      const host = deps.hostName();
      for (const queue of queues.values()) queue.announce(host === undefined ? notice : { host, ...notice });
    },

    deliver(receiver, notice, finished) {
      const host = deps.hostName();
      queues.get(receiver)?.deliver(host === undefined ? notice : { host, ...notice }, finished);
    },

    idle,

    async run(signal) {
      await resolveUntold();
      await Promise.all([
        ...[...queues.values()].map((queue) => queue.run(signal)),
        ...routes.map(({ receiver }) => receiver.run?.(signal)),
      ]);
      // What is being sent must be marked before the store closes.
      await idle();
    },

    failure: (receiver) => queues.get(receiver)?.failure(),
    problem: (name) => routes.find(({ receiver }) => receiver.name === name)?.receiver.problem?.(),
  };
}

/** Followers get `outcome` instead of a `diagnosed` alert that describes a restart. */
function isForKind({ follows }: Receiver, { kind, attempt }: Alert): boolean {
  if (isProgress(kind)) return follows === true;
  return !(follows && kind === 'diagnosed' && attempt !== undefined);
}

/** The store does not keep the host of an incident's container. */
function withHost(alert: Alert, host: string | undefined): Alert {
  const { incident } = alert;
  if (host === undefined || incident.container.host !== undefined) return alert;
  return { ...alert, incident: { ...incident, container: { ...incident.container, host } } };
}

function isAtLeast(severity: Severity, min: Severity): boolean {
  return SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(min);
}
