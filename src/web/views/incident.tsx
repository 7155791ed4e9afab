import type { ReactElement, ReactNode } from 'react';
import { useApi } from '../lib/data.ts';
import { counted, usd } from '../lib/format.ts';
import { story } from '../lib/story.ts';
import type { Incident, IncidentSummary, Status as StatusData } from '../lib/types.ts';
import { Icon } from '../ui/icons.tsx';
import { Link } from '../ui/link.tsx';
import { Failed, Loading } from '../ui/states.tsx';
import { OUTCOME, Status } from '../ui/status.tsx';
import { Ago, Lasted, Time } from '../ui/time.tsx';
import { Gates } from './gates.tsx';
import { IncidentActions } from './incident-actions.tsx';
import { IncidentGraphCard } from './incident-graph.tsx';
import { IncidentRow, incidentPath, lookOf } from './incident-row.tsx';
import { Question } from './question.tsx';
import { SnoozeList } from './snooze-list.tsx';
import { WaitingRestarts } from './waiting-restarts.tsx';

/** One incident: from the first line to the outcome. */
export function IncidentView({ id }: { readonly id: string }): ReactElement {
  const { data: incident, error, retry } = useApi('incident', `/incidents/${encodeURIComponent(id)}`);
  const { data: status } = useApi('status', '/status');
  if (error) return <Failed what="The incident" why={error.message} onRetry={retry} />;
  if (!incident) return <Loading what="the incident" />;
  return (
    <div className="stack">
      <Head incident={incident} />
      <WaitingRestarts requests={incident.restart_requests} />
      <SnoozeList snoozes={incident.snoozes} />
      <div className="two-thirds">
        <div className="stack">
          <DiagnosisCard incident={incident} />
          <IncidentGraphCard incident={incident} />
          <Excerpt incident={incident} />
          <Gates decisions={incident.decisions} />
          <Related incident={incident} />
        </div>
        <div className="stack">
          <Story incident={incident} />
          <Facts incident={incident} status={status} />
        </div>
      </div>
      <Question incident={incident} />
    </div>
  );
}

function Head({ incident }: { readonly incident: Incident }): ReactElement {
  const { container, summary, severity, state, opened_at, last_seen_at, resolved_at, occurrences, outcome, waits } =
    incident;
  return (
    <header>
      <p className="small">
        <Link className="muted" href="/incidents">
          Incidents
        </Link>
      </p>
      <h1 className="wrap-any">
        {container}: {summary}
      </h1>
      <div className="row head-line">
        <Status look={lookOf(incident)} word={severity === null ? undefined : `${severity} severity`} chip />
        {state === 'open' ? (
          <Status look={{ word: 'open', icon: 'incidents', tone: 'bad' }} chip />
        ) : (
          <Status look={{ word: 'resolved', icon: 'good', tone: 'good' }} chip />
        )}
        {outcome === null ? null : OUTCOME[outcome] ? (
          <Status look={OUTCOME[outcome]} word={`restart: ${OUTCOME[outcome].word}`} chip />
        ) : null}
        <span className="muted">
          <Ago at={opened_at} /> · {counted(occurrences, 'occurrence')}, the last one <Ago at={last_seen_at} /> ·{' '}
          {state === 'open' ? 'open for ' : 'lasted '}
          <Lasted from={opened_at} to={state === 'open' ? undefined : (resolved_at ?? last_seen_at)} />
        </span>
      </div>
      {waits === null ? null : (
        <p className="status plain head-line waits">
          <Icon name="waiting" size={15} />
          <span className="wrap-any">
            Waits {waits.what}, until <Time at={waits.until} /> at the latest.
          </span>
        </p>
      )}
      <IncidentActions incident={incident} />
    </header>
  );
}

function DiagnosisCard({
  incident: { diagnosis, cause, cause_incident },
}: {
  readonly incident: Incident;
}): ReactElement {
  return (
    <section className="card" aria-labelledby="diagnosis">
      <h2 id="diagnosis">Diagnosis</h2>
      {cause?.kind === 'incident' ? (
        <p className="answer">
          This only follows from another problem{cause.host === null ? '' : ` on ${cause.host}`}
          {cause_incident === null ? '.' : ': '}
          {cause_incident === null ? null : (
            <Link href={incidentPath(cause_incident.id)}>
              {cause_incident.container}: {cause_incident.root_cause ?? cause_incident.summary}
            </Link>
          )}{' '}
          <span className="muted small">(known from: {cause.evidence})</span>
        </p>
      ) : cause?.kind === 'external' ? (
        <p className="answer">The problem is on another host: {cause.host}.</p>
      ) : cause?.kind === 'unknown' ? (
        <p className="answer">
          A dependency seems to fail{cause.named === null ? '' : ` (${cause.named})`}, but none is known to have a
          problem.
        </p>
      ) : null}
      {diagnosis === null ? (
        cause?.kind === 'incident' ? null : (
          <p className="muted">Not diagnosed yet.</p>
        )
      ) : (
        <>
          <p className="answer wrap-any">{diagnosis.root_cause}</p>
          <dl className="facts">
            <Fact name="What to do">{diagnosis.suggested_fix}</Fact>
            {diagnosis.config_suggestions.length > 0 ? (
              <Fact name="Configuration">
                <ul className="dashes">
                  {diagnosis.config_suggestions.map((suggestion) => (
                    <li key={suggestion}>{suggestion}</li>
                  ))}
                </ul>
              </Fact>
            ) : null}
            <Fact name="Impact">{diagnosis.estimated_impact}</Fact>
            <Fact name="Will it return?">
              {diagnosis.likely_recurring ? 'Likely, unless the cause is removed' : 'Not likely'}
            </Fact>
            <Fact name="Restart safe?">{diagnosis.auto_restart_safe ? 'Yes' : 'No'}, says the diagnosis</Fact>
          </dl>
        </>
      )}
    </section>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }): ReactElement {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="wrap-any">{children}</dd>
    </div>
  );
}

