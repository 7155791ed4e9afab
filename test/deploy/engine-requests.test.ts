/**
 * The allow list of the socket proxy has exactly the requests that the agent makes. They are recorded behind a proxy that
 * applies the list, during everything that makes the agent send one: a start, an incident with a question, a restart and
 * its verification, a container that is created while the agent runs, and the command `check`.
 */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { answer } from '../support/claude-server.ts';
import { runCommand } from '../support/doctor.ts';
import { SAFE, soon, startWorld, type World } from '../support/world.ts';
import { type FilteringProxy, listedRequests, readAllowList, startFilteringProxy } from './allow-list.ts';

let world: World;
let proxy: FilteringProxy;

beforeEach(async () => {
  world = await startWorld(() => answer(SAFE));
  const restarts = readAllowList({ SOCKET_PROXY_ALLOW_POST: 'restart' });
  proxy = await startFilteringProxy(restarts, new URL(world.host).pathname);
});
afterEach(async () => {
  await world.close();
  await proxy.close();
});

/** Ids become `{}`. */
const general = (requests: readonly string[]) =>
  [
    ...new Set(
      requests.map((request) =>
        request
          .replace(/\/v1\.\d+\//, '/')
          .replace(/\/containers\/[^/]+\/(?=\w+$)/, '/containers/{}/')
          .replace(/sha256:[0-9a-f]{64}/, 'sha256:{}'),
      ),
    ),
  ].sort();

it('the list has no request that the agent does not make, and refuses none that it makes', async () => {
  const engine = { DOCKER_HOST: `tcp://127.0.0.1:${proxy.port}` };
  const web = world.engine.addContainer({ name: 'web', labels: { team: 'a' } });
  const doctor = await world.start(engine);
  await soon(async () => ((await doctor.health()).monitoring.includes('web') ? true : undefined));
  world.engine.addContainer({ name: 'later' });
  web.log('FATAL out of file descriptors: too many open files');
  web.exit(1);
  await soon(async () => (await doctor.history()).find(({ outcome }) => outcome !== null));
  world.engine.addContainer({ name: 'db', image: 'postgres:17' }).log('FATAL: sorry, too many clients already');
  await soon(async () => (await doctor.history()).find(({ container, decision }) => container === 'db' && decision));
  const { stdout } = await runCommand(['check'], { ...world.environment(engine), AUTO_FIX: 'true' });
  expect(stdout).toContain('GET /containers/{id}/logs');
  expect(general(proxy.forwarded)).toEqual([...listedRequests({ SOCKET_PROXY_ALLOW_POST: 'restart' })].sort());
  expect(general(proxy.rejected)).toEqual([]);
}, 120_000);
