/** What the texts of an incident say about the dependencies of its container. */
import type { ContainerFacts, ContainerRef } from '../../domain.ts';
import { DETECTOR_INFO } from '../detectors.ts';
import type { LiveIncident } from '../incident/open-incidents.ts';
import type { DiagnosisContext } from '../ports.ts';
import { type Failure, failureIn, isNameResolutionFailure, isNameServerFailure, statedCause } from './failure-texts.ts';
import type { DependencyGraph } from './graph.ts';
import { NAME_RESOLUTION } from './meeting-points.ts';
import { canBeExternal, hostsIn, type NamedHost, namesOnlyItself } from './named-hosts.ts';

export interface Symptoms {
  /** Undefined if the texts do not say that a dependency fails. */
  readonly failure?: Failure;
  /** The containers that the failures name. */
  readonly named: readonly ContainerRef[];
  /** A host outside the engine that the failures name. */
  readonly external?: string;
  /** A name or address that they name for certain and that no known container has. */
  readonly unresolved?: string;
  /** NAME_RESOLUTION if names cannot be resolved that exist. */
  readonly nameServerFails?: string;
  /** See `statedCause`. */
  readonly stated?: string;
}

const LAST_LINES = 20;

/**
 * The records of the incident. For one about the state of its container also the outputs of its health check and the end
 * of its log: what ended it may have been printed without a level.
 */
export function textsOf(
  { evidence, incident }: LiveIncident,
  { facts, logLines }: DiagnosisContext,
): readonly string[] {
  const records = evidence.flatMap(({ record }) => (record === undefined ? [] : [record.text]));
  const isAboutState = incident.detectors.some((detector) => DETECTOR_INFO[detector].overOnlyIfRunning);
  if (isAboutState) {
    const health = facts?.healthLog.slice(-2).map(({ output }) => output) ?? [];
    return [...records, ...health, ...logLines.slice(-LAST_LINES)];
  }
  // An earlier run of the agent had the records.
  return records.length > 0 ? records : [incident.summary];
}

export function readSymptoms(
  texts: readonly string[],
  container: ContainerRef,
  facts: ContainerFacts | undefined,
  graph: Pick<DependencyGraph, 'resolve' | 'networksOf' | 'isInOwnNetwork'>,
): Symptoms {
  const stated = statedCause(texts);
  const failures = texts.flatMap((text) => {
    const failure = failureIn(text);
    return failure === undefined || namesOnlyItself(text) ? [] : [{ text, failure }];
  });
  if (failures.length === 0 || isOffItsNetworks(container, facts, graph)) return { named: [], stated };

  const hosts = failures.flatMap(({ text }) => hostsIn(text));
  const resolved = hosts.map((host) => ({ host, containers: graph.resolve(container, host.host) }));
  const named = uniqueById(resolved.flatMap(({ containers }) => containers));
  const others = resolved.flatMap(({ host, containers }) => (containers.length === 0 ? [host] : []));
  const external = others.find((host) => canBeExternal(host) && !graph.isInOwnNetwork(container.id, host.host));
  const unresolved = others.find(({ certain }) => certain);
  const noName = failures.some(({ text }) => isNameResolutionFailure(text));
  const noServer = failures.some(({ text }) => isNameServerFailure(text));
  const nameServerFails = (noName && named.length > 0) || (noServer && external !== undefined);
  return {
    failure: failures.some(({ failure }) => failure === 'unreachable') ? 'unreachable' : 'interrupted',
    named,
    ...(named.length === 0 && external !== undefined && { external: describe(external) }),
    ...(unresolved !== undefined && { unresolved: unresolved.host }),
    ...(nameServerFails && { nameServerFails: NAME_RESOLUTION }),
    stated,
  };
}

/** It has lost all the networks that it was on: then it is the one that is cut off. */
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