function Excerpt({ incident: { excerpt } }: { readonly incident: Incident }): ReactElement | null {
  if (excerpt.length === 0) return null;
  const cited = excerpt.filter(({ is_evidence }) => is_evidence).length;
  return (
    <section className="card" aria-labelledby="log">
      <div className="head">
        <h2 id="log">Log</h2>
        <span className="muted small">
          {counted(excerpt.length, 'line')} when it was diagnosed, redacted; {cited === 0 ? 'none' : cited} marked as
          evidence
        </span>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable with the keyboard */}
      <section className="log" tabIndex={0} aria-label="Lines of the log">
        <ol>
          {excerpt.map((line, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the lines never change places, and may be equal
            <li key={index} className={line.is_evidence ? 'cited' : undefined}>
              {line.is_evidence ? <span className="sr">Evidence: </span> : null}
              {line.text}
            </li>
          ))}
        </ol>
      </section>
    </section>
  );
}

function Story({ incident }: { readonly incident: Incident }): ReactElement {
  return (
    <section className="card" aria-labelledby="story">
      <h2 id="story">What happened</h2>
      <ol className="story">
        {story(incident).map(({ at, icon, tone, title, text }, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: chapters are only added, and may be equal
          <li key={index} className={tone}>
            <span className="knot">
              <Icon name={icon} size={15} />
            </span>
            <div>
              <p className="wrap-any">{title}</p>
              {text === undefined ? null : <p className="muted small wrap-any clamp">{text}</p>}
              <p className="muted small">
                <Time at={at} />
              </p>
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Related({ incident }: { readonly incident: Incident }): ReactElement {
  const { member_incidents: members, similar } = incident;
  return (
    <>
      <RelatedList title="Because of it" incidents={members} />
      <RelatedList title="Similar incidents before" incidents={similar} />
    </>
  );
}

function RelatedList({
  title,
  incidents,
}: {
  readonly title: string;
  readonly incidents: readonly IncidentSummary[];
}): ReactElement | null {
  if (incidents.length === 0) return null;
  return (
    <section className="card" aria-label={title}>
      <h2>{title}</h2>
      <ul className="rows">
        {incidents.map((each) => (
          <li key={each.id}>
            <IncidentRow incident={each} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Facts({
  incident,
  status,
}: {
  readonly incident: Incident;
  readonly status: StatusData | undefined;
}): ReactElement {
  const { service, project, host, image, cost_usd, requests, trace, facts, changes, labels } = incident;
  const grafana = safeUrl(status?.grafana_url);
  const traceUrl = safeUrl(trace?.url);
  return (
    <section className="card" aria-labelledby="facts">
      <h2 id="facts">Facts</h2>
      <dl className="facts">
        <Fact name="Service">
          <Link href={`/incidents?service=${encodeURIComponent(service)}`}>{service}</Link>
          {project === null ? '' : ` of ${project}`}
        </Fact>
        {host === null ? null : <Fact name="Host">{host}</Fact>}
        <Fact name="Image">{image}</Fact>
        <Fact name="Cost">
          {usd(cost_usd)} for {counted(requests.length, 'request')}
        </Fact>
        {Object.entries(labels).map(([name, value]) => (
          <Fact key={name} name={name}>
            {value}
          </Fact>
        ))}
        {changes.length > 0 ? (
          <Fact name="Changed before">
            <ul className="dashes">
              {changes.map((change) => (
                <li key={change}>{change}</li>
              ))}
            </ul>
          </Fact>
        ) : null}
        {trace === null ? null : (
          <Fact name="Trace">
            {traceUrl === undefined ? (
              <code>{trace.trace_id}</code>
            ) : (
              <Elsewhere href={traceUrl}>Open the trace</Elsewhere>
            )}
          </Fact>
        )}
        {grafana === undefined ? null : (
          <Fact name="Grafana">
            <Elsewhere href={grafana}>Open the dashboards</Elsewhere>
          </Fact>
        )}
      </dl>
      {facts === null ? null : (
        <details>
          <summary>What the engine reported</summary>
          <dl className="facts">
            {Object.entries(facts).map(([name, value]) => (
              <Fact key={name} name={name.replaceAll('_', ' ')}>
                {String(value ?? '–')}
              </Fact>
            ))}
          </dl>
        </details>
      )}
    </section>
  );
}

function Elsewhere({ href, children }: { readonly href: string; readonly children: ReactNode }): ReactElement {
  return (
    <a href={href} target="_blank" rel="noreferrer">
      {children}
    </a>
  );
}

/** Only http and https: an address from elsewhere must not become a script. */
function safeUrl(text: string | null | undefined): string | undefined {
  if (!text) return undefined;
  return /^https?:\/\//i.test(text) ? text : undefined;
}
