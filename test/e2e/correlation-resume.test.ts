/** The agent stops in the middle of a cascade, and the next run continues: no alert is repeated, no container forgotten. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { SimulatedContainer } from '../../src/demo/engine/simulated-container.ts';
import { createSimulatedEngine, type SimulatedEngine } from '../../src/demo/simulated-engine.ts';
import { answer } from '../support/claude-server.ts';
import { composeProject } from '../support/compose-project.ts';
import type { Doctor } from '../support/doctor.ts';
import { eventually } from '../support/eventually.ts';
import { createAdjustableClock } from '../support/fast-clock.ts';
import { type FastWorld, startFastWorld } from '../support/fast-world.ts';
import { incidentOf } from '../support/slack-server.ts';
import { SAFE, soon, startWorld, type World } from '../support/world.ts';

const PROJECT = composeProject('shop', {
  db: { image: 'postgres:17' },
  api: { dependsOn: ['db'] },
  worker: { env: ['DATABASE_URL=postgres://app:secret@db:5432/app'] },
});

function fail(engine: SimulatedEngine): void {
  engine.container('shop-api-1')?.log('ERROR Error: connect ECONNREFUSED 172.18.0.2:5432', { stream: 'stderr' });
  engine
    .container('shop-worker-1')
    ?.log('ERROR could not translate host name "db" to address: Name or service not known', { stream: 'stderr' });
}

describe('an agent that is killed in the middle of a cascade', () => {
  it.each([0, 150, 350, 600, 1_500])(
    '%i ms after a database died reports it once',
    { timeout: 180_000 },
    async (ms) => {
      const world = await startWorld(() => answer(SAFE));
      try {
        for (const options of PROJECT) world.engine.addContainer(options);
        const first = await world.start();
        await soon(async () => ((await first.health()).monitoring.length === 3 ? true : undefined));
        world.engine.container('shop-db-1')?.exit(1);
        fail(world.engine);
        await sleep(ms);
        first.signal('SIGKILL');
        await first.exited;
        const second = await world.start();
        fail(world.engine);
        await soon(async () => {
          const roots = (await second.history()).filter(({ cause }) => cause?.kind !== 'incident');
          expect(
            roots.map(({ container, members }) => [container, members.map((one) => one.container).sort()]),
          ).toEqual([['shop-db-1', ['shop-api-1', 'shop-worker-1']]]);
          return true;
        });
        // The same text may arrive twice, if the agent was killed after Slack accepted it and before that was stored.
        const alerts = () => new Set(world.slack.posts.map(({ text }) => text));
        await soon(() => alerts().size > 0 || undefined);
        await sleep(1_500);
        expect([...alerts()]).toHaveLength(1);
        expect(world.engine.count('restart')).toBe(0);
      } finally {
        await world.close();
      }
    },
  );
});

/** A shop: web needs api; api and worker need db; api also needs cache. */
const SHOP = composeProject('shop', {
  db: { image: 'postgres:17', health: 'healthy' },
  cache: {},
  api: { dependsOn: ['db'], env: ['REDIS_URL=redis://cache:6379/0'] },
  worker: { env: ['DATABASE_URL=postgres://app:secret@db:5432/app'] },
  web: { dependsOn: ['api'] },
});
/** Dependencies in the shop. */
const EDGES = 4;
const NO_NAME = 'could not translate host name "db" to address: Name or service not known';
const FULL = 'could not extend file "base/16384/2619": No space left on device';

interface Fault {
  readonly breaks: (get: (service: string) => SimulatedContainer) => void | Promise<void>;
  /** What services log after the fault, and again after the agent's restart. */
  readonly errors: Readonly<Record<string, string>>;
  /** The services of each incident, its cause first. */
  readonly incidents: readonly (readonly string[])[];
  /** The cause is none of the services. */
  readonly isExternal?: true;
}

const FAULTS: Readonly<Record<string, Fault>> = {
  'a cache runs out of memory': {
    breaks: (get) => get('cache').oom(),
    errors: { api: 'ERROR [ioredis] Unhandled error event: Error: connect ECONNREFUSED 172.18.0.3:6379' },
    incidents: [['cache', 'api']],
  },
  'a database is paused': {
    breaks: (get) => get('db').pause(),
    errors: { worker: 'ERROR TimeoutError: timed out', api: 'ERROR request failed: Read timed out.' },
    incidents: [['db', 'api', 'worker']],
  },
  'a database leaves its network': {
    breaks: (get) => get('db').disconnect('shop_default'),
    errors: { worker: `ERROR psycopg.OperationalError: ${NO_NAME}` },
    incidents: [['db', 'worker']],
  },
  'a database becomes unhealthy': {
    breaks: (get) => get('db').setHealth('unhealthy', 'no response'),
    errors: { worker: 'ERROR connection to server at "db" (172.18.0.2), port 5432 failed: timeout expired' },
    incidents: [['db', 'worker']],
  },
  'a disk is full': {
    breaks: () => {},
    errors: {
      db: `2026-11-25 10:00:00.000 UTC [71] ERROR:  ${FULL}`,
      api: `ERROR error: ${FULL}`,
      worker: `ERROR psycopg.errors.DiskFull: ${FULL}`,
    },
    incidents: [['db', 'api', 'worker']],
  },
  'each container of a chain fails': {
    breaks: (get) => get('db').exit(1),
    errors: {
      api: 'ERROR Error: connect ECONNREFUSED 172.18.0.2:5432',
      web: 'ERROR upstream api responded with 503 Service Unavailable',
    },
    incidents: [['db', 'api', 'web']],
  },
  'two containers fail for themselves': {
    breaks(get) {
      get('db').exit(1);
      get('cache').exit(1);
    },
    errors: {
      worker: `ERROR psycopg.OperationalError: ${NO_NAME}`,
      api: 'ERROR Error: connect ECONNREFUSED 172.18.0.3:6379',
    },
    incidents: [
      ['cache', 'api'],
      ['db', 'worker'],
    ],
  },
  'an external host cannot be reached': {
    breaks: () => {},
    errors: {
      api: 'ERROR Error: connect ETIMEDOUT smtp.example.net:587',
      worker: 'ERROR smtplib: could not connect to host="smtp.example.net", port=587',
      web: 'ERROR curl: (6) Could not resolve host: smtp.example.net',
    },
    incidents: [['api', 'web', 'worker']],
    isExternal: true,
  },
};

