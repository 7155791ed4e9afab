import type { ReactElement } from 'react';
import { counted } from '../lib/format.ts';
import type { IncidentSummary } from '../lib/types.ts';
import { Link } from '../ui/link.tsx';
import { OUTCOME, Status, severityLook } from '../ui/status.tsx';
import { Ago, Lasted } from '../ui/time.tsx';

/** An incident in a list: what, where, since when, and what was done. */
export function IncidentRow({ incident }: { readonly incident: IncidentSummary }): ReactElement {
  const { id, container, summary, root_cause, state, opened_at, resolved_at, occurrences, host } = incident;
  return (
    <Link className="item" href={incidentPath(id)} data-entry>
      <Status look={lookOf(incident)} chip />
      <span className="lines">
        <span className="title">
          {container}
          <span className="muted"> · {root_cause ?? summary}</span>
        </span>
        <span className="sub">
          {[
            counted(occurrences, 'occurrence'),
            doneAbout(incident),
            ...(host === null ? [] : [`on ${host}`]),
            ...causeOf(incident),
          ].join(' · ')}
        </span>
      </span>
      <span className="end">
        <Ago at={opened_at} />
        <span className="lasted">
          {state === 'open' ? 'open for ' : 'lasted '}
          <Lasted from={opened_at} to={state === 'open' ? undefined : (resolved_at ?? incident.last_seen_at)} />
        </span>
      </span>
    </Link>
  );
}

/** It has no diagnosis of its own. */
const FOLLOWS = { word: 'follows', icon: 'link', tone: 'plain' } as const;

/** What an incident is called: its severity, or that it only follows from another one. */
export function lookOf({
  severity,
  cause,
}: Pick<IncidentSummary, 'severity' | 'cause'>): ReturnType<typeof severityLook> {
  return severity === null && cause?.kind === 'incident' ? FOLLOWS : severityLook(severity);
}

export function incidentPath(id: string): string {
  return `/incidents/${encodeURIComponent(id)}`;
}

function doneAbout({ decision, outcome, tier, cause, waits }: IncidentSummary): string {
  if (waits !== null) return `waits ${waits.what}`;
  if (outcome !== null) return `restarted: ${OUTCOME[outcome]?.word ?? outcome}`;
  if (decision !== null) return WORD_OF_KIND[decision.kind];
  return cause?.kind === 'incident' ? 'handled with its cause' : tier === null ? 'being diagnosed' : 'being decided';
}

const WORD_OF_KIND = {
  restart: 'restarting',
  ask: 'waits for a person',
  notify: 'alert only, not restarted',
  record: 'recorded only',
} as const;

function causeOf({ cause }: IncidentSummary): string[] {
  if (cause?.kind === 'external') return [`caused by ${cause.host}`];
  if (cause?.kind === 'unknown')
    return [`a dependency seems to fail${cause.named === null ? '' : ` (${cause.named})`}`];
  return [];
}
