/** The configured receivers, and the notifier that sends to them. */
import type { Config } from '../config/config.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../lib/time.ts';
import { createNotifier, type Notifier, type NotifierDeps } from '../pipeline/notify/notify.ts';
import type { Observer } from '../pipeline/observer.ts';
import type { SharedClicks } from '../pipeline/ports/fleet.ts';
import type { PeopleAccess } from '../pipeline/ports/people.ts';
import { SPANS, type Tracing } from '../pipeline/tracing.ts';
import type { Store } from '../store/store.ts';

export function createAppNotifier(
  config: Config,
  deps: Pick<NotifierDeps, 'hasOwnMinSeverity' | 'hostName'> & {
    readonly store: Store;
    readonly people: PeopleAccess;
    readonly sharedClicks?: SharedClicks;
    readonly observer: Observer;
    readonly tracing: Tracing;
    readonly logger: Logger;
    readonly clock: Clock;
    print(text: string): void;
    readonly requestTimeouts?: { readonly receiverMs?: number };
  },
): Notifier {
  const { store, observer, tracing, logger, clock } = deps;
  const receiverDeps = {
    print: deps.print,
    now: clock.now,
    timeoutMs: deps.requestTimeouts?.receiverMs,
    clock,
    logger,
    memory: store,
    people: deps.people,
    sharedClicks: deps.sharedClicks,
    publicUrl: config.publicUrl,
  };
  return createNotifier({
    routes: config.receivers.map((each) => ({ ...each, receiver: each.create(receiverDeps) })),
    hasOwnMinSeverity: deps.hasOwnMinSeverity,
    hostName: deps.hostName,
    outbox: store,
    maxPerMinute: config.maxAlertsPerMinute,
    publicUrl: config.publicUrl,
    observer,
    logger,
    clock,
    traceSend: (receiver, tries, trace, send) =>
      tracing.span(
        SPANS.notify(receiver),
        send,
        (result) => ({ send: { receiver, tries, result } }),
        // The first try is part of the incident's trace; a later one starts a trace with a link to it.
        { kind: 'client', ...(tries === 0 ? { childOf: trace } : { linkTo: trace }) },
      ),
  });
}