describe.concurrent('an agent that is killed just after', { timeout: 240_000 }, () => {
  it.each(Object.entries(FAULTS))('%s reports each cause once, and restarts no victim', async (_, fault) => {
    const world = await startWorld(() => answer(SAFE));
    try {
      for (const options of SHOP) world.engine.addContainer(options);
      const get = (service: string) => world.engine.container(`shop-${service}-1`) as SimulatedContainer;
      const complain = () => {
        for (const [service, text] of Object.entries(fault.errors)) get(service).log(text, { stream: 'stderr' });
      };
      const first = await world.start();
      // Once it knows who depends on whom, it also knows the addresses.
      await soon(async () => ((await edgesOf(first)).length === EDGES ? true : undefined));
      const before = world.engine.count('inspect');
      await fault.breaks(get);
      complain();
      await soon(() => world.engine.count('inspect') > before || undefined);
      first.signal('SIGKILL');
      await first.exited;
      const second = await world.start();
      complain();
      const incidents = async () => {
        const roots = (await second.history()).filter(({ cause }) => cause?.kind !== 'incident');
        return roots
          .map(({ container, members }) => [container, ...members.map((one) => one.container).sort()].map(serviceOf))
          .map((services) => (fault.isExternal ? services.sort() : services))
          .sort();
      };
      await soon(async () => {
        expect(await incidents()).toEqual(fault.incidents);
        return true;
      });
      await soon(() => alertedIncidents(world).size === fault.incidents.length || undefined);
      await sleep(1_500);
      expect(await incidents()).toEqual(fault.incidents);
      expect(alertedIncidents(world).size).toBe(fault.incidents.length);
      const causes = fault.isExternal ? [] : fault.incidents.map(([cause]) => cause);
      for (const { operation, container = '' } of world.engine.requests) {
        if (operation === 'restart') expect(causes).toContain(serviceOf(container));
      }
    } finally {
      await world.close();
    }
  });
});

async function edgesOf({ url }: Doctor): Promise<readonly unknown[]> {
  return ((await (await fetch(`${url}/api/v1/graph`)).json()) as { edges: readonly unknown[] }).edges;
}
const serviceOf = (container: string) => container.split('-')[1] ?? '';
const alertedIncidents = ({ slack }: World) => new Set(slack.posts.flatMap((post) => incidentOf(post) ?? []));

describe('an agent that starts again', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'doctor-resume-'));
  let engine: SimulatedEngine | undefined;
  afterEach(async () => {
    await engine?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('releases the members of an incident from its earlier run', async () => {
    const clock = createAdjustableClock(6);
    const simulated = createSimulatedEngine({ socketPath: path.join(folder, 'engine.sock'), clock });
    engine = simulated;
    const host = await simulated.listen();
    for (const options of PROJECT) simulated.addContainer(options);
    const start = () =>
      startFastWorld({
        clock,
        containers: [],
        dataDir: path.join(folder, 'data'),
        engine: { simulated, host },
        claude: () => answer(SAFE),
        env: { CHECK_INTERVAL: '5', VERIFY_STABLE_SECONDS: '3', VERIFY_DEADLINE_SECONDS: '20' },
      });

    const watching = ({ health }: FastWorld) =>
      eventually(async () => {
        const { monitoring } = await health();
        return ['shop-api-1', 'shop-worker-1'].every((name) => monitoring.includes(name)) || undefined;
      });

    const first = await start();
    await watching(first);
    await clock.sleep(3_000);
    simulated.container('shop-db-1')?.exit(1);
    fail(simulated);
    await eventually(async () => {
      expect((await first.history())[0]?.members).toHaveLength(2);
      return true;
    });
    await clock.sleep(3_000);
    await first.close();

    const second = await start();
    try {
      await watching(second);
      await clock.sleep(3_000);
      fail(simulated);
      await clock.sleep(5_000);
      expect(second.slack.posts).toEqual([]);
      const db = simulated.container('shop-db-1') as SimulatedContainer;
      db.start();
      clock.speed = 30;
      for (let i = 0; i < 8; i++) {
        await clock.sleep(10_000);
        simulated
          .container('shop-api-1')
          ?.log('ERROR Error: connect ECONNREFUSED 172.18.0.2:5432', { stream: 'stderr' });
      }
      await clock.sleep(30_000);
      const entries = await second.history();
      const own = entries.filter(({ container, cause }) => container === 'shop-api-1' && cause?.kind !== 'incident');
      expect(own).toHaveLength(1);
      expect(entries.filter(({ container }) => container === 'shop-worker-1')).toEqual([]);
    } finally {
      await second.close();
    }
  });
});
