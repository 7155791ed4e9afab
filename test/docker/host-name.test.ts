import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createSimulatedEngine } from '../../src/demo/simulated-engine.ts';
import { createDockerEngine } from '../../src/docker/engine.ts';
import { createHostName, withHostName } from '../../src/docker/host-name.ts';
import type { ContainerRef } from '../../src/domain/containers.ts';
import { eventually } from '../support/eventually.ts';

async function setUp(agentName?: string, callTimeoutMs = 60_000) {
  const folder = await mkdtemp(path.join(tmpdir(), 'host-name-'));
  const simulated = createSimulatedEngine({ socketPath: path.join(folder, 'engine.sock'), hostName: 'node-7' });
  const host = await simulated.listen();
  onTestFinished(async () => {
    await simulated.close();
    await rm(folder, { recursive: true });
  });
  const engine = createDockerEngine({ host, tlsVerify: false, callTimeoutMs });
  return { simulated, engine, start: () => createHostName(agentName, engine) };
}

it('the host name is that of the engine’s host, and is in every listed container and event', async () => {
  const { simulated, engine, start } = await setUp();
  const hostName = start();
  await eventually(() => hostName());
  const named = withHostName(engine, hostName);
  simulated.addContainer({ name: 'web' });
  expect(await named.list()).toMatchObject([{ ref: { name: 'web', host: 'node-7' } }]);

  const seen: ContainerRef[] = [];
  const stop = new AbortController();
  const events = named.events({
    since: 0,
    signal: stop.signal,
    onConnected: () => {},
    onEvent: ({ container }) => void seen.push(container),
  });
  await eventually(() => (seen.length > 0 ? true : undefined));
  stop.abort();
  await events;
  expect(seen[0]).toMatchObject({ name: 'web', host: 'node-7' });
});

it('the host name is AGENT_NAME if that is set, and is not requested from the engine', async () => {
  const { simulated, start } = await setUp('shop-host');
  expect(start()()).toBe('shop-host');
  expect(simulated.count('info')).toBe(0);
});

it.each<[string, (engine: Awaited<ReturnType<typeof setUp>>['simulated']) => void]>([
  ['refuses', ({ faults }) => faults.respond('info', 403)],
  ['does not answer', ({ faults }) => faults.hang('info')],
])('the host name is unknown, and nothing fails, if the engine %s', async (_what, breakIt) => {
  const { simulated, engine, start } = await setUp(undefined, 1_000);
  breakIt(simulated);
  const hostName = start();
  await expect(engine.hostName()).rejects.toThrow();
  expect(hostName()).toBeUndefined();
  simulated.addContainer({ name: 'web' });
  const [listed] = await withHostName(engine, hostName).list();
  expect(listed?.ref).not.toHaveProperty('host');
});
