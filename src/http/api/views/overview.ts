import { serviceKey } from '../../../domain/containers.ts';
import { type Tally, tallyCounted } from '../../../pipeline/incident/scorecard.ts';
import type { StoredStats, StoredTimeline, TimeRange } from '../../../pipeline/ports/pages.ts';
import type { FixCounts, Stats, Timeline } from '../schemas/overview.ts';
import { iso, isoOrNull, toAttempt } from './common.ts';

export function toTimeline(range: TimeRange, stored: StoredTimeline, limit: number): Timeline {
  return {
    from: iso(range.from),
    to: iso(range.to),
    incidents: stored.incidents.slice(-limit).map((incident) => ({
      id: incident.id,
      container: incident.containerName,
      service: incident.service,
      project: incident.project ?? null,
      state: incident.state,
      severity: incident.severity ?? null,
      summary: incident.summary,
      opened_at: iso(incident.openedAt),
      last_seen_at: iso(incident.lastSeenAt),
      ended_at: isoOrNull(incident.endedAt),
      cause_incident_id: incident.causeIncidentId ?? null,
    })),
    restarts: stored.restarts.map(toAttempt),
    deployments: stored.deployments.map(({ at, container, previousImage }) => ({
      at: iso(at),
      container: container.name,
      service: container.service,
      project: container.project ?? null,
      image: container.image,
      previous_image: previousImage ?? null,
    })),
    absences: stored.absences.map(({ kind, from, to }) => ({ kind, from: iso(from), to: isoOrNull(to) })),
    is_truncated: stored.incidents.length > limit,
  };
}

const DAY_MS = 86_400_000;
const DAYS_OF_MONTH = 30;

export function toStats(range: TimeRange, stored: StoredStats, budgetPerDayUsd: number): Stats {
  const { bySeverity, undiagnosed, open, recoveryTimes } = stored;
  const times = recoveryTimes.toSorted((one, other) => one - other);
  const total = sumOf(stored.spend, 'usd');
  return {
    from: iso(range.from),
    to: iso(range.to),
    incidents: {
      total: bySeverity.low + bySeverity.medium + bySeverity.high + undiagnosed,
      open,
      undiagnosed,
      by_severity: { ...bySeverity },
    },
    fixes: fixesOf(stored.cases),
    time_to_recovery: {
      count: times.length,
      median_seconds: quantile(times, 0.5),
      p90_seconds: quantile(times, 0.9),
    },
    questions: { asked: stored.asked, saved: { ...stored.saved } },
    cost: {
      total_usd: total,
      budget_per_day_usd: budgetPerDayUsd,
      projected_month_usd: (total / daysCovered(range, stored)) * DAYS_OF_MONTH,
      days: daysOf(stored),
      services: servicesOf(stored.services),
      models: modelsOf(stored.spend),
    },
  };
}

function daysOf({ spend, services }: StoredStats): Stats['cost']['days'] {
  const days = Map.groupBy(spend, ({ day }) => day);
  const servicesByDay = Map.groupBy(services, ({ day }) => day);
  return [...days].map(([day, models]) => ({
    day: iso(day).slice(0, 10),
    usd: sumOf(models, 'usd'),
    requests: sumOf(models, 'requests'),
    models: models.map(({ model, usd, requests }) => ({ model, usd, requests })),
    services: servicesOf(servicesByDay.get(day) ?? []),
  }));
}

/** The dearest first. */
function servicesOf(spend: StoredStats['services']): Stats['cost']['services'] {
  return [...Map.groupBy(spend, ({ service }) => service)]
    .map(([service, parts]) => ({ service, usd: sumOf(parts, 'usd'), requests: sumOf(parts, 'requests') }))
    .sort((one, other) => other.usd - one.usd);
}

function sumOf<Key extends string>(rows: readonly Readonly<Record<Key, number>>[], key: Key): number {
  return rows.reduce((sum, row) => sum + row[key], 0);
}

/** The dearest first. */
function modelsOf(spend: StoredStats['spend']): Stats['cost']['models'] {
  const models = new Map<string, Stats['cost']['models'][number]>();
  for (const { model, usd, requests, inputTokens, outputTokens } of spend) {
    const before = models.get(model) ?? { usd: 0, requests: 0, input_tokens: 0, output_tokens: 0 };
    models.set(model, {
      model,
      usd: before.usd + usd,
      requests: before.requests + requests,
      input_tokens: before.input_tokens + inputTokens,
      output_tokens: before.output_tokens + outputTokens,
    });
  }
  return [...models.values()].sort((one, other) => other.usd - one.usd);
}

/** From the first day with a request on; at least one. */
function daysCovered({ from, to }: TimeRange, { spend }: StoredStats): number {
  const first = Math.max(from, spend[0]?.day ?? to);
  return Math.max(1, (to - first) / DAY_MS);
}

function fixesOf(cases: StoredStats['cases']): Stats['fixes'] {
  const groups = Map.groupBy(cases, serviceKey);
  return {
    overall: toFixCounts(tallyOf(cases)),
    services: [...groups.entries()]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([, ofService]) => {
        return {
          ...toFixCounts(tallyOf(ofService)),
          service: ofService[0]?.service ?? '',
          project: ofService[0]?.project ?? null,
        };
      }),
  };
}

function tallyOf(cases: StoredStats['cases']): Tally {
  return tallyCounted(cases.map((one) => ({ ...one, decision: { reason: one.reason } })));
}

function toFixCounts({ wouldHaveRestarted, restarted, results, right, wrong }: Tally): FixCounts {
  return {
    restarted,
    recovered: results.recovered,
    failed: results.failed,
    unknown: results.unknown,
    would_have_restarted: wouldHaveRestarted,
    came_back: results.came_back,
    restarted_by_person: results.restarted_by_person,
    still_broken: results.still_broken,
    right,
    wrong,
    success: wilson(results.recovered, results.recovered + results.failed),
  };
}

/** The quantile of a normal distribution for 95 %. */
const Z = 1.959_963_984_540_054;

/** The Wilson score interval: unlike the normal approximation, it is right for few cases and for rates near 0 and 1. */
export function wilson(successes: number, cases: number): FixCounts['success'] {
  if (cases === 0) return { rate: null, low: 0, high: 1 };
  const rate = successes / cases;
  const denominator = 1 + Z ** 2 / cases;
  const centre = (rate + Z ** 2 / (2 * cases)) / denominator;
  const margin = (Z * Math.sqrt((rate * (1 - rate)) / cases + Z ** 2 / (4 * cases ** 2))) / denominator;
  return { rate, low: Math.max(0, centre - margin), high: Math.min(1, centre + margin) };
}

function quantile(sorted: readonly number[], share: number): number | null {
  const ms = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return ms === undefined ? null : ms / 1000;
}
