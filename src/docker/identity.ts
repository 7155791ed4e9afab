/** The orchestrator, service and command of a container, which stay the same when the container is replaced. */
import { createHash } from 'node:crypto';
import type { ServiceRef } from '../domain/containers.ts';

type Labels = Readonly<Record<string, string>>;

interface Orchestrator {
  /** For people. */
  readonly name: string;
  /** A container with this label is started and replaced by the orchestrator. */
  readonly label: string;
  service(labels: Labels, containerName: string): ServiceRef | undefined;
}

/** Labels as the orchestrators document them. */
const ORCHESTRATORS: readonly Orchestrator[] = [
  {
    name: 'Docker Swarm',
    label: 'com.docker.swarm.task.id',
    service: (labels) => named(labels['com.docker.swarm.service.name']),
  },
  {
    name: 'Kubernetes',
    label: 'io.kubernetes.pod.name',
    service(labels) {
      const workload = workloadOf(labels['io.kubernetes.pod.name'] ?? '');
      const container = labels['io.kubernetes.container.name'];
      const service = container === undefined || container === workload ? workload : `${workload}-${container}`;
      return named(service, labels['io.kubernetes.pod.namespace']);
    },
  },
  {
    name: 'Nomad',
    label: 'com.hashicorp.nomad.alloc_id',
    // Nomad names a container <task>-<allocation>.
    service: (labels, name) => named(without(name, `-${labels['com.hashicorp.nomad.alloc_id']}`)),
  },
  {
    name: 'Amazon ECS',
    label: 'com.amazonaws.ecs.task-arn',
    service(labels) {
      const family = labels['com.amazonaws.ecs.task-definition-family'];
      return named(labels['com.amazonaws.ecs.container-name'], family);
    },
  },
];

/** The name of the orchestrator that starts and replaces the container; undefined if there is none. */
export function orchestratorOf(labels: Labels): string | undefined {
  return ORCHESTRATORS.find(({ label }) => label in labels)?.name;
}

export function serviceOf(name: string, labels: Labels): ServiceRef {
  const owner = ORCHESTRATORS.find(({ label }) => label in labels);
  const owned = owner?.service(labels, name);
  if (owned !== undefined) return owned;
  const project = labels['com.docker.compose.project'];
  const service = labels['com.docker.compose.service'] || withoutReplicaNumber(name);
  return { service, ...(project ? { project } : {}) };
}

/**
 * The name of a Swarm task without its ids, which look like secrets: `shop_web.1.‹task›` → `shop_web.1`, and for a global
 * service `shop_web.‹node›.‹task›` → `shop_web`.
 */
export function withoutTaskIds(name: string, labels: Labels): string {
  const task = labels['com.docker.swarm.task.id'];
  const node = labels['com.docker.swarm.node.id'];
  return task === undefined ? name : without(without(name, `.${task}`), `.${node}`);
}

/** Replaces slashes, because service and project are parts of a key that is joined by slashes. */
function named(service: string | undefined, project?: string): ServiceRef | undefined {
  if (!service) return undefined;
  return {
    service: service.replaceAll('/', '-'),
    ...(project ? { project: project.replaceAll('/', '-') } : {}),
  };
}

/** `web-1`, `web_2` → `web`. */
function withoutReplicaNumber(name: string): string {
  return name.replace(/(?<=.)[-_]\d{1,4}$/, '');
}

function without(text: string, end: string): string {
  return text.endsWith(end) ? text.slice(0, -end.length) : text;
}

/** The alphabet of Kubernetes for random suffixes: no vowels, and no 0, 1 or 3. */
const RANDOM = '[bcdfghjklmnpqrstvwxz2456789]';
const POD_SUFFIX = new RegExp(`(?:(?:-${RANDOM}{6,10})?-${RANDOM}{5}|-\\d{1,4})$`);

/** `web-6d4cf56db6-x2x7p` of a deployment, `db-0` of a stateful set, `agent-x2x7p` of a daemon set → the part before. */
function workloadOf(podName: string): string {
  return podName.replace(POD_SUFFIX, '') || podName;
}

/** Numbers and ids in a command differ from run to run. */
const VARIABLE_PART = /[0-9a-f]{8,}|\d+/gi;

/** Equal for containers that run the same command, apart from numbers and ids in it. Does not reveal the command. */
export function commandKey(command: readonly string[]): string {
  const text = command.join('\0').slice(0, 10_000).replace(VARIABLE_PART, '#');
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
