/** The same problem on many hosts is one message with the hosts listed. */
import { type Alert, isProgress } from '../domain/alert.ts';
import { DECISION_REASONS } from '../domain/decision.ts';
import type { Clock } from '../lib/time.ts';
import type { FleetMessages } from '../pipeline/ports/fleet.ts';
import type { Notice } from '../pipeline/ports/receiver.ts';

/** People have the alert of the first host by then. Other hosts that have the problem follow within seconds. */
const GATHER_MS = 15_000;
const MAX_GATHER_MS = 60_000;
/** Between two messages about one problem, by the clock of the database. Another agent sends what is left then. */
const AGAIN_AFTER_MS = 2 * 60_000;
const HOSTS_LISTED = 50;

/** Returns what sends the messages that are due. Each is sent by one agent: by any of those that hold an alert for it. */
export function createFleetMessenger(deps: {
  readonly store: FleetMessages;
  deliver(receiver: string, notice: Notice, finished: () => Promise<void>): void;
  readonly publicUrl?: string;
  readonly clock: Clock;
}): () => Promise<void> {
  const { store, clock } = deps;
  return async () => {
    for (const held of await store.heldMessages()) {
      const now = clock.now();
      if (now < held.newestAt + GATHER_MS && now < held.oldestAt + MAX_GATHER_MS) continue;
      if (!(await store.claimMessage(`message ${held.name}`, AGAIN_AFTER_MS))) continue;
      const alerts = await store.heldAlerts(held.name);
      if (alerts.length === 0) continue;
      const ids = alerts.map(({ alert }) => alert.id);
      deps.deliver(held.receiver, hostsNotice(held.firstHost, alerts, deps.publicUrl), () =>
        store.markToldTogether(held, ids, clock.now()),
      );
    }
  };
}

type Held = { readonly host: string; readonly alert: Alert };

function hostsNotice(firstHost: string, all: readonly Held[], publicUrl: string | undefined): Notice {
  // The newest alert of each host says how it ended there.
  const byHost = new Map(all.map((held) => [held.host, held]));
  const hosts = [...byHost.values()];
  const [{ alert } = { alert: undefined }] = all;
  const container = alert?.incident.container.name ?? '';
  const count = hosts.length === 1 ? 'another host' : `${hosts.length} other hosts`;
  const listed = hosts.slice(0, HOSTS_LISTED).map((held) => `• ${held.host}: ${whatWasDone(held.alert)}`);
  const more = hosts.length > HOSTS_LISTED ? [`and ${hosts.length - HOSTS_LISTED} more`] : [];
  return {
    title: `${container}: the same problem on ${count}`,
    text: [
      alert?.diagnosis.rootCause ?? '',
      `It was reported first from ${firstHost}. Now also on:`,
      ...listed,
      ...more,
    ].join('\n'),
    host: firstHost,
    heading: 'The same problem',
    ...(publicUrl !== undefined && { url: `${publicUrl}/incidents?container=${encodeURIComponent(container)}` }),
  };
}

function whatWasDone({ kind, attempt, decision }: Alert): string {
  if (attempt?.outcome !== undefined) return `restarted: ${attempt.outcome}`;
  if (isProgress(kind) || decision.kind === 'restart') return 'is being restarted';
  return `not restarted: ${DECISION_REASONS[decision.reason]}`;
}
