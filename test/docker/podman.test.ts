import Docker from 'dockerode';
import { describe, expect, it } from 'vitest';
import { addPodmanState, engineKind } from '../../src/docker/podman.ts';
import type { ContainerFacts } from '../../src/domain/containers.ts';
import { someFacts } from '../support/domain.ts';
import { startHttpStandIn } from '../support/http-stand-in.ts';

const component = (Name: string) => ({ Name, Version: '5.8.6' });

describe('the kind of an engine', () => {
  it.each([
    ['docker', [component('Engine'), component('containerd')]],
    ['podman', [component('Podman Engine'), component('Conmon')]],
    ['docker', undefined],
  ])('is %s', (kind, components) => {
    expect(engineKind({ Components: components as never })).toBe(kind);
  });
});

describe('a container that has exited', () => {
  const FINISHED_AT = 1_000_000;
  const always = { restartPolicy: 'always' } as const;

  /** Its status `after` ms, if Podman's own API answers with `state`. */
  async function statusAfter(after: number, facts: Partial<ContainerFacts>, state: object = {}) {
    const podman = await startHttpStandIn((request, response) => {
      response.writeHead(request.url?.startsWith('/v4.0.0/libpod/containers/abc/json') ? 200 : 404);
      response.end(JSON.stringify({ State: state }));
    });
    try {
      const { hostname, port } = new URL(podman.url);
      const exited = someFacts({ status: 'exited', exitCode: 1, finishedAt: FINISHED_AT, ...facts });
      const docker = new Docker({ host: hostname, port });
      return (await addPodmanState(docker, 'abc', exited, FINISHED_AT + after, AbortSignal.timeout(5_000))).status;
    } finally {
      await podman.close();
    }
  }

  it('is being restarted if its restart policy applies, also if a busy Podman takes seconds for it', async () => {
    expect(await statusAfter(100, always)).toBe('restarting');
    expect(await statusAfter(9_999, always)).toBe('restarting');
    expect(await statusAfter(10_000, always)).toBe('exited');
    expect(await statusAfter(100, { restartPolicy: 'on-failure', maximumRetryCount: 3 })).toBe('restarting');
  });

  it('stays down if its restart policy does not apply, or if a person stopped it', async () => {
    expect(await statusAfter(100, { restartPolicy: 'no' })).toBe('exited');
    expect(await statusAfter(100, { restartPolicy: 'on-failure', exitCode: 0 })).toBe('exited');
    expect(await statusAfter(100, { restartPolicy: 'on-failure', maximumRetryCount: 3, restartCount: 3 })).toBe(
      'exited',
    );
    expect(await statusAfter(100, always, { StoppedByUser: true })).toBe('exited');
  });
});
