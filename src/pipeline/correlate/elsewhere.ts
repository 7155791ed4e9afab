/**
 * Causes on other hosts. An error names an address that another host publishes, or a Swarm service with tasks there, and
 * that service has a problem of its own. The agent of that host handles the cause; this one leaves the victim alone.
 */
import { type EdgeEvidence, NETWORKS_OF_ONE_HOST, serviceKey } from '../../domain/containers.ts';
import type { Incident } from '../../domain/incident.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../lib/time.ts';
import type { LiveIncident } from '../incident/open-incidents.ts';
import type { CausesElsewhere, IncidentElsewhere, ServiceElsewhere } from '../ports/fleet.ts';
import type { DependencyGraph } from './graph.ts';
import { isAboutState, link, rootOf } from './members.ts';
import type { NamedHost } from './named-hosts.ts';
import { mayCause, RETURN_MS } from './suspects.ts';

export interface Elsewhere {
  /** The services on other hosts that the victim's errors point to. Empty if there are none, or nothing is known. */
  find(victim: LiveIncident, hosts: readonly NamedHost[]): Promise<Found>;
  /**
   * Makes the victim a member of an incident of these services, or of its cause. Waits up to `waitMs` for one, and then
   * looks again with each `check`. Returns whether the victim belongs to an incident now.
   */
  join(victim: LiveIncident, found: Found, waitMs?: number): Promise<boolean>;
  /** Links members of incidents on other hosts again after a restart of the agent. Returns those that have none. */
  restore(members: readonly LiveIncident[]): Promise<readonly LiveIncident[]>;
  /** Looks for causes that are over, and for those that were found late. Call it after every listing. Never rejects. */
  check(): Promise<void>;
}

export interface Found {
  readonly services: readonly ServiceElsewhere[];
  readonly evidence: EdgeEvidence;
}

interface ElsewhereDeps {
  readonly causes: CausesElsewhere;
  readonly graph: Pick<DependencyGraph, 'networksOf' | 'isInOwnNetwork' | 'namesInEnvironment'>;
  open(): readonly LiveIncident[];
  onAttached(live: LiveIncident, root: LiveIncident, evidence: EdgeEvidence): void;
  /** The cause of these members is over, or nobody can say whether it is. */
  onOver(members: readonly LiveIncident[]): void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stopping: AbortSignal;
}

/** Victims often fail before their cause is detected, also there. */
const LATE_MS = 2 * 60_000;
const POLL_MS = 500;
/** Two heartbeats: what the other agent says of the state of its containers is at most that old. */
const STATE_KNOWN_AFTER_MS = 30_000;
/** Without the database, whether a cause is over cannot be known. */
const UNKNOWN_AT_MOST_MS = 2 * 60_000;

const NOTHING: Found = { services: [], evidence: 'observed' };

