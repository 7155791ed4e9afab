import { sql } from 'kysely';
import type { Aftermath, DecisionKind, DecisionReason, Outcome, Verdict } from '../../domain/decision.ts';
import type { Severity } from '../../domain/diagnosis.ts';
import type { Detector, IncidentState } from '../../domain/incident.ts';
import type { StoredStats, TimeRange } from '../../pipeline/ports/pages.ts';
import type { CurrentDatabase } from '../current-database.ts';
import { REVIEWED_REASONS } from '../reviews.ts';
import { projectOf } from '../rows.ts';

const DAY_MS = 86_400_000;

/** Counts and sums of a time; incidents belong to the time in which they were opened. */
export async function readStats(current: CurrentDatabase, range: TimeRange): Promise<StoredStats> {
  return {
    ...(await countIncidents(current, range)),
    asked: await countAsks(current, range),
    cases: await readCases(current, range),
    recoveryTimes: await readRecoveryTimes(current, range),
    ...(await readSpend(current, range)),
  };
}

async function countIncidents({ db, agent }: CurrentDatabase, { from, to }: TimeRange) {
  const groups = await db
    .selectFrom('incidents')
    .select((eb) => ['state', 'severity', 'tier', 'cause_kind', eb.fn.countAll().as('incidents')])
    .where('agent', '=', agent)
    .where('opened_at', '>=', from)
    .where('opened_at', '<', to)
    .groupBy(['state', 'severity', 'tier', 'cause_kind'])
    .execute();
  const count = (is: (group: (typeof groups)[number]) => boolean): number =>
    groups.filter(is).reduce((sum, { incidents }) => sum + Number(incidents), 0);
  const withSeverity = (severity: Severity) => count((group) => group.severity === severity);
  return {
    bySeverity: { low: withSeverity('low'), medium: withSeverity('medium'), high: withSeverity('high') },
    undiagnosed: count(({ severity }) => severity === null),
    open: count(({ state }) => state === 'open'),
    saved: {
      known: count(({ tier }) => tier === 'known'),
      rules: count(({ tier }) => tier === 'rules'),
      correlation: count(({ tier, cause_kind }) => tier === null && cause_kind === 'incident'),
    },
  };
}

async function countAsks({ db, agent }: CurrentDatabase, { from, to }: TimeRange): Promise<number> {
  const { asks } = await db
    .selectFrom('asks')
    .select((eb) => eb.fn.countAll().as('asks'))
    .where('agent', '=', agent)
    .where('asked_at', '>=', from)
    .where('asked_at', '<', to)
    .executeTakeFirstOrThrow();
  return Number(asks);
}

async function readCases({ db, agent }: CurrentDatabase, { from, to }: TimeRange): Promise<StoredStats['cases']> {
  const attempts = await db
    .selectFrom('attempts')
    .select(['incident_id', 'outcome'])
    .where('agent', '=', agent)
    .where('started_at', '>=', from)
    .orderBy('started_at')
    .execute();
  const outcomes = new Map(attempts.map(({ incident_id, outcome }) => [incident_id, outcome]));
  const rows = await db
    .selectFrom('incidents')
    .leftJoin('reviews', 'reviews.incident_id', 'incidents.id')
    .select([
      'incidents.id',
      'incidents.container_name',
      'incidents.service',
      'incidents.project',
      'incidents.detector',
      'incidents.summary',
      'incidents.opened_at',
      'incidents.decided_at',
      'incidents.decision_kind',
      'incidents.decision_reason',
      'incidents.state',
      'reviews.aftermath',
      'reviews.verdict',
      'reviews.note',
    ])
    .where('incidents.agent', '=', agent)
    .where('incidents.opened_at', '>=', from)
    .where('incidents.opened_at', '<', to)
    .where('incidents.decision_reason', 'is not', null)
    .orderBy('incidents.opened_at')
    .execute();
  return rows
    .filter(
      ({ id, decision_reason }) => outcomes.has(id) || REVIEWED_REASONS.includes(decision_reason as DecisionReason),
    )
    .map((row) => {
      const outcome = outcomes.get(row.id) ?? null;
      return {
        incidentId: row.id,
        containerName: row.container_name,
        service: row.service,
        ...projectOf(row),
        detector: row.detector as Detector,
        summary: row.summary,
        decidedAt: row.decided_at ?? row.opened_at,
        decision: { kind: row.decision_kind as DecisionKind, reason: row.decision_reason as DecisionReason },
        state: row.state as IncidentState,
        ...(outcome !== null && { outcome: outcome as Outcome }),
        ...(row.aftermath !== null && { aftermath: row.aftermath as Aftermath }),
        ...(row.verdict !== null && { verdict: row.verdict as Verdict }),
        ...(row.note !== null && { note: row.note }),
      };
    });
}

