import { type ReactElement, useState } from 'react';
import { type Lane, Lanes } from '../charts/lanes.tsx';
import type { TimeRange } from '../charts/scale.ts';
import { useApi, useChangingApi } from '../lib/data.ts';
import { counted, duration } from '../lib/format.ts';
import { useKeys } from '../lib/keys.ts';
import { useNow } from '../lib/now.ts';
import { setQuery, usePlace } from '../lib/router.ts';
import type { Timeline } from '../lib/types.ts';
import { Details } from '../ui/details.tsx';
import { Icon } from '../ui/icons.tsx';
import { Link } from '../ui/link.tsx';
import { Empty, Failed, Loading } from '../ui/states.tsx';
import { OUTCOME, Status, severityLook } from '../ui/status.tsx';
import { Time } from '../ui/time.tsx';
import { HostChoice, SilentHosts } from './hosts.tsx';
import { incidentPath } from './incident-row.tsx';

const HOUR = 3_600_000;
const SPANS = [
  [HOUR, '1 h'],
  [6 * HOUR, '6 h'],
  [24 * HOUR, '24 h'],
  [7 * 24 * HOUR, '7 d'],
  [30 * 24 * HOUR, '30 d'],
  [90 * 24 * HOUR, '90 d'],
] as const;
const DEFAULT_SPAN = 24 * HOUR;
const SHORTEST = 60_000;
const LONGEST = 366 * 24 * HOUR;
/** A range that ends now moves on in these steps. */
const STEP_MS = 10_000;
const LANES = 30;
const ROWS = 200;

/** Incidents of each service over time, with restarts, deployments, and times in which nothing was watched. */
export function TimelineView(): ReactElement {
  const { query } = usePlace();
  const now = useNow(STEP_MS);
  const range = rangeOf(query, now);
  const isFixed = query.has('from');
  const span = range.to - range.from;
  const show = ({ from, to }: TimeRange): void => {
    const length = Math.min(LONGEST, Math.max(SHORTEST, to - from));
    const middle = (from + to) / 2;
    const end = Math.min(middle + length / 2, now);
    setQuery({ from: String(Math.round(end - length)), to: String(Math.round(end)), span: undefined });
  };
  const zoom = (factor: number): void => {
    // What ends now still ends now.
    if (!isFixed) {
      setQuery({ span: String(Math.min(LONGEST, Math.max(SHORTEST, Math.round(span * factor)))) });
      return;
    }
    const middle = (range.from + range.to) / 2;
    show({ from: middle - (span * factor) / 2, to: middle + (span * factor) / 2 });
  };
  const move = (share: number): void => show({ from: range.from + span * share, to: range.to + span * share });
  useKeys([
    { key: '+', what: 'zoom in', run: () => zoom(0.5) },
    { key: '-', what: 'zoom out', run: () => zoom(2) },
    { key: 'ArrowLeft', what: 'earlier', run: () => move(-0.5) },
    { key: 'ArrowRight', what: 'later', run: () => move(0.5) },
    { key: '0', what: 'the last 24 hours', run: () => setQuery({ from: undefined, to: undefined, span: undefined }) },
  ]);
  const service = query.get('service');
  const host = query.get('host');
  const status = useApi('status', '/status');
  // The range ends now by the clock of the agent, which it says in its status.
  const knowsTime = status.data !== undefined || status.error !== undefined;
  const parameters = new URLSearchParams({
    from: new Date(range.from).toISOString(),
    ...(service === null ? {} : { service }),
    ...(host === null ? {} : { host }),
  });
  if (isFixed) parameters.set('to', new Date(range.to).toISOString());
  // A moving range is read again when something changes, not whenever it moves.
  const [movingKey, setMovingKey] = useState({ span: 0, of: '', path: '' });
  const of = `${service} ${host}`;
  if (!isFixed && knowsTime && (movingKey.span !== span || movingKey.of !== of)) {
    setMovingKey({ span, of, path: `/timeline?${parameters}` });
  }
  const path = isFixed ? `/timeline?${parameters}` : movingKey.path || undefined;
  const { data, isPrevious, error, retry } = useChangingApi('timeline', path);
  return (
    <>
      <header className="page-head">
        <div>
          <h1>Timeline</h1>
          <p className="lead">
            {isFixed ? duration(span) : `The last ${SPANS.find(([ms]) => ms === span)?.[1] ?? duration(span)}`}
            {data && !isPrevious ? `: ${summary(data)}` : ''}
          </p>
          <SilentHosts host={host ?? status.data?.host ?? ''} />
        </div>
        <div className="row">
          <HostChoice unset={status.data?.host ?? 'This host'} />
          <div className="group" role="group" aria-label="Period">
            {SPANS.map(([ms, name]) => (
              <button
                key={ms}
                type="button"
                className="btn"
                aria-pressed={!isFixed && span === ms}
                onClick={() => setQuery({ from: undefined, to: undefined, span: String(ms) })}
              >
                {name}
              </button>
            ))}
          </div>
          <div className="group" role="group" aria-label="Zoom and move">
            <button type="button" className="btn" aria-label="Earlier" onClick={() => move(-0.5)}>
              ←
            </button>
            <button type="button" className="btn" aria-label="Zoom in" onClick={() => zoom(0.5)}>
              +
            </button>
            <button type="button" className="btn" aria-label="Zoom out" onClick={() => zoom(2)}>
              −
            </button>
            <button type="button" className="btn" aria-label="Later" disabled={!isFixed} onClick={() => move(0.5)}>
              →
            </button>
          </div>
        </div>
      </header>
      {error ? (
        <Failed what="The timeline" why={error.message} onRetry={retry} />
      ) : data ? (
        <Content timeline={data} range={range} now={now} onRange={show} />
      ) : (
        <Loading what="the timeline" />
      )}
    </>
  );
}

