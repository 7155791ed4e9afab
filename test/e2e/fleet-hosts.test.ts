/** Each agent's API shows the containers, dependencies and timeline of the other hosts. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { FastWorld } from '../support/fast-world.ts';
import { startFleet, type TestFleet } from '../support/fleet.ts';
import { type PostgresServer, startPostgres, whyNoPostgres } from '../support/postgres-server.ts';

const why = whyNoPostgres();
const soon = <T>(read: () => Promise<T | undefined> | T | undefined) =>
  eventually(read, { deadlineMs: 60_000, everyMs: 50 });

describe.skipIf(why !== undefined)(why ?? 'the hosts of a fleet', { timeout: 180_000 }, () => {
  let server: PostgresServer;
  let fleet: TestFleet;
  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server?.close());
  afterEach(() => fleet.close(), 60_000);

  const start = async () => {
    fleet = await startFleet({ databaseUrl: server.createDatabase(), speed: 20, containers: [] });
    const worlds = [await fleet.start('web-1'), await fleet.start('web-2')] as [FastWorld, FastWorld];
    const [one, two] = worlds;
    one.engine.addContainer({ name: 'app' });
    two.engine.addContainer({ name: 'db', image: 'postgres:17', networks: ['shop'] });
    two.engine.addContainer({ name: 'app', networks: ['shop'], env: ['DATABASE_HOST=db'] });
    return worlds;
  };
  const names = ({ containers }: { containers: { host: string; name: string }[] }) =>
    containers.map(({ host, name }) => `${host}/${name}`);

  it('are shown by each agent, with their policy, dependencies and open incidents', async () => {
    const [one, two] = await start();
    const all = await soon(async () => {
      const shown = await one.api('/containers?host=*');
      return shown.containers.length === 3 ? shown : undefined;
    });
    expect(names(all)).toEqual(['web-1/app', 'web-2/app', 'web-2/db']);
    expect(all.containers.map(({ policy }: { policy: unknown[] }) => policy.length)).toEqual([0, 0, 0]);
    expect(names(await one.api('/containers'))).toEqual(['web-1/app']);

    const own = await two.api('/containers');
    expect((await one.api('/containers?host=web-2')).containers).toEqual(own.containers);
    expect(own.containers[0].policy.length).toBeGreaterThan(5);
    const graph = await soon(async () => {
      const shown = await one.api('/graph?host=web-2');
      return shown.edges.length === 1 ? shown : undefined;
    });
    expect(graph).toEqual(await two.api('/graph'));
    expect(graph).toMatchObject({ host: 'web-2', edges: [{ from: 'app', to: 'db', evidence: 'environment' }] });

    two.engine.container('app')?.log('ERROR cannot serve: deadlock', { stream: 'stderr' });
    await soon(async () => ((await one.api('/incidents?host=web-2')).total === 1 ? true : undefined));
    const open = async (world: FastWorld, query: string) =>
      (await world.api(`/containers${query}`)).containers.map(
        (each: { open_incidents: string[] }) => each.open_incidents.length,
      );
    expect(await open(one, '?host=*')).toEqual([0, 1, 0]);
    expect(await open(one, '')).toEqual([0]);
    expect(await open(two, '')).toEqual([1, 0]);
    expect((await one.api('/timeline?host=web-2')).incidents).toHaveLength(1);
    expect((await one.api('/timeline')).incidents).toHaveLength(0);
    expect(await one.api('/containers?host=web-9')).toMatchObject({ error: expect.stringContaining('no such host') });
  });

  it('show a change soon', async () => {
    const [one, two] = await start();
    const states = async () =>
      (await one.api('/containers?host=web-2')).containers?.map(({ status }: { status: string }) => status).join();
    await soon(async () => ((await states()) === 'running,running' ? true : undefined));
    two.engine.container('db')?.stop();
    await soon(async () => ((await states()) === 'running,exited' ? true : undefined));
  });
});
