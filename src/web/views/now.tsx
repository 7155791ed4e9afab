import type { ReactElement } from 'react';
import { useApi } from '../lib/data.ts';
import { count, counted, usd } from '../lib/format.ts';
import type { IncidentSummary, Status as StatusData } from '../lib/types.ts';
import { Icon } from '../ui/icons.tsx';
import { Link } from '../ui/link.tsx';
import { Stat } from '../ui/stat.tsx';
import { Failed, Loading } from '../ui/states.tsx';
import { Ago } from '../ui/time.tsx';
import { SilentHosts } from './hosts.tsx';
import { IncidentRow } from './incident-row.tsx';
import { SnoozeList } from './snooze-list.tsx';
import { WaitingRestarts } from './waiting-restarts.tsx';

const MOST_NAMES = 60;

/** Whether everything is well, and what is not. */
export function Now(): ReactElement {
  const status = useApi('status', '/status');
  const open = useApi('incidents', '/incidents?state=open&limit=100');
  const recent = useApi('incidents', '/incidents?state=resolved&limit=5');
  if (status.error) return <Failed what="The state of the agent" why={status.error.message} onRetry={status.retry} />;
  if (!status.data) return <Loading what="the state of the agent" />;
  const now = status.data;
  return (
    <div className="stack">
      <Verdict status={now} />
      {now.problems.length > 0 ? <Problems problems={now.problems} /> : null}
      <SilentHosts host={null} />
      <WaitingRestarts requests={now.restart_requests} />
      {open.error ? (
        <Failed what="The open incidents" why={open.error.message} onRetry={open.retry} />
      ) : open.data && open.data.total > 0 ? (
        <OpenIncidents incidents={open.data.incidents} total={open.data.total} />
      ) : null}
      <dl className="stats">
        <Stat value={count(now.watching.length)} label="containers watched" />
        <Stat
          value={count(now.open_incidents_of_fleet)}
          label={now.open_incidents_of_fleet === 1 ? 'open incident' : 'open incidents'}
        />
        <Stat
          value={usd(now.spent_today_usd)}
          of={`of ${usd(now.budget_per_day_usd)}`}
          label="spent on questions in the last 24 hours"
        />
        <Stat
          value={count(now.questions_left_this_hour)}
          of={`of ${count(now.questions_per_hour)}`}
          label="questions left in this hour"
        />
      </dl>
      <SnoozeList snoozes={now.snoozes} />
      {recent.data && recent.data.incidents.length > 0 ? (
        <section className="card" aria-labelledby="recent">
          <div className="head">
            <h2 id="recent">Recently resolved</h2>
            <Link className="muted small" href="/incidents?state=resolved">
              All {counted(recent.data.total, 'resolved incident')}
            </Link>
          </div>
          <ul className="rows">
            {recent.data.incidents.map((incident) => (
              <li key={incident.id}>
                <IncidentRow incident={incident} />
              </li>
            ))}
          </ul>
        </section>
      ) : null}
      <Watching status={now} />
    </div>
  );
}

function Verdict({ status }: { readonly status: StatusData }): ReactElement {
  const {
    open_incidents_of_fleet: open,
    problems,
    agents,
    restart_requests: requests,
    watching,
    mode,
    started_at,
    host,
  } = status;
  const isWell = open === 0 && problems.length === 0 && agents.every(({ state }) => state === 'alive');
  const tone = isWell ? 'good' : open > 0 ? 'bad' : 'warn';
  const title = isWell
    ? 'All is well'
    : open > 0
      ? counted(open, 'open incident')
      : 'The containers are well, the doctor is not';
  return (
    <header className={`verdict ${tone}`}>
      <span className="pulse">
        <Icon name={isWell ? 'good' : open > 0 ? 'high' : 'medium'} size={30} />
      </span>
      <div>
        <h1>
          {title}
          {requests.length > 0 ? `, ${counted(requests.length, 'restart waits', 'restarts wait')} for a person` : ''}
        </h1>
        <p className="lead">
          Watching {counted(watching.length, 'container')}
          {host === null ? '' : ` on ${host}`}, started <Ago at={started_at} />.{' '}
          {mode === 'auto_fix'
            ? 'Restarts what policy and facts allow.'
            : 'AUTO_FIX is off: it says what it would restart, and restarts nothing.'}
        </p>
      </div>
    </header>
  );
}