function rangeOf(query: URLSearchParams, now: number): TimeRange {
  const from = Number(query.get('from'));
  const to = Number(query.get('to'));
  if (from > 0 && to > from) return { from, to };
  const span = Number(query.get('span'));
  return { from: now - (span >= SHORTEST && span <= LONGEST ? span : DEFAULT_SPAN), to: now };
}

function summary({ incidents, restarts, deployments }: Timeline): string {
  return [
    counted(incidents.length, 'incident'),
    counted(restarts.length, 'restart'),
    counted(deployments.length, 'deployment'),
  ].join(', ');
}

function Content({
  timeline,
  range,
  now,
  onRange,
}: {
  readonly timeline: Timeline;
  readonly range: TimeRange;
  readonly now: number;
  readonly onRange: (range: TimeRange) => void;
}): ReactElement {
  const [showsAll, setShowsAll] = useState(false);
  const lanes = toLanes(timeline, now);
  const absences = timeline.absences.map(({ from, to }) => ({ from: ms(from), to: to === null ? now : ms(to) }));
  if (lanes.length === 0 && absences.length === 0) {
    return (
      <Empty title="Nothing happened in this time">
        <p>No incident, no restart and no deployment of a watched container. Zoom out to see more.</p>
      </Empty>
    );
  }
  const shown = showsAll ? lanes : lanes.slice(0, LANES);
  return (
    <div className="stack">
      <section className="card" aria-label="Chart">
        <Lanes lanes={shown} absences={absences} range={range} now={now} onRange={onRange} />
        {lanes.length > shown.length ? (
          <button type="button" className="btn more" onClick={() => setShowsAll(true)}>
            Show all {lanes.length} services
          </button>
        ) : null}
        <Key />
      </section>
      {timeline.is_truncated ? (
        <p className="muted small">There are more incidents in this time than fit; the newest are shown.</p>
      ) : null}
      <Details className="card" summary="The same as a table">
        {() => <EventTable timeline={timeline} />}
      </Details>
    </div>
  );
}