async function readRecoveryTimes({ db, agent }: CurrentDatabase, { from, to }: TimeRange): Promise<number[]> {
  const rows = await db
    .selectFrom('attempts')
    .innerJoin('incidents', 'incidents.id', 'attempts.incident_id')
    .select(['incidents.opened_at', 'attempts.finished_at'])
    .where('attempts.agent', '=', agent)
    .where('attempts.started_at', '>=', from)
    .where('attempts.started_at', '<', to)
    .where('attempts.outcome', '=', 'recovered')
    .execute();
  return rows.flatMap(({ opened_at, finished_at }) =>
    finished_at === null || finished_at < opened_at ? [] : [finished_at - opened_at],
  );
}

async function readSpend({ db, agent }: CurrentDatabase, { from, to }: TimeRange) {
  // Both databases divide integers without a remainder.
  const day = sql<number>`claude_requests.requested_at / ${sql.lit(DAY_MS)}`;
  const rows = await db
    .selectFrom('claude_requests')
    .leftJoin('incidents', 'incidents.id', 'claude_requests.incident_id')
    .select((eb) => [
      day.as('day'),
      eb.fn.coalesce('incidents.service', 'claude_requests.container_name').as('service'),
      'claude_requests.model',
      eb.fn.countAll().as('requests'),
      eb.fn.sum('claude_requests.cost_usd').as('usd'),
      eb.fn.sum('claude_requests.input_tokens').as('input'),
      eb.fn.sum('claude_requests.cache_read_tokens').as('read'),
      eb.fn.sum('claude_requests.cache_write_tokens').as('written'),
      eb.fn.sum('claude_requests.output_tokens').as('output'),
    ])
    .where('claude_requests.agent', '=', agent)
    .where('claude_requests.requested_at', '>=', from)
    .where('claude_requests.requested_at', '<', to)
    .groupBy([
      day,
      (eb) => eb.fn.coalesce('incidents.service', 'claude_requests.container_name'),
      'claude_requests.model',
    ])
    .execute();
  const sums = rows.map((row) => ({
    day: Number(row.day) * DAY_MS,
    service: row.service,
    model: row.model,
    usd: Number(row.usd),
    requests: Number(row.requests),
    inputTokens: Number(row.input) + Number(row.read) + Number(row.written),
    outputTokens: Number(row.output),
  }));
  type Sum = (typeof sums)[number];
  const by = <Key extends 'day' | 'service' | 'model'>(key: Key): Sum[] => {
    const groups = new Map<Sum[Key], Sum>();
    for (const sum of sums) {
      const group = groups.get(sum[key]);
      groups.set(sum[key], group === undefined ? sum : add(group, sum));
    }
    return [...groups.values()];
  };
  const add = (one: Sum, other: Sum): Sum => ({
    ...one,
    usd: one.usd + other.usd,
    requests: one.requests + other.requests,
    inputTokens: one.inputTokens + other.inputTokens,
    outputTokens: one.outputTokens + other.outputTokens,
  });
  const dearest = (one: Sum, other: Sum) => other.usd - one.usd;
  return {
    days: by('day').sort((one, other) => one.day - other.day),
    services: by('service').sort(dearest),
    models: by('model').sort(dearest),
  };
}
