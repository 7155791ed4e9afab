/** Why a container cannot serve those that depend on it, as far as the engine knows. */
import type { ContainerFacts } from '../../domain.ts';
import type { ContainerLifecycle } from '../lifecycle/record.ts';

export interface EngineTrouble {
  /** For people: continues "db …". */
  readonly what: string;
  /**
   * No signal reports it: somebody put the container into this state, or it ends by itself. It becomes an incident only if
   * it lasts.
   */
  readonly silent: boolean;
  /** It ended with code 0 and nobody stopped it, or it never ran: it may have done its work. */
  readonly mayBeDone: boolean;
  /** Epoch ms; absent if the engine does not say. */
  readonly since?: number;
}

export interface TroubleInput {
  /** Undefined if the container does not exist. */
  readonly facts: ContainerFacts | undefined;
  readonly lifecycle: ContainerLifecycle;
  /** Networks on which others are known to reach it. */
  readonly neededNetworks: readonly string[];
  readonly now: number;
}

/** A person's stop is in progress this long at most: the stop timeout, which is rarely longer. */
const STOPPING_MS = 30_000;

/** Undefined if the container runs, is not unhealthy, and is on a network on which others reach it. */
export function engineTrouble({ facts, lifecycle, neededNetworks, now }: TroubleInput): EngineTrouble | undefined {
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

const silent = (what: string): EngineTrouble => ({ what, silent: true, mayBeDone: false });
const loud = (what: string): EngineTrouble => ({ what, silent: false, mayBeDone: false });

function ended({ exitCode, finishedAt }: ContainerFacts, { lastEnd }: ContainerLifecycle): EngineTrouble {
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
): EngineTrouble | undefined {
  if (facts.health === 'unhealthy') return loud('is unhealthy');
  if (facts.health === 'starting') return silent('is starting');
  const { networks } = facts.topology;
  if (neededNetworks.length > 0 && !networks.some(({ name }) => neededNetworks.includes(name))) {
    return silent(`is disconnected from the network ${neededNetworks.at(-1)}`);
  }
  const isStopping = stoppedByPersonAt !== undefined && stoppedByPersonAt > facts.startedAt;
  return isStopping && now - stoppedByPersonAt < STOPPING_MS ? silent('is being stopped') : undefined;
}