function Key(): ReactElement {
  return (
    <ul className="legend chart-key">
      {(['high', 'medium', 'low'] as const).map((severity) => (
        <li key={severity}>
          <Status look={severityLook(severity)} word={`${severity} severity`} />
        </li>
      ))}
      <li>
        <span className="status accent">
          <Icon name="restart" size={14} /> restart by the agent
        </span>
      </li>
      <li>
        <span className="status good">
          <Icon name="deployment" size={14} /> deployment
        </span>
      </li>
      <li>
        <span className="status plain">
          <Icon name="absence" size={14} /> nothing was watched
        </span>
      </li>
      <li className="drag-hint">Drag over the chart, or use + and −, to zoom.</li>
    </ul>
  );
}

/** A lane for each service, the one with the newest incident first. */
export function toLanes({ incidents, restarts, deployments }: Timeline, now: number): readonly Lane[] {
  const lanes = new Map<
    string,
    { name: string; incidents: Lane['incidents'][number][]; marks: Lane['marks'][number][] }
  >();
  const laneOf = ({ service, project }: { readonly service: string; readonly project: string | null }) => {
    const name = project === null ? service : `${project}/${service}`;
    const lane = lanes.get(name) ?? { name, incidents: [], marks: [] };
    lanes.set(name, lane);
    return lane;
  };
  for (const each of incidents) {
    laneOf(each).incidents.push({
      id: each.id,
      from: ms(each.opened_at),
      to: each.state === 'open' ? now : ms(each.ended_at ?? each.last_seen_at),
      title: `${each.container}: ${each.summary}`,
      severity: each.severity,
      isOpen: each.state === 'open',
    });
  }
  for (const each of restarts) {
    const result = each.outcome === null ? 'being verified' : (OUTCOME[each.outcome]?.word ?? each.outcome);
    laneOf(each).marks.push({
      at: ms(each.started_at),
      kind: 'restart',
      title: `${each.container} was restarted: ${result}`,
    });
  }
  for (const each of deployments) {
    laneOf(each).marks.push({
      at: ms(each.at),
      kind: 'deployment',
      title: `${each.container} was deployed: ${each.image}`,
    });
  }
  for (const lane of lanes.values()) {
    lane.incidents.sort((a, b) => a.from - b.from);
    lane.marks.sort((a, b) => a.at - b.at);
  }
  const newest = (lane: Lane) => Math.max(0, lane.incidents.at(-1)?.from ?? 0, (lane.marks.at(-1)?.at ?? 0) / 2);
  return [...lanes.values()].sort((a, b) => newest(b) - newest(a));
}

function EventTable({ timeline: { incidents, restarts, deployments } }: { readonly timeline: Timeline }): ReactElement {
  const rows = [
    ...incidents.map((each) => ({
      at: each.opened_at,
      where: each.container,
      key: each.id,
      what: (
        <Link href={incidentPath(each.id)}>
          {each.severity === null ? 'incident' : `${each.severity}: `}
          {each.summary}
        </Link>
      ),
    })),
    ...restarts.map((each) => ({
      at: each.started_at,
      where: each.container,
      key: each.id,
      what: <Link href={incidentPath(each.incident_id)}>restart: {each.outcome ?? 'being verified'}</Link>,
    })),
    ...deployments.map((each) => ({
      at: each.at,
      where: each.container,
      key: `${each.container} ${each.at}`,
      what: <>deployment: {each.image}</>,
    })),
  ].sort((a, b) => (a.at < b.at ? 1 : -1));
  return (
    <div className="table-box">
      <table>
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">Container</th>
            <th scope="col">What</th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, ROWS).map(({ at, where, what, key }) => (
            <tr key={key}>
              <td>
                <Time at={at} />
              </td>
              <th scope="row">{where}</th>
              <td className="wrap-any">{what}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > ROWS ? (
        <p className="muted small">
          The newest {ROWS} of {rows.length} are listed.
        </p>
      ) : null}
    </div>
  );
}

function ms(time: string): number {
  return Date.parse(time);
}
