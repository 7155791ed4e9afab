/** The agents that share a database: heartbeats, and the notices that one of them is silent or back. */
import { randomUUID } from 'node:crypto';
import type { Config } from '../config/config.ts';
import type { DockerEngine } from '../docker/engine.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../lib/time.ts';
import type { Notifier } from '../pipeline/notify/notify.ts';
import type { FleetAgent, FleetMember, FleetStore } from '../pipeline/ports/fleet.ts';
import type { Snooze } from '../pipeline/ports/people.ts';
import type { Notice } from '../pipeline/ports/receiver.ts';
import type { Store } from '../store/store.ts';
import type { Endpoints } from './endpoints.ts';
import { createFleetMessenger } from './fleet-messages.ts';
import type { AgentIdentity } from './identity.ts';
import { createMetricsAddress } from './metrics-address.ts';

/** Six heartbeats are missing when an agent counts as silent. */
export const BEAT_EVERY_MS = 15_000;
export const SILENT_AFTER_MS = 90_000;
/** An agent that has not looked for this long does not know who is silent: it may have been stopped, or the database. */
const AWAY_AFTER_MS = 45_000;
/** A host that has been gone for this long was taken down on purpose. */
const FORGET_AFTER_MS = 7 * 24 * 3_600_000;

export interface Fleet {
  /** As last read; empty before the first time. */
  members(): readonly FleetMember[];
  /** Writes heartbeats and watches those of the others until `signal` aborts. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

export function createFleet(deps: {
  readonly self: AgentIdentity & { readonly name: string; readonly version: string };
  /** See FleetAgent. */
  metricsAddress(): string | undefined;
  readonly store: Pick<
    FleetStore,
    'beat' | 'saveStopped' | 'claimSilence' | 'saveSilenceTold' | 'endSilence' | 'forgetAgent' | 'snoozesElsewhere'
  >;
  /** Names of the configured receivers. */
  readonly receivers: readonly string[];
  deliver(receiver: string, notice: Notice, finished: () => Promise<void>): void;
  announce(notice: Notice): void;
  /** The snoozes of the other agents, each time they were read. */
  onSnoozes(snoozes: readonly Snooze[]): void;
  /** Called after each heartbeat. */
  sendMessages(): Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}): Fleet {
  const { self, store, clock, logger } = deps;
  const startedAt = clock.now();
  /** What this agent saw last of each, by its own clock. */
  const seen = new Map<string, { readonly beat: number; readonly at: number }>();
  /** Notices that wait for a receiver. */
  const notifying = new Set<string>();
  let lastBeatAt: number | undefined;
  let members: readonly FleetMember[] = [];
  let sameId = '';

  const isSilent = ({ name, beat, silence }: FleetAgent, at: number): boolean =>
    name !== self.name && (silence?.beat === beat || at - (seen.get(name)?.at ?? at) >= SILENT_AFTER_MS);

  const tell = async (silent: FleetAgent, insteadOf: string | undefined): Promise<void> => {
    if (!(await store.claimSilence(silent, insteadOf))) return;
    logger.warn('an agent is silent', { agent: silent.name, last_seen: iso(silent.seenAt) });
    notifying.add(silent.name);
    let waiting = deps.receivers.length;
    for (const receiver of deps.receivers) {
      deps.deliver(receiver, silentNotice(silent, self.name), async () => {
        waiting -= 1;
        if (waiting > 0) return;
        notifying.delete(silent.name);
        await store.saveSilenceTold(silent.name);
      });
    }
  };

  const look = async (agent: FleetAgent, all: readonly FleetMember[]): Promise<void> => {
    const { name, beat, silence } = agent;
    if (silence !== undefined && silence.beat !== beat) {
      if (!(await store.endSilence(agent))) return;
      logger.info('an agent is back', { agent: name });
      deps.announce(backNotice(agent));
      return;
    }
    if (!isSilent(agent, clock.monotonic())) return;
    if (silence === undefined) return tell(agent, undefined);
    if (silence.toldAt === undefined) {
      // The agent that was to tell was stopped before it could: this one, or one that is silent too.
      const hasLost =
        silence.by === self.name
          ? !notifying.has(name)
          : all.every((other) => other.name !== silence.by || other.isSilent);
      if (hasLost) await tell(agent, silence.by);
      return;
    }
    if (clock.now() - agent.seenAt > FORGET_AFTER_MS) await store.forgetAgent(agent);
  };

  const warnOfSameId = (all: readonly FleetMember[]): void => {
    const twin = all.find((other) => other.id === self.id && other.name !== self.name && !other.isSilent);
    if (twin === undefined || twin.name === sameId) return;
    sameId = twin.name;
    logger.warn('another agent of this database has the same id: DATA_DIR was copied, or AGENT_NAME was changed', {
      other_agent: twin.name,
    });
  };

  const beat = async (): Promise<void> => {
    const { id, version } = self;
    const all = await store.beat({ id, version, startedAt, metricsAddress: deps.metricsAddress() });
    const at = clock.monotonic();
    if (lastBeatAt === undefined || at - lastBeatAt > AWAY_AFTER_MS) seen.clear();
    lastBeatAt = at;
    for (const agent of all) {
      if (seen.get(agent.name)?.beat !== agent.beat) seen.set(agent.name, { beat: agent.beat, at });
    }
    members = all.map((agent) => ({ ...agent, isSilent: isSilent(agent, at) }));
    warnOfSameId(members);
    deps.onSnoozes(await store.snoozesElsewhere());
    for (const agent of all) await look(agent, members);
    await deps.sendMessages();
  };

  return {
    members: () => members,

    async run(signal) {
      while (!signal.aborted) {
        try {
          await beat();
        } catch (error) {
          // Nobody can write heartbeats while the database is away.
          lastBeatAt = undefined;
          logger.debug('no heartbeat could be written', { error: String(error) });
        }
        await clock.sleep(BEAT_EVERY_MS, signal);
      }
      await store.saveStopped().catch(() => undefined);
    },
  };
}

