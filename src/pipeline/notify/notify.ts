import type { Alert } from '../../domain/alert.ts';
import type { ContainerRef } from '../../domain/containers.ts';
import { SEVERITIES, type Severity } from '../../domain/diagnosis.ts';
import type { TraceLink } from '../../domain/incident.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../lib/time.ts';
import type { Observer } from '../observer.ts';
import type { Notice, Receiver } from '../ports/receiver.ts';
import type { Outbox } from '../ports/store.ts';
import type { DeliveryFailure } from './delivery.ts';
import { createReceiverQueue, type TraceSend } from './receiver-queue.ts';

/** Which alerts a receiver gets. */
export interface Route {
  readonly receiver: Receiver;
  readonly minSeverity: Severity;
}

export interface NotifierDeps {
  /** In the order of their names in /health. Names are unique. */
  readonly routes: readonly Route[];
  /** Whether the policy of the container sets a minimum severity of its own, which replaces those of the receivers. */
  hasOwnMinSeverity(container: ContainerRef): boolean;
  /** The host that the agent runs on, if known: for notices, and for alerts that do not name one. */
  hostName(): string | undefined;
  readonly outbox: Outbox;
  readonly observer: Observer;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly traceSend: TraceSend;
}

export interface Notifier {
  /**
   * Writes the alert to the outbox for every receiver that it is meant for, and tries to send it once to each that is
   * idle and has no older alert; the rest is sent by `run`. An alert whose id was written before is ignored. If the
   * outbox cannot be written, the alert is sent from memory. Never rejects.
   */
  notify(alert: Alert, trace: TraceLink | undefined): Promise<void>;
  /** Sends a notice about the agent itself to every receiver. It is kept in memory until it is sent. */
  announce(notice: Notice): void;
  /** Sends what is waiting until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** Why a receiver does not accept messages; undefined while it does. */
  failure(receiver: string): DeliveryFailure | undefined;
}

/** Every receiver has its own queue: one that is down delays no other. */
export function createNotifier(deps: NotifierDeps): Notifier {
  const { routes, outbox, logger } = deps;
  const queues = new Map(
    routes.map(({ receiver }) => [receiver.name, createReceiverQueue({ ...deps, receiver })] as const),
  );

  const receiversOf = (alert: Alert): readonly string[] =>
    routes
      .filter(
        ({ minSeverity }) =>
          isAtLeast(alert.diagnosis.severity, minSeverity) || deps.hasOwnMinSeverity(alert.incident.container),
      )
      .map(({ receiver }) => receiver.name);

  return {
    async notify(given, trace) {
      const alert = withHost(given, deps.hostName());
      const receivers = receiversOf(alert);
      if (receivers.length === 0) {
        logger.info('no receiver takes alerts of this severity', {
          alert: alert.id,
          severity: alert.diagnosis.severity,
        });
        return;
      }
      const to = receivers.flatMap((name) => queues.get(name) ?? []);
      let isNew = true;
      try {
        isNew = await outbox.enqueue(alert, receivers, trace);
      } catch (error) {
        logger.error('an alert could not be stored, it will be sent from memory', {
          incident: alert.incident.id,
          error: String(error),
        });
        for (const queue of to) queue.addUnstored({ alert, receivers, trace });
      }
      if (isNew) await Promise.all(to.map((queue) => queue.wake()));
    },

    announce(notice) {
      const host = deps.hostName();
      for (const queue of queues.values()) queue.announce(host === undefined ? notice : { host, ...notice });
    },

    async run(signal) {
      await Promise.all([...queues.values()].map((queue) => queue.run(signal)));
    },

    failure: (receiver) => queues.get(receiver)?.failure(),
  };
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
