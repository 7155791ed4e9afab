/** The text of the daily digest. */
import { type DecisionReason, HELD_BACK_REASONS } from '../../domain/decision.ts';
import { SEVERITIES } from '../../domain/diagnosis.ts';
import { formatUsd } from '../../lib/money.ts';
import { cutEnd } from '../../lib/text.ts';
import { DETECTOR_INFO } from '../detectors.ts';
import type { Notice } from '../ports/receiver.ts';
import type { IncidentCase } from '../ports/store.ts';

export interface DigestInput {
  /** Diagnosed in the last RECURRING_DAYS, or in the period if that is longer. */
  readonly cases: readonly IncidentCase[];
  /** Epoch ms. */
  readonly from: number;
  readonly to: number;
  /** The local date of `to`. */
  readonly date: string;
  readonly spentUsd: number;
  readonly url?: string;
}

export const RECURRING_DAYS = 7;
const RECURRING_TIMES = 3;
/** More would not fit into a message. */
const MAX_LINES = 5;

export function digestNotice({ cases, from, to, date, spentUsd, url }: DigestInput): Notice {
  const ofPeriod = cases.filter(({ diagnosis }) => diagnosis && diagnosis.at >= from && diagnosis.at < to);
  const recorded = ofPeriod.filter(
    ({ decision }) => decision?.kind === 'record' && decision.reason !== 'dependency_down',
  );
  const restarted = ofPeriod.filter(({ attempt }) => attempt !== undefined);
  const held = ofPeriod.filter(({ decision }) => decision?.kind !== 'ask' && isHeldBack(decision?.reason));
  const waiting = cases.filter(({ incident, decision }) => incident.state === 'open' && decision?.kind === 'ask');
  const hours = Math.round((to - from) / 3_600_000);
  const sections = [
    countLine(ofPeriod),
    ...section('Recorded, without an alert', recorded, problemLine),
    ...section('Restarted', restarted, (each) => `${problemLine(each)} → ${each.attempt?.outcome ?? 'in progress'}`),
    ...section('A restart was held back', held, (each) => `${problemLine(each)} (${each.decision?.reason})`),
    ...section('Waiting for a person', waiting, problemLine),
    ...recurring(cases, from),
    `Spent on Claude: ${formatUsd(spentUsd)}`,
  ];
  return {
    title: `Daily digest, ${date}`,
    heading: `The last ${hours} hours`,
    text: sections.join('\n'),
    ...(url !== undefined && { url }),
  };
}

function isHeldBack(reason: DecisionReason | undefined): boolean {
  return HELD_BACK_REASONS.some((each) => each === reason);
}

function countLine(cases: readonly IncidentCase[]): string {
  if (cases.length === 0) return 'No incidents.';
  const counts = SEVERITIES.toReversed().flatMap((severity) => {
    const count = cases.filter(({ diagnosis }) => diagnosis?.severity === severity).length;
    return count === 0 ? [] : [`${count} ${severity}`];
  });
  return `${cases.length} ${cases.length === 1 ? 'incident' : 'incidents'}: ${counts.join(', ')}.`;
}

function section(
  title: string,
  cases: readonly IncidentCase[],
  line: (each: IncidentCase) => string,
): readonly string[] {
  if (cases.length === 0) return [];
  const more = cases.length - MAX_LINES;
  return [
    `${title}: ${cases.length}`,
    ...cases.slice(-MAX_LINES).map((each) => `  ${line(each)}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
}

function problemLine({ incident }: IncidentCase): string {
  return `${oneLine(incident.container.name, 60)}: ${oneLine(incident.summary, 100)}`;
}

/** Problems that come back again and again, and did in the period. */
function recurring(cases: readonly IncidentCase[], from: number): readonly string[] {
  const byProblem = Map.groupBy(cases, ({ incident: { container, fingerprint } }) =>
    JSON.stringify([container.project, container.service, fingerprint]),
  );
  const again = [...byProblem.values()]
    .filter((same) => same.length >= RECURRING_TIMES && (same.at(-1)?.diagnosis?.at ?? 0) >= from)
    .sort((a, b) => b.length - a.length);
  if (again.length === 0) return [];
  const lines = again.slice(0, MAX_LINES).flatMap((same) => {
    const last = same.at(-1) as IncidentCase;
    const { incident, diagnosis } = last;
    return [
      `  ${same.length} times in ${RECURRING_DAYS} days: ${oneLine(incident.container.name, 60)}: ${DETECTOR_INFO[incident.detector].title}`,
      `    Suggested fix: ${oneLine(diagnosis?.suggestedFix ?? '', 200)}`,
    ];
  });
  return [`Comes back again and again: ${again.length}`, ...lines];
}

function oneLine(text: string, max: number): string {
  return cutEnd(text.replace(/\s+/g, ' ').trim(), max);
}