function Problems({ problems }: { readonly problems: readonly string[] }): ReactElement {
  return (
    <section className="card problems" aria-labelledby="problems">
      <h2 id="problems">What the doctor itself reports</h2>
      <ul>
        {problems.map((problem) => (
          <li key={problem} className="wrap-any">
            <span className="status warn">
              <Icon name="medium" size={15} />
              <span className="sr">Problem:</span>
            </span>
            {problem}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Each cause, followed by the incidents that only suffer from it. */
function OpenIncidents({
  incidents,
  total,
}: {
  readonly incidents: readonly IncidentSummary[];
  readonly total: number;
}): ReactElement {
  return (
    <section className="card" aria-labelledby="open">
      <div className="head">
        <h2 id="open">Open incidents</h2>
        {total > incidents.length ? (
          <Link className="muted small" href="/incidents?state=open">
            {incidents.length} of {count(total)} are listed; show all
          </Link>
        ) : null}
      </div>
      <ul className="rows">
        {byCause(incidents).map(({ cause, members }) => (
          <li key={cause.id}>
            <IncidentRow incident={cause} />
            {members.length > 0 ? (
              <ul className="members" aria-label={`Because of ${cause.container}`}>
                {members.map((member) => (
                  <li key={member.id}>
                    <IncidentRow incident={member} />
                  </li>
                ))}
              </ul>
            ) : cause.members.length > 0 ? (
              <p className="members muted small">
                Because of it: {cause.members.map((each) => each.container).join(', ')}
              </p>
            ) : null}
          </li>
        ))}
      </ul>
    </section>
  );
}

const RANK = { high: 0, medium: 1, low: 2 } as const;

/** The most severe cause first. A member whose cause is not in the list stands for itself. */
export function byCause(
  incidents: readonly IncidentSummary[],
): readonly { readonly cause: IncidentSummary; readonly members: readonly IncidentSummary[] }[] {
  const ids = new Set(incidents.map(({ id }) => id));
  const causeOf = ({ cause }: IncidentSummary) =>
    cause?.kind === 'incident' && ids.has(cause.incident_id) ? cause.incident_id : undefined;
  return incidents
    .filter((incident) => causeOf(incident) === undefined)
    .map((cause) => ({ cause, members: incidents.filter((incident) => causeOf(incident) === cause.id) }))
    .sort((a, b) => RANK[a.cause.severity ?? 'medium'] - RANK[b.cause.severity ?? 'medium']);
}

function Watching({ status: { watching } }: { readonly status: StatusData }): ReactElement {
  return (
    <section className="card" aria-labelledby="watching">
      <div className="head">
        <h2 id="watching">Watching</h2>
        <Link className="muted small" href="/containers">
          Policy and state of each
        </Link>
      </div>
      {watching.length === 0 ? (
        <p className="muted">No container is watched. Start one, or check TARGET_CONTAINERS.</p>
      ) : (
        <>
          <ul className="names">
            {watching.slice(0, MOST_NAMES).map((name) => (
              <li key={name}>
                <Link href={`/incidents?container=${encodeURIComponent(name)}`}>{name}</Link>
              </li>
            ))}
            {watching.length > MOST_NAMES ? <li className="muted">and {watching.length - MOST_NAMES} more</li> : null}
          </ul>
          <p className="muted small">
            Their logs, crashes, memory kills and health checks. An error appears here within a second.
          </p>
        </>
      )}
    </section>
  );
}