export function createElsewhere(deps: ElsewhereDeps): Elsewhere {
  const { causes, graph, clock, stopping } = deps;
  /** By the id of the incident that they stand for. */
  const roots = new Map<string, LiveIncident>();
  /** Victims of services without a known problem, which may be detected later. */
  const waiting = new Map<LiveIncident, Found>();
  let unknownSince: number | undefined;

  /** Undefined if the database cannot be used: then nothing is known of other hosts. */
  const asked = async <T>(question: Promise<T>): Promise<T | undefined> => {
    try {
      return await question;
    } catch (error) {
      deps.logger.debug('nothing is known of the incidents of other hosts', { error: String(error) });
      return undefined;
    }
  };

  const standIn = (incident: Incident): LiveIncident => {
    const { id } = incident;
    const root = roots.get(id) ?? { ...toLive(incident), isElsewhere: true };
    roots.set(id, root);
    return root;
  };

  const find: Elsewhere['find'] = async (victim, hosts) => {
    const { container } = victim.incident;
    const ports = hosts.flatMap(({ host, port }) =>
      port === undefined || graph.isInOwnNetwork(container.id, host) ? [] : [{ host, port }],
    );
    const published = (await asked(causes.servicesAt(ports))) ?? [];
    if (published.length > 0) return { services: published, evidence: 'observed' };
    const networks = graph.networksOf(container.id).filter((network) => !NETWORKS_OF_ONE_HOST.has(network));
    const tasks = ((await asked(causes.servicesOn(networks))) ?? []).filter(
      (service) => serviceKey(service) !== serviceKey(container),
    );
    const named = tasks.filter(({ name }) => hosts.some(({ host }) => host === name));
    if (named.length > 0) return { services: ofSameStack(victim, named), evidence: 'observed' };
    // Clients print the virtual address of a service, which no task has, or no host at all.
    const isClear = hosts.some(({ host, certain }) => certain && !graph.isInOwnNetwork(container.id, host));
    const needed = isClear ? [] : graph.namesInEnvironment(container.id, [...new Set(tasks.map(({ name }) => name))]);
    const services = tasks.filter(({ name }) => needed.includes(name));
    return { services: ofSameStack(victim, services), evidence: 'environment' };
  };

  const attach = async (victim: LiveIncident, cause: Incident, evidence: EdgeEvidence): Promise<boolean> => {
    if (victim.cause !== undefined) return true;
    const incident = await asked(causes.joinElsewhere(victim.incident.id, cause.id, evidence));
    if (incident === undefined || victim.cause !== undefined) return victim.cause !== undefined;
    // The chain may lead back to this host.
    const own = deps.open().find((live) => live.incident.id === incident.id);
    const root = own ?? standIn(incident);
    if (!link(victim, root, evidence)) return false;
    waiting.delete(victim);
    deps.onAttached(victim, rootOf(root), evidence);
    return true;
  };

  const tryJoin = async (victim: LiveIncident, { services, evidence }: Found): Promise<boolean> => {
    const now = clock.now();
    const incidents = (await asked(causes.incidentsOf(services, now - RETURN_MS))) ?? [];
    const cause = incidents.find((there) => {
      const { incident, isDown, isSilent } = there;
      const over = isOver(there);
      if (isSilent || (victim.isReleased && over)) return false;
      const resolvedAt = there.resolvedAt ?? (over ? incident.lastSeenAt + STATE_KNOWN_AFTER_MS : undefined);
      return mayCause({ ...toLive(incident), resolvedAt }, victim, { stateIsBad: isDown, now });
    });
    return cause !== undefined && attach(victim, cause.incident, evidence);
  };

  const isOver = ({ incident, resolvedAt, isDown, isSilent }: IncidentElsewhere): boolean =>
    resolvedAt !== undefined ||
    isSilent ||
    (isAboutState(toLive(incident)) && !isDown && clock.now() - incident.lastSeenAt > STATE_KNOWN_AFTER_MS);

  const membersOf = (root: LiveIncident) => deps.open().filter((live) => rootOf(live) === root);

  const checkRoots = async (): Promise<void> => {
    for (const [id, root] of roots) if (membersOf(root).length === 0) roots.delete(id);
    if (roots.size === 0) return;
    const known = await asked(causes.incidentsElsewhere([...roots.keys()]));
    const now = clock.monotonic();
    unknownSince = known === undefined ? (unknownSince ?? now) : undefined;
    if (known === undefined && now - (unknownSince ?? now) < UNKNOWN_AT_MOST_MS) return;
    for (const [id, root] of roots) {
      const there = known?.find(({ incident }) => incident.id === id);
      if (there !== undefined && !isOver(there)) {
        root.incident = there.incident;
        continue;
      }
      roots.delete(id);
      deps.onOver(membersOf(root));
    }
  };

  return {
    find,

    async join(victim, found, waitMs = 0) {
      if (found.services.length === 0) return false;
      const deadline = clock.monotonic() + waitMs;
      for (;;) {
        if (victim.cause !== undefined || (await tryJoin(victim, found))) return true;
        if (clock.monotonic() >= deadline || stopping.aborted) break;
        await clock.sleep(POLL_MS, stopping);
      }
      waiting.set(victim, found);
      return false;
    },

    async restore(members) {
      const ids = members.flatMap(({ incident: { cause } }) => (cause?.kind === 'incident' ? [cause.incidentId] : []));
      const known = (await asked(causes.incidentsElsewhere([...new Set(ids)]))) ?? [];
      return members.filter((live) => {
        const { cause } = live.incident;
        if (cause?.kind !== 'incident') return true;
        const there = known.find(({ incident }) => incident.id === cause.incidentId);
        if (there === undefined || isOver(there)) return true;
        live.cause = { root: standIn(there.incident), evidence: cause.evidence };
        return false;
      });
    },

    async check() {
      await checkRoots();
      for (const [victim, found] of waiting) {
        const isLate = clock.now() - victim.burstAt > LATE_MS;
        if (isLate || victim.resolvedAt !== undefined || victim.cause !== undefined) waiting.delete(victim);
        else await tryJoin(victim, found);
      }
    },
  };
}

/** For agents without others. */
export const NOWHERE_ELSE: Elsewhere = {
  find: async () => NOTHING,
  join: async () => false,
  restore: async (members) => members,
  check: async () => {},
};

/** Services of several stacks may have one name on a network that they share. */
function ofSameStack(
  { incident: { container } }: LiveIncident,
  services: readonly ServiceElsewhere[],
): readonly ServiceElsewhere[] {
  const stack = container.labels['com.docker.stack.namespace'];
  const own = services.filter(({ service }) => stack !== undefined && service.startsWith(`${stack}_`));
  return own.length > 0 ? own : services;
}

function toLive(incident: Incident): LiveIncident {
  return {
    incident,
    phase: 'settled',
    burstAt: incident.openedAt,
    evidence: [],
    looping: false,
    dirty: false,
    keys: new Set(),
  };
}
