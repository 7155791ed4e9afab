import type { ContainerFacts, ContainerRef } from '../../domain.ts';
import type { LiveIncident } from '../incident/open-incidents.ts';
import type { ContainerLifecycle } from '../lifecycle/record.ts';

/** Why a container cannot serve those that depend on it, as far as the engine knows. */
export interface EngineTrouble {
  /** For people: continues "db …". */
  readonly what: string;
  /**
   * It is a state in which somebody put the container on purpose, or that ends by itself: no signal reports it. It
   * becomes an incident only if it lasts.
   */
  readonly deliberate: boolean;
}

/** A person's stop is in progress this long at most: the stop timeout, which is rarely longer. */
const STOPPING_MS = 30_000;

/** Undefined if the container runs, is not unhealthy, and still is on a network. */
export function engineTrouble(
  facts: ContainerFacts | undefined,
  lifecycle: ContainerLifecycle,
  networksBefore: readonly string[],
  now: number,
): EngineTrouble | undefined {
  if (facts === undefined) return { what: 'no longer exists', deliberate: true };
  const byPerson = lifecycle.lastEnd?.by === 'person' || lifecycle.lastEnd?.by === 'agent';
  switch (facts.status) {
    case 'exited':
    case 'dead':
      if (byPerson) return { what: 'was stopped', deliberate: true };
      return { what: `is down (exit code ${facts.exitCode})`, deliberate: facts.exitCode === 0 };
    case 'paused':
      return { what: 'is paused', deliberate: true };
    case 'restarting':
      return { what: 'is restarting', deliberate: false };
    case 'created':
      return { what: 'has not been started', deliberate: true };
    case 'removing':
      return { what: 'is being removed', deliberate: true };
    case 'running':
      break;
    default:
      return facts.status satisfies never;
  }
  if (facts.health === 'unhealthy') return { what: 'is unhealthy', deliberate: false };
  if (facts.health === 'starting') return { what: 'is starting', deliberate: true };
  const { networks } = facts.topology;
  if (networksBefore.length > 0 && !networks.some(({ name }) => networksBefore.includes(name))) {
    return { what: 'is disconnected from its network', deliberate: true };
  }
  const { stoppedByPersonAt } = lifecycle;
  const isStopping = stoppedByPersonAt !== undefined && stoppedByPersonAt > facts.startedAt;
  if (isStopping && now - stoppedByPersonAt < STOPPING_MS) return { what: 'is being stopped', deliberate: true };
  return undefined;
}

/** The texts in which an incident may say what it suffers from: its log records; without any, the end of the log. */
export function textsOf(live: LiveIncident, logLines: readonly string[], facts: ContainerFacts | undefined): string[] {
  const records = live.evidence.flatMap(({ record }) => (record === undefined ? [] : [record.text]));
  if (records.length > 0) return records;
  const health = facts?.healthLog.slice(-2).map(({ output }) => output) ?? [];
  return [...health, ...logLines.slice(-LAST_LINES)];
}

const LAST_LINES = 20;

export function isOf(live: LiveIncident, container: ContainerRef): boolean {
  const other = live.incident.container;
  return other.id === container.id || (other.service === container.service && other.project === container.project);
}

/** The incident that a chain of causes ends in. */
export function rootOf(live: LiveIncident): LiveIncident {
  let root = live;
  // A chain has no cycle: `attach` refuses to close one.
  while (root.cause !== undefined) root = root.cause.root;
  return root;
}
