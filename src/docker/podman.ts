/** The differences between Podman's Docker API and Docker's. */
import type Docker from 'dockerode';
import type { DockerVersion } from 'dockerode';
import { type ContainerFacts, PODMAN_RESTARTS_WITHIN_MS } from '../domain/containers.ts';

export type EngineKind = 'docker' | 'podman';

/** Podman imitates the version page of Docker, but its first component is `Podman Engine`. */
export function engineKind({ Components }: Pick<DockerVersion, 'Components'>): EngineKind {
  return Components?.some(({ Name }) => Name === 'Podman Engine') ? 'podman' : 'docker';
}

/** What the agent cannot see on Podman, for people. */
export const PODMAN_LIMITS: readonly string[] = [
  'no oom events: a process that is killed for lack of memory is noticed only if it is the main process',
  'health checks are run by systemd timers: without systemd, no container becomes unhealthy',
  'a log file that reaches max-size is emptied: lines that Podman has not sent by then are lost',
];

/**
 * Adds whether a user stopped an exited container, which only Podman's own API reports. Returns the same facts if that
 * API does not answer, for example because a proxy forbids it.
 */
export async function addPodmanState(
  docker: Docker,
  id: string,
  facts: ContainerFacts,
  now: number,
  abortSignal: AbortSignal,
): Promise<ContainerFacts> {
  const state = await inspectState(docker, id, abortSignal);
  if (state === undefined) return facts;
  const stoppedByUser = state.StoppedByUser ?? false;
  const restarting =
    !stoppedByUser && willRestart(facts) && Math.abs(now - facts.finishedAt) < PODMAN_RESTARTS_WITHIN_MS;
  return { ...facts, stoppedByUser, ...(restarting ? { status: 'restarting' } : {}) };
}

function willRestart({ restartPolicy, exitCode, restartCount, maximumRetryCount }: ContainerFacts): boolean {
  if (restartPolicy === 'always' || restartPolicy === 'unless-stopped') return true;
  const retriesLeft = maximumRetryCount === 0 || restartCount < maximumRetryCount;
  return restartPolicy === 'on-failure' && exitCode !== 0 && retriesLeft;
}

interface PodmanState {
  /** Absent for false. */
  readonly StoppedByUser?: boolean;
}

/** Undefined if the request fails. */
function inspectState(docker: Docker, id: string, abortSignal: AbortSignal): Promise<PodmanState | undefined> {
  const options = {
    // The oldest version of the API that Podman 4 and 5 serve.
    path: `/v4.0.0/libpod/containers/${id}/json`,
    method: 'GET',
    abortSignal,
    statusCodes: { 200: true },
  };
  return new Promise((resolve) => {
    docker.modem.dial(options, (error: unknown, info: unknown) => {
      const state = (info as { readonly State?: PodmanState } | null)?.State;
      resolve(error || typeof state !== 'object' ? undefined : state);
    });
  });
}
