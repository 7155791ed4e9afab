import { sql } from 'kysely';
import type { Aftermath, DecisionReason, Outcome, Verdict } from '../../domain/decision.ts';
import type { Severity } from '../../domain/diagnosis.ts';
import type { IncidentState } from '../../domain/incident.ts';
import type { OnHost, StoredStats, TimeRange } from '../../pipeline/ports/pages.ts';
import type { CurrentDatabase } from '../current-database.ts';
import { shownRows } from '../fleet-scope.ts';
import { REVIEWED_REASONS } from '../reviews.ts';
import { projectOf } from '../rows.ts';

const DAY_MS = 86_400_000;
/** The UTC day of a request. Both databases divide integers without a remainder. */
const DAY = sql<number>`requested_at / ${sql.lit(DAY_MS)}`;

/** Counts and sums of a time; incidents belong to the time in which they were opened. */
export async function readStats(current: CurrentDatabase, range: TimeRange & OnHost): Promise<StoredStats> {
  return {
    ...countsOf(await groupIncidents(current, range)),
    asked: await countAsks(current, range),
    recoveryTimes: await readRecoveryTimes(current, range),
    ...(await readSpend(current, range)),
  };
}

/** What differs most comes first: SQLite sorts by these, and compares fewer of them. */
const GROUP = [
  'incidents.service',
  'incidents.severity',
  'incidents.cause_kind',
  'newest.outcome',
  'incidents.tier',
  'incidents.state',
  'incidents.decision_reason',
  'reviews.aftermath',
  'reviews.verdict',
  'incidents.project',
] as const;

type IncidentGroup = Awaited<ReturnType<typeof groupIncidents>>[number];

/** Counts equal incidents. `outcome`: of the newest restart. One reading of the incidents, from an index, for all counts. */
function groupIncidents(current: CurrentDatabase, { from, to, host }: TimeRange & OnHost) {
  const isNewest = sql<boolean>`NOT EXISTS (
    SELECT 1 FROM attempts AS newer
    WHERE newer.incident_id = newest.incident_id
      AND (newer.started_at, newer.id) > (newest.started_at, newest.id)
  )`;
  return current.db
    .selectFrom('incidents')
    .leftJoin('attempts as newest', (join) => join.onRef('newest.incident_id', '=', 'incidents.id').on(isNewest))
    .leftJoin('reviews', 'reviews.incident_id', 'incidents.id')
    .select((eb) => [...GROUP, eb.fn.countAll().as('incidents')])
    .where(shownRows(current, 'incidents.agent', host))
    .where('incidents.opened_at', '>=', from)
    .where('incidents.opened_at', '<', to)
    .groupBy([...GROUP])
    .execute();
}

function countsOf(
  groups: readonly IncidentGroup[],
): Pick<StoredStats, 'bySeverity' | 'undiagnosed' | 'open' | 'saved' | 'cases'> {
  const count = (is: (group: IncidentGroup) => boolean): number =>
    groups.filter(is).reduce((sum, { incidents }) => sum + Number(incidents), 0);
  const withSeverity = (severity: Severity) => count((group) => group.severity === severity);
  return {
    bySeverity: { low: withSeverity('low'), medium: withSeverity('medium'), high: withSeverity('high') },
    undiagnosed: count(({ severity }) => severity === null),
    open: count(({ state }) => state === 'open'),
    saved: {
      known: count(({ tier }) => tier === 'known'),
      local: count(({ tier }) => tier === 'local'),
      rules: count(({ tier }) => tier === 'rules'),
      correlation: count(({ tier, cause_kind }) => tier === null && cause_kind === 'incident'),
    },
    cases: groups.flatMap(caseOf),
  };
}

/** Restarts that were verified, and those that a setting held back; nothing for other incidents. */
function caseOf(group: IncidentGroup): StoredStats['cases'] {
  const reason = group.decision_reason as DecisionReason | null;
  if (reason === null || (group.outcome === null && !REVIEWED_REASONS.includes(reason))) return [];
  return [
    {
      count: Number(group.incidents),
      service: group.service,
      ...projectOf(group),
      reason,
      state: group.state as IncidentState,
      ...(group.outcome !== null && { outcome: group.outcome as Outcome }),
      ...(group.aftermath !== null && { aftermath: group.aftermath as Aftermath }),
      ...(group.verdict !== null && { verdict: group.verdict as Verdict }),
    },
  ];
}

