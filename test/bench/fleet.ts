/**
 * Many agents, each with a simulated engine of 40 containers, on one real PostgreSQL: the load of the database at rest and
 * while a day's incidents occur within minutes, the answers of the API, and a storm of one fault on all hosts.
 *
 * All agents and engines share this process, so their own times are those of a busy machine. The clock is real.
 * BENCH_FLEET_AGENTS: how many; default 10.
 */
import pg from 'pg';
import { answer } from '../support/claude-server.ts';
import { eventually } from '../support/eventually.ts';
import type { FastWorld } from '../support/fast-world.ts';
import { startFleet } from '../support/fleet.ts';
import { letters } from '../support/letters.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { number, percentile, print, spread } from './support.ts';
import { cpuSeconds } from './support-agent.ts';

const AGENTS = Number(process.env.BENCH_FLEET_AGENTS ?? 10);
const CONTAINERS = 40;
/** Different problems of one host in a day; at most one per container. */
const INCIDENTS_A_DAY = 20;
/** Of all hosts together. */
const INCIDENTS_A_SECOND = 4;
const REST_MS = 60_000;
/** A message about several hosts is sent up to 75 s after the last of them, by its agent's next heartbeat. */
const MESSAGES_MS = 95_000;
const ASKED = 20;
const PAGES = [
  '/status',
  '/incidents',
  '/incidents?search=table',
  '/stats',
  '/timeline',
  '/containers',
  '/containers?host=*',
];
const GOALS = { connections: 3, pageMs: 200, questions: 1, messages: 12 };

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const goal = (reached: boolean) => (reached ? 'goal reached' : 'GOAL MISSED');

export async function run(): Promise<void> {
  const server = await startPostgres({ connections: GOALS.connections * AGENTS + 20 });
  const databaseUrl = server.createDatabase();
  const client = new pg.Client({ connectionString: databaseUrl });
  const unlimited = {
    MAX_DIAGNOSES_PER_HOUR: '10000',
    MAX_DIAGNOSES_PER_HOUR_FLEET: '100000',
    MAX_SPEND_PER_DAY: '1000',
    MAX_SPEND_PER_DAY_FLEET: '10000',
  };
  const fleet = await startFleet({
    databaseUrl,
    containers: Array.from({ length: CONTAINERS }, (_, n) => ({ name: `app-${letters(n)}`, ports: [8_000 + n] })),
    claude: () => answer({ severity: 'medium' }),
    env: unlimited,
  });
  try {
    await client.connect();
    const worlds: FastWorld[] = [];
    for (let n = 1; n <= AGENTS; n++) worlds.push(await fleet.start(`host-${n}`));
    print('agents × containers', `${AGENTS} × ${CONTAINERS}`);
    await sleep(20_000);

    const load = measureLoad(client);
    let end = await load();
    await sleep(REST_MS);
    print('database at rest', await end());

    end = await load();
    const day = AGENTS * INCIDENTS_A_DAY;
    for (let i = 0; i < day; i++) {
      const world = worlds[i % AGENTS] as FastWorld;
      const text = `ERROR cannot read the ${letters(i + 1_000)} table: it has no rows`;
      // Each in a container of its own: different errors of one container within minutes are one incident.
      world.engine.container(`app-${letters(Math.floor(i / AGENTS))}`)?.log(text, { stream: 'stderr' });
      await sleep(1_000 / INCIDENTS_A_SECOND);
    }
    await eventually(
      async () => {
        const [{ done }] = (await client.query('SELECT count(decided_at)::int AS done FROM incidents')).rows;
        return done >= day ? true : undefined;
      },
      { deadlineMs: 300_000, everyMs: 1_000 },
    );
    print(`a day: ${number(day)} incidents`, await end());
    const { rows } = await client.query('SELECT (decided_at - opened_at)::float8 AS ms FROM incidents');
    print('from an incident to its decision', spread(rows.map(({ ms }) => ms as number)));

    const { rows: connections } = await client.query(
      `SELECT max(n)::int AS most FROM (SELECT count(*) AS n FROM pg_stat_activity
        WHERE application_name LIKE 'container-doctor%'
        GROUP BY replace(application_name, ' session ', ' ')) AS each`,
    );
    const { most } = connections[0];
    print('connections of an agent', `at most ${most}   ${goal(most <= GOALS.connections)} (≤ ${GOALS.connections})`);

    await pages(worlds[0] as FastWorld);
    await storm(fleet, worlds);
  } finally {
    await client.end();
    await fleet.close();
    await server.close();
  }
}

/** Returns a function that begins a measurement, which returns one that ends it. */
function measureLoad(client: pg.Client): () => Promise<() => Promise<string>> {
  const now = async () => {
    const { rows } = await client.query(
      `SELECT (xact_commit + xact_rollback)::float8 AS transactions FROM pg_stat_database WHERE datname = current_database()`,
    );
    const backends = await client.query('SELECT pid FROM pg_stat_activity');
    const cpu = backends.rows.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0);
    return { at: performance.now(), transactions: rows[0].transactions as number, cpu };
  };
  return async () => {
    const begin = await now();
    return async () => {
      // Backends report their counts at most once a second.
      await sleep(1_500);
      const end = await now();
      const seconds = (end.at - begin.at) / 1_000;
      const rate = (end.transactions - begin.transactions) / seconds;
      const share = ((end.cpu - begin.cpu) / seconds) * 100;
      return (
        `${rate.toFixed(1)} transactions a second (${(rate / AGENTS).toFixed(2)} an agent), ` +
        `${share.toFixed(1)} % of a core, ${seconds.toFixed(0)} s`
      );
    };
  };
}

async function pages(world: FastWorld): Promise<void> {
  for (const page of PAGES) {
    const took: number[] = [];
    for (let i = 0; i < ASKED; i++) {
      const begun = performance.now();
      await world.api(page);
      took.push(performance.now() - begun);
    }
    const reached = percentile(took, 0.95) <= GOALS.pageMs;
    print(`/api/v1${page}`, `${spread(took)}   ${goal(reached)} (≤ ${GOALS.pageMs} ms)`);
  }
}

async function storm(
  { claude, slack }: Awaited<ReturnType<typeof startFleet>>,
  worlds: readonly FastWorld[],
): Promise<void> {
  const [asked, told] = [claude.requests.length, slack.posts.length];
  for (const { engine } of worlds)
    engine.container(`app-${letters(0)}`)?.log('ERROR cannot serve: deadlock', { stream: 'stderr' });
  await sleep(MESSAGES_MS);
  const questions = claude.requests.length - asked;
  const messages = slack.posts.length - told;
  print('one fault on all hosts: questions', `${questions}   ${goal(questions === GOALS.questions)}`);
  print('one fault on all hosts: messages', `${messages}   ${goal(messages <= GOALS.messages)} (≤ ${GOALS.messages})`);
}
