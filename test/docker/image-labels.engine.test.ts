import { request } from 'node:http';
import { json } from 'node:stream/consumers';
import { afterAll, expect, it } from 'vitest';
import { createDockerEngine } from '../../src/docker/engine.ts';
import type { EngineEvent } from '../../src/domain/containers.ts';
import { resolvePolicy } from '../../src/pipeline/policy/resolve.ts';
import { DEFAULT_POLICY } from '../support/domain.ts';
import { describeEngine, docker, runContainer } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';

/** dockerode would put all of it into the address, too. */
function createContainer(dockerHost: string, options: object): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        socketPath: dockerHost.replace('unix://', ''),
        method: 'POST',
        path: '/containers/create',
        headers: { 'content-type': 'application/json' },
      },
      async (response) => {
        const answer = await json(response);
        if (response.statusCode === 201) resolve((answer as { Id: string }).Id);
        else reject(new Error(JSON.stringify(answer)));
      },
    );
    call.on('error', reject);
    call.end(JSON.stringify(options));
  });
}

describeEngine('labels of an image on a real engine', (dockerHost) => {
  const image = `cd-test-labels-${process.pid}`;
  const clean: (() => Promise<unknown>)[] = [];
  afterAll(async () => {
    for (const step of clean.reverse()) await step().catch(() => {});
  });

  it('limit restarts but loosen nothing, and megabytes of labels blind nobody', async () => {
    const base = await runContainer({ cmd: 'sleep 600' });
    clean.push(() => docker().getContainer(base.id).remove({ force: true }));
    await docker()
      .getContainer(base.id)
      .commit({
        repo: image,
        changes: [
          'LABEL container-doctor.detect.ignore=.* container-doctor.enable=false container-doctor.mode=observe',
          'LABEL container-doctor.grace=3600 com.docker.compose.project=shop com.docker.compose.service=web',
        ].join('\n'),
      });
    clean.push(() => docker().getImage(image).remove({ force: true }));

    const engine = createDockerEngine({ host: dockerHost, tlsVerify: false });
    const events: EngineEvent[] = [];
    const stop = new AbortController();
    const connected = Promise.withResolvers<void>();
    const following = engine.events({
      since: Date.now(),
      signal: stop.signal,
      onConnected: connected.resolve,
      onEvent: (event) => void events.push(event),
    });
    await connected.promise;
    // Each of these characters takes six in JSON: the event is larger than what is read.
    const hugeId = await createContainer(dockerHost, { Image: image, Labels: { note: '\u0001'.repeat(1_000_000) } });
    clean.push(() => docker().getContainer(hugeId).remove({ force: true }));
    const own = await runContainer({ cmd: 'sleep 600', image, labels: { 'container-doctor.grace': '7' } });
    clean.push(() => docker().getContainer(own.id).remove({ force: true }));

    await eventually(async () => expect(events.map(({ containerId }) => containerId)).toContain(own.id));
    stop.abort();
    await following;
    expect(events.map(({ containerId }) => containerId)).not.toContain(hugeId);

    const listed = await engine.list();
    const ref = listed.map(({ ref: each }) => each).find(({ id }) => id === own.id);
    if (ref === undefined) throw new Error('the container is not listed');
    expect(listed.map(({ ref: each }) => each.id)).toContain(hugeId);
    expect([ref.project, ref.service]).toEqual([undefined, ref.name]);
    const { values, warnings } = resolvePolicy(ref, [], DEFAULT_POLICY, engine.labelOriginOf(own.id));
    expect(values).toMatchObject({ enable: true, detectIgnore: [], grace: 7, mode: 'observe' });
    expect(warnings).toHaveLength(2);
  }, 60_000);
});