/** Undefined if no other agent can share the database. */
export function joinFleet(
  config: Config,
  deps: {
    readonly identity?: AgentIdentity;
    readonly version: string;
    readonly store: Store;
    readonly notifier: Pick<Notifier, 'announce' | 'deliver'>;
    onSnoozes(snoozes: readonly Snooze[]): void;
    readonly endpoints: Pick<Endpoints, 'publish'>;
    readonly engine: Pick<DockerEngine, 'swarmAddress'>;
    /** On which the pages are served. */
    port(): number | undefined;
    readonly clock: Clock;
    readonly logger: Logger;
  },
): Fleet | undefined {
  if (config.database === undefined) return undefined;
  const { notifier, identity = { id: randomUUID() }, version } = deps;
  const metricsAddress = createMetricsAddress(config, deps.engine);
  const sendMessages = createFleetMessenger({ ...deps, publicUrl: config.publicUrl, deliver: notifier.deliver });
  return createFleet({
    ...deps,
    self: { ...identity, name: config.database.agent, version },
    receivers: config.receivers.map(({ name }) => name),
    metricsAddress() {
      const port = deps.port();
      return port === undefined ? undefined : metricsAddress(port);
    },
    announce: notifier.announce,
    deliver: notifier.deliver,
    async sendMessages() {
      await deps.endpoints.publish();
      await sendMessages();
    },
  });
}

export function destinationsOf({ receivers }: Config): ReadonlyMap<string, string> {
  return new Map(
    receivers.flatMap(({ name, destination }) => (destination === undefined ? [] : [[name, destination] as const])),
  );
}

/** A single agent is alive. */
export function countAgents(members: readonly FleetMember[] = []): Readonly<Record<'alive' | 'silent', number>> {
  const silent = members.filter((member) => member.isSilent).length;
  return { alive: Math.max(1, members.length - silent), silent };
}

function silentNotice({ name, seenAt, stoppedAt }: FleetAgent, by: string): Notice {
  const what =
    stoppedAt === undefined
      ? `It has sent no heartbeat since ${iso(seenAt)}.`
      : `It was stopped at ${iso(stoppedAt)} and has not been started again.`;
  return {
    title: `The agent on ${name} is silent`,
    text:
      `${what} Meanwhile the containers on ${name} are not watched and nothing is restarted there.\n` +
      `Check the host, its network and the log of its agent. The agent on ${by} sends this once for all.`,
    host: name,
  };
}

function backNotice({ name, startedAt, silence }: FleetAgent): Notice {
  const since = silence?.toldAt ?? 0;
  return {
    title: `The agent on ${name} is back`,
    text: startedAt > since ? `It was started again at ${iso(startedAt)}.` : 'It sends heartbeats again.',
    host: name,
  };
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
