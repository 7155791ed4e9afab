/** What the texts of an incident say about the dependencies of its container. */
import type { ContainerFacts, ContainerRef } from '../../domain/containers.ts';
import type { LiveIncident } from '../incident/open-incidents.ts';
import type { DiagnosisContext } from '../ports/model.ts';
import { NAME_RESOLUTION } from './common-causes.ts';
import { type Failure, failureIn, isNameResolutionFailure, isNameServerFailure, statedCause } from './failure-texts.ts';
import type { DependencyGraph } from './graph.ts';
import { isAboutState, recordsOf } from './members.ts';
import { canBeExternal, hostsIn, type NamedHost, namesOnlyItself } from './named-hosts.ts';

export interface Symptoms {
  /** Undefined if the texts do not say that a dependency fails. */
  readonly failure?: Failure;
  /** The containers that the failures name. */
  readonly named: readonly ContainerRef[];
  /** All hosts that the failures name. */
  readonly hosts: readonly NamedHost[];
  /** A host outside the engine that the failures name. */
  readonly external?: string;
  /** A name or address in a certain position that no known container has. */
  readonly unresolved?: string;
  /** NAME_RESOLUTION if existing names cannot be resolved. */
  readonly nameServerFails?: string;
  /** See `statedCause`. */
  readonly stated?: string;
}

const CLEAREST_FIRST: readonly Failure[] = ['unreachable', 'interrupted', 'exhausted'];
const LAST_LINES = 20;

/**
 * The records of the incident. If it is about the state of its container, also the output of the health check and the end
 * of the log: the cause may have been printed without a level.
 */
export function textsOf(live: LiveIncident, { facts, logLines }: DiagnosisContext): readonly string[] {
  const records = recordsOf(live);
  if (isAboutState(live)) {
    const health = facts?.healthLog.slice(-2).map(({ output }) => output) ?? [];
    return [...records, ...health, ...logLines.slice(-LAST_LINES)];
  }
  return records.length > 0 ? records : [live.incident.summary];
}

interface SymptomsInput {
  readonly texts: readonly string[];
  /** When they were printed. */
  readonly at: number;
  readonly container: ContainerRef;
  readonly facts: ContainerFacts | undefined;
}

export function readSymptoms(
  { texts, at, container, facts }: SymptomsInput,
  graph: Pick<DependencyGraph, 'resolve' | 'networksOf' | 'isInOwnNetwork'>,
): Symptoms {
  const stated = statedCause(texts);
  const failures = texts.flatMap((text) => {
    const failure = failureIn(text);
    return failure === undefined || namesOnlyItself(text) ? [] : [{ text, failure }];
  });
  if (isOffItsNetworks(container, facts, graph)) return { named: [], hosts: [], stated };

  const hosts = failures.flatMap(({ text }) => hostsIn(text));
  const resolved = hosts.map((host) => ({ host, containers: graph.resolve(container, host.host, at) }));
  const named = uniqueById(resolved.flatMap(({ containers }) => containers));
  const others = resolved.filter(({ containers }) => containers.length === 0).map(({ host }) => host);
  const external = others.find((host) => canBeExternal(host) && !graph.isInOwnNetwork(container.id, host.host));
  const unresolved = others.find(({ certain }) => certain);
  const noName = failures.some(({ text }) => isNameResolutionFailure(text));
  const noServer = failures.some(({ text }) => isNameServerFailure(text));
  const nameServerFails = noServer || (noName && named.length > 0);
  return {
    failure: CLEAREST_FIRST.find((kind) => failures.some(({ failure }) => failure === kind)),
    named,
    hosts,
    ...(named.length === 0 && external !== undefined && { external: describe(external) }),
    ...(unresolved !== undefined && { unresolved: unresolved.host }),
    ...(nameServerFails && { nameServerFails: NAME_RESOLUTION }),
    stated,
  };
}

/** Whether the container itself has lost all its networks: then no dependency is the cause. */
function isOffItsNetworks(
  { id }: ContainerRef,
  facts: ContainerFacts | undefined,
  graph: Pick<DependencyGraph, 'networksOf'>,
): boolean {
  if (facts?.status !== 'running' || facts.topology.sharesNetworkOf !== undefined) return false;
  return facts.topology.networks.length === 0 && graph.networksOf(id).length > 0;
}

function uniqueById(containers: readonly ContainerRef[]): readonly ContainerRef[] {
  return [...new Map(containers.map((container) => [container.id, container])).values()];
}

function describe({ host, port }: NamedHost): string {
  return port === undefined ? host : `${host}:${port}`;
}
