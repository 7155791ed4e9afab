/** Why a container is unavailable to those that depend on it, according to the engine. */
import type { ContainerFacts } from '../../domain/containers.ts';
import type { ContainerLifecycle } from '../lifecycle/record.ts';

export interface Outage {
  /** For people; follows the container's name: "db is paused". */
  readonly what: string;
  /** No signal reports it: somebody caused this state, or it usually passes. It becomes an incident only if it lasts. */
  readonly silent: boolean;
  /** It may be a finished job, or one that is not due: it ended with code 0 by itself, or has not been started. */
  readonly mayBeDone: boolean;
  /** It is starting, which may take longer than other outages without a signal. */
  readonly isStart?: true;
  /** Epoch ms; absent if unknown. */
  readonly since?: number;
}

interface OutageInput {
  /** Undefined if the container does not exist. */
  readonly facts: ContainerFacts | undefined;
  readonly lifecycle: ContainerLifecycle;
  /** Networks on which others are known to reach it. */
  readonly neededNetworks: readonly string[];
  readonly now: number;
}

/** How long a requested stop may take. Stop timeouts are rarely longer. */
const STOPPING_MS = 30_000;

/** Undefined if the container runs, is not starting, unhealthy or being stopped, and others can reach it. */
export function outageOf({ facts, lifecycle, neededNetworks, now }: OutageInput): Outage | undefined {
  if (facts === undefined) return silent('no longer exists');
  switch (facts.status) {
    case 'exited':
    case 'dead':
      return ended(facts, lifecycle);
    case 'paused':
      return silent('is paused');
    case 'restarting':
      return loud('is restarting');
    case 'created':
      return { ...silent('has not been started'), mayBeDone: true };
    case 'removing':
      return silent('is being removed');
    case 'running':
      return whileRunning(facts, lifecycle, neededNetworks, now);
    default:
      return facts.status satisfies never;
  }
}

const silent = (what: string): Outage => ({ what, silent: true, mayBeDone: false });
const loud = (what: string): Outage => ({ what, silent: false, mayBeDone: false });

function ended({ exitCode, finishedAt }: ContainerFacts, { lastEnd }: ContainerLifecycle): Outage {
  const since = finishedAt;
  if (lastEnd?.by === 'person' || lastEnd?.by === 'agent') return { ...silent('was stopped'), since };
  if (exitCode === 0) return { ...silent('has ended (exit code 0)'), mayBeDone: true, since };
  return { ...loud(`is down (exit code ${exitCode})`), since };
}

function whileRunning(
  facts: ContainerFacts,
  { stoppedByPersonAt }: ContainerLifecycle,
  neededNetworks: readonly string[],
  now: number,
): Outage | undefined {
  if (facts.health === 'unhealthy') return loud('is unhealthy');
  if (facts.health === 'starting') return { ...silent('is starting'), isStart: true };
  const { networks } = facts.topology;
  if (neededNetworks.length > 0 && !networks.some(({ name }) => neededNetworks.includes(name))) {
    return silent(`is disconnected from the network ${neededNetworks.at(-1)}`);
  }
  const isStopping = stoppedByPersonAt !== undefined && stoppedByPersonAt > facts.startedAt;
  return isStopping && now - stoppedByPersonAt < STOPPING_MS ? silent('is being stopped') : undefined;
}
