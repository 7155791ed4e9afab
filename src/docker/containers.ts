/** Converts the engine's descriptions of containers to domain types. */
import type { ContainerInfo, ContainerInspectInfo } from 'dockerode';
import type { ContainerFacts, ContainerRef, LabelOrigin, ListedContainer } from '../domain/containers.ts';
import { secretsOfVariable } from '../redact/environment.ts';
import { presentableName } from '../redact/presentable-name.ts';
import { commandKey, orchestratorOf, serviceOf, withoutTaskIds } from './identity.ts';
import { withoutForeignIdentity } from './image-labels.ts';
import { presentableLabels } from './labels.ts';
import { toSettings } from './settings.ts';
import { parseSignal } from './signals.ts';
import { toTopology } from './topology.ts';

const STATUSES: ReadonlySet<string> = new Set<ContainerFacts['status']>([
  'created',
  'running',
  'paused',
  'restarting',
  'removing',
  'exited',
  'dead',
]);
/** The engine's default, in seconds. */
const DEFAULT_STOP_TIMEOUT = 10;
/** TERM. */
const DEFAULT_STOP_SIGNAL = 15;
/** Shorter values would hide common words. */
const MIN_SECRET_LENGTH = 6;

/**
 * Names are shown, stored and sent as they are returned here, with placeholders for the secrets in them. Requests to
 * the engine use the id.
 */
export function toContainerRef(container: {
  id: string;
  name: string;
  image: string;
  labels: Readonly<Record<string, string>>;
}): ContainerRef {
  const { id, labels } = container;
  const image = presentableName(container.image);
  const name = presentableName(withoutTaskIds(container.name.replace(/^\//, ''), labels)) || id.slice(0, 12);
  const { service, project } = serviceOf(name, labels);
  return {
    id,
    name,
    image,
    service: presentableName(service),
    ...(project === undefined ? {} : { project: presentableName(project) }),
    labels: presentableLabels(labels),
  };
}

export function toListedContainer(info: ContainerInfo, origin?: LabelOrigin): ListedContainer {
  // Container links add names with a second slash.
  const name = info.Names?.find((candidate) => candidate.lastIndexOf('/') <= 0) ?? info.Names?.[0] ?? '';
  const labels = withoutForeignIdentity(info.Labels ?? {}, origin);
  return {
    ref: toContainerRef({ id: info.Id, name, image: info.Image, labels }),
    status: toStatus(info.State),
    health: healthInStatus(info.Status ?? ''),
    networkMode: info.HostConfig?.NetworkMode ?? 'default',
  };
}

/** A listing has the health only within its status text: `Up 2 minutes (health: starting)`. */
function healthInStatus(status: string): ContainerFacts['health'] {
  const word = /\((?:health: )?(starting|healthy|unhealthy)\)/.exec(status)?.[1];
  return (word as ContainerFacts['health'] | undefined) ?? 'none';
}

function toStatus(status: string | undefined): ContainerFacts['status'] {
  const lower = status?.toLowerCase() ?? '';
  return STATUSES.has(lower) ? (lower as ContainerFacts['status']) : 'exited';
}

export function toContainerFacts(info: ContainerInspectInfo): ContainerFacts {
  const { State: state, Config: config, HostConfig: host } = info;
  const environment = (config.Env ?? []).map(splitVariable);
  const health = state.Health?.Status;
  const orchestrator = orchestratorOf(config.Labels ?? {});
  return {
    status: toStatus(state.Status),
    exitCode: state.ExitCode,
    oomKilled: state.OOMKilled,
    error: state.Error ?? '',
    startedAt: toEpochMs(state.StartedAt),
    finishedAt: toEpochMs(state.FinishedAt),
    restartCount: info.RestartCount ?? 0,
    health: health === 'starting' || health === 'healthy' || health === 'unhealthy' ? health : 'none',
    healthLog: (state.Health?.Log ?? []).map((entry) => ({
      at: toEpochMs(String(entry.End)),
      exitCode: entry.ExitCode,
      output: entry.Output,
    })),
    memoryLimit: host.Memory ?? 0,
    restartPolicy: host.RestartPolicy?.Name || 'no',
    maximumRetryCount: host.RestartPolicy?.MaximumRetryCount ?? 0,
    stopSignal: parseSignal((config as { StopSignal?: string }).StopSignal ?? '') ?? DEFAULT_STOP_SIGNAL,
    stopTimeout: (config as { StopTimeout?: number }).StopTimeout ?? DEFAULT_STOP_TIMEOUT,
    tty: config.Tty ?? false,
    ...(orchestrator === undefined ? {} : { orchestrator }),
    autoRemove: host.AutoRemove ?? false,
    commandKey: commandKey([...toList(config.Entrypoint), ...toList(config.Cmd)]),
    ...(info.Image ? { imageId: info.Image } : {}),
    networkMode: host.NetworkMode ?? 'default',
    topology: toTopology(info, environment),
    settings: toSettings(info),
    image: presentableName(config.Image),
    environmentNames: environment.map(({ name }) => presentableName(name)),
    secretValues: secretValuesOf(environment),
  };
}

function toList(command: string | readonly string[] | null | undefined): readonly string[] {
  return typeof command === 'string' ? [command] : (command ?? []);
}

/** Returns 0 for the year 1, which the engine uses for "never". */
function toEpochMs(timestamp: string | undefined): number {
  const ms = Date.parse(timestamp ?? '');
  return Number.isNaN(ms) ? 0 : Math.max(0, ms);
}

interface Variable {
  readonly name: string;
  readonly value: string;
}

function splitVariable(variable: string): Variable {
  const at = variable.indexOf('=');
  return at === -1 ? { name: variable, value: '' } : { name: variable.slice(0, at), value: variable.slice(at + 1) };
}

/** Values of variables that are secret by their name, and the secret parts of the others; longest first. */
export function secretValuesOf(environment: readonly Variable[]): readonly string[] {
  const values = new Set(environment.flatMap(({ name, value }) => secretsOfVariable(name, value)));
  return [...values].filter((value) => value.length >= MIN_SECRET_LENGTH).sort((a, b) => b.length - a.length);
}
