import type { Aftermath, Verdict } from '../../domain/decision.ts';
import type { ListedIncident } from '../../pipeline/ports/pages.ts';
import { withHost } from '../fleet-scope.ts';
import { caseOf, selectCases } from '../rows.ts';
import type { Database } from '../schema/tables.ts';

/** Incidents with their newest restart, what people said about them, and their cost. */
export function selectListed(db: Database) {
  return selectCases(db)
    .leftJoin('reviews', 'reviews.incident_id', 'incidents.id')
    .select(['reviews.aftermath', 'reviews.verdict', 'reviews.note'])
    .select((eb) =>
      eb
        .selectFrom('claude_requests')
        .select((sub) => sub.fn.sum('claude_requests.cost_usd').as('usd'))
        .whereRef('claude_requests.agent', '=', 'incidents.agent')
        .whereRef('claude_requests.incident_id', '=', 'incidents.id')
        .as('spent_usd'),
    );
}

type ListedRow = Awaited<ReturnType<ReturnType<typeof selectListed>['execute']>>[number];

export function listedOf(row: ListedRow): ListedIncident {
  return {
    ...withHost(caseOf(row), row.agent),
    costUsd: Number(row.spent_usd ?? 0),
    ...(row.resolved_at !== null && { resolvedAt: row.resolved_at }),
    ...(row.aftermath !== null && { aftermath: row.aftermath as Aftermath }),
    ...(row.verdict !== null && { verdict: row.verdict as Verdict }),
    ...(row.note !== null && { note: row.note }),
  };
}
