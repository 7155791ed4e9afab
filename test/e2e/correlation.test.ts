/** One cause, one incident: the real agent on the simulated engine, on a clock that runs fast. */
import { afterEach, describe, expect, it } from 'vitest';
import type { SimulatedContainer } from '../../src/demo/engine/container.ts';
import { answer } from '../support/claude-server.ts';
import { composeProject, type ServiceOptions } from '../support/compose-project.ts';
import { eventually } from '../support/eventually.ts';
import { type FastWorld, startFastWorld } from '../support/fast-world.ts';
import { SAFE } from '../support/world.ts';

const SPEED = 8;
let world: FastWorld;
afterEach(() => world?.close());

/** A shop: web calls api and worker calls api; both need db, api also needs cache. */
const SHOP: Readonly<Record<string, ServiceOptions>> = {
  db: { image: 'postgres:17', health: 'healthy' },
  cache: { image: 'redis:7' },
  api: { dependsOn: ['db'], env: ['REDIS_URL=redis://cache:6379/0'] },
  worker: { env: ['DATABASE_URL=postgres://app:secret@db:5432/app'] },
  web: { dependsOn: ['api'] },
};

async function start(...projects: readonly (readonly [string, Readonly<Record<string, ServiceOptions>>])[]) {
  world = await startFastWorld({
    speed: SPEED,
    containers: projects.flatMap(([name, services]) => composeProject(name, services)),
    // The model always speaks for a restart: only correlation holds it back.
    claude: () => answer(SAFE),
    env: { CHECK_INTERVAL: '5', VERIFY_STABLE_SECONDS: '3', VERIFY_DEADLINE_SECONDS: '20', RESTART_GRACE_SECONDS: '0' },
  });
  await pass(62);
}

const get = (name: string): SimulatedContainer => world.engine.container(name) as SimulatedContainer;

function fails(name: string, text: string): void {
  get(name).log(text, { stream: 'stderr' });
}

/** Lets this many seconds of the agent's time pass. */
const pass = (seconds: number) => world.clock.sleep(seconds * 1_000);

interface Group {
  readonly root: string;
  readonly members: readonly string[];
}

/** Diagnosed incidents that belong to no other, with their members. */
async function groups(): Promise<readonly Group[]> {
  const roots = (await world.history()).filter(({ cause }) => cause?.kind !== 'incident');
  return roots.map(({ container, members }) => ({
    root: container,
    members: members.map((member) => member.container).sort(),
  }));
}

const restarted = (): readonly string[] =>
  world.engine.requests.flatMap(({ operation, container }) => (operation === 'restart' ? [container ?? ''] : []));

describe('correlation', () => {
  it('reports a killed database once, names its victims, and restarts none of them', async () => {
    await start(['shop', SHOP]);
    get('shop-db-1').exit(137);
    fails('shop-api-1', 'ERROR Error: connect ECONNREFUSED 172.18.0.2:5432');
    fails('shop-worker-1', 'ERROR psycopg.OperationalError: could not translate host name "db" to address: Name or service not known');
    fails('shop-web-1', 'ERROR upstream api responded with 503 Service Unavailable');
    await eventually(async () => {
      expect(await groups()).toEqual([
        { root: 'shop-db-1', members: ['shop-api-1', 'shop-web-1', 'shop-worker-1'] },
      ]);
      return true;
    });
    await pass(30);
    expect(world.claude.requests).toHaveLength(1);
    expect(world.slack.posts).toHaveLength(1);
    expect(restarted()).toEqual([]);
  });
});
