/** What is special about Podman's Docker API. */
import type { DockerVersion } from 'dockerode';

export type EngineKind = 'docker' | 'podman';

/** Podman imitates the version page of Docker, but its first component is `Podman Engine`. */
export function engineKind({ Components }: Pick<DockerVersion, 'Components'>): EngineKind {
  return Components?.some(({ Name }) => Name === 'Podman Engine') ? 'podman' : 'docker';
}

/** What cannot be known on Podman, for people. */
export const PODMAN_LIMITS: readonly string[] = [
  'no oom events: a process that is killed for lack of memory is noticed only if it is the main process',
  'health checks are run by systemd timers: without systemd, no container becomes unhealthy',
  'a log file that reaches max-size is emptied: lines that Podman has not sent by then are lost',
];