async function countAsks(current: CurrentDatabase, { from, to, host }: TimeRange & OnHost): Promise<number> {
  const { asks } = await current.db
    .selectFrom('asks')
    .select((eb) => eb.fn.countAll().as('asks'))
    .where(shownRows(current, 'agent', host))
    .where('asked_at', '>=', from)
    .where('asked_at', '<', to)
    .executeTakeFirstOrThrow();
  return Number(asks);
}

async function readRecoveryTimes(current: CurrentDatabase, { from, to, host }: TimeRange & OnHost): Promise<number[]> {
  const rows = await current.db
    .selectFrom('attempts')
    .innerJoin('incidents', 'incidents.id', 'attempts.incident_id')
    .select(['incidents.opened_at', 'attempts.finished_at'])
    .where(shownRows(current, 'attempts.agent', host))
    .where('attempts.started_at', '>=', from)
    .where('attempts.started_at', '<', to)
    .where('attempts.outcome', '=', 'recovered')
    .execute();
  return rows.flatMap(({ opened_at, finished_at }) =>
    finished_at === null || finished_at < opened_at ? [] : [finished_at - opened_at],
  );
}

async function readSpend(
  current: CurrentDatabase,
  range: TimeRange & OnHost,
): Promise<Pick<StoredStats, 'spend' | 'services'>> {
  // Two sums of few groups each: days, containers and models together would be thousands.
  return { spend: await sumByModel(current, range), services: await sumByService(current, range) };
}

function requestsWithin(current: CurrentDatabase, { from, to, host }: TimeRange & OnHost) {
  return current.db
    .selectFrom('claude_requests')
    .where(shownRows(current, 'agent', host))
    .where('requested_at', '>=', from)
    .where('requested_at', '<', to);
}

async function sumByModel(current: CurrentDatabase, range: TimeRange & OnHost): Promise<StoredStats['spend']> {
  const rows = await requestsWithin(current, range)
    .select((eb) => [
      DAY.as('day'),
      'model',
      eb.fn.countAll().as('requests'),
      eb.fn.sum('cost_usd').as('usd'),
      eb.fn.sum('input_tokens').as('input'),
      eb.fn.sum('cache_read_tokens').as('read'),
      eb.fn.sum('cache_write_tokens').as('written'),
      eb.fn.sum('output_tokens').as('output'),
    ])
    .groupBy([DAY, 'model'])
    .execute();
  return rows
    .map((row) => ({
      day: Number(row.day) * DAY_MS,
      model: row.model,
      usd: Number(row.usd),
      requests: Number(row.requests),
      inputTokens: Number(row.input) + Number(row.read) + Number(row.written),
      outputTokens: Number(row.output),
    }))
    .sort((one, other) => one.day - other.day);
}

async function sumByService(current: CurrentDatabase, range: TimeRange & OnHost): Promise<StoredStats['services']> {
  const rows = await requestsWithin(current, range)
    .select((eb) => [DAY.as('day'), 'container_name', eb.fn.countAll().as('requests'), eb.fn.sum('cost_usd').as('usd')])
    .groupBy([DAY, 'container_name'])
    .execute();
  const serviceOf = rows.length === 0 ? new Map<string, string>() : await readServices(current, range.host);
  const sums = new Map<string, StoredStats['services'][number]>();
  for (const row of rows) {
    const service = serviceOf.get(row.container_name) ?? row.container_name;
    const key = `${row.day} ${service}`;
    const { usd, requests } = sums.get(key) ?? { usd: 0, requests: 0 };
    const day = Number(row.day) * DAY_MS;
    sums.set(key, { day, service, usd: usd + Number(row.usd), requests: requests + Number(row.requests) });
  }
  return [...sums.values()].sort((one, other) => one.day - other.day);
}

/** The service of each container, by name. */
async function readServices(current: CurrentDatabase, host: string | undefined): Promise<ReadonlyMap<string, string>> {
  const rows = await current.db
    .selectFrom('incidents')
    .select((eb) => ['container_name', eb.fn.max('service').as('service')])
    .where(shownRows(current, 'agent', host))
    .groupBy('container_name')
    .execute();
  return new Map(rows.map(({ container_name, service }) => [container_name, service]));
}
