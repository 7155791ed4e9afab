import { type ReactElement, useEffect, useRef, useState } from 'react';
import { useApi, useChangingApi, useHosts } from '../lib/data.ts';
import { count } from '../lib/format.ts';
import { useKeys } from '../lib/keys.ts';
import { navigate, setQuery, usePlace } from '../lib/router.ts';
import { Choice } from '../ui/choice.tsx';
import { Empty, Failed, Loading } from '../ui/states.tsx';
import { HostChoice } from './hosts.tsx';
import { IncidentRow } from './incident-row.tsx';

const STATES = [
  ['', 'All'],
  ['open', 'Open'],
  ['resolved', 'Resolved'],
] as const;
const SEVERITIES = [
  ['', 'Any severity'],
  ['high', 'High'],
  ['medium', 'Medium'],
  ['low', 'Low'],
] as const;
const CAUSES = [
  ['', 'Any cause'],
  ['own', 'Its own problem'],
  ['incident', 'Another container'],
  ['external', 'Another host'],
  ['unknown', 'Cause unknown'],
] as const;
const FILTERS = ['state', 'severity', 'cause', 'container', 'service', 'project', 'host', 'search', 'from', 'to'];
const TYPING_MS = 250;
const PAGE = 50;

/** All incidents, with filters that are in the address, so that they can be bookmarked and sent. */
export function Incidents(): ReactElement {
  const { query } = usePlace();
  const search = useRef<HTMLInputElement>(null);
  useKeys([{ key: '/', what: 'search incidents', run: () => search.current?.focus() }]);
  const filters = new URLSearchParams(
    FILTERS.flatMap((name) => {
      const value = query.get(name);
      return value === null ? [] : [[name, value]];
    }),
  );
  const isFiltered = [...filters].length > 0;
  // Those that share a database with this agent.
  const hosts = useHosts();
  return (
    <>
      <header className="page-head">
        <div>
          <h1>Incidents</h1>
          <p className="lead">Each is one distinct problem of one service, however often it repeated.</p>
        </div>
      </header>
      <search className="filters">
        <SearchField inputRef={search} value={query.get('search') ?? ''} />
        <Choice name="state" options={STATES} value={query.get('state') ?? ''} label="State" />
        <Choice name="severity" options={SEVERITIES} value={query.get('severity') ?? ''} label="Severity" />
        <Choice name="cause" options={CAUSES} value={query.get('cause') ?? ''} label="Cause" />
        <HostChoice unset="All hosts" />
        {['container', 'service', 'project', ...(hosts.length < 2 ? ['host'] : [])].flatMap((name) => {
          const value = query.get(name);
          if (value === null) return [];
          return (
            <button key={name} type="button" className="btn" onClick={() => setQuery({ [name]: undefined })}>
              {name}: {value} <span aria-hidden="true">×</span>
              <span className="sr">, remove this filter</span>
            </button>
          );
        })}
        {isFiltered ? (
          <button type="button" className="btn quiet" onClick={() => navigate('/incidents', { replace: true })}>
            Clear all
          </button>
        ) : null}
      </search>
      <List key={filters.toString()} filters={filters} isFiltered={isFiltered} />
    </>
  );
}

function List({
  filters,
  isFiltered,
}: {
  readonly filters: URLSearchParams;
  readonly isFiltered: boolean;
}): ReactElement {
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const first = useChangingApi('incidents', pagePath(filters));
  if (first.error) return <Failed what="The incidents" why={first.error.message} onRetry={first.retry} />;
  if (!first.data) return <Loading what="incidents" />;
  const { total, incidents } = first.data;
  if (total === 0) {
    return isFiltered ? (
      <Empty title="No incident matches" icon="low">
        <p>Remove a filter to see more.</p>
      </Empty>
    ) : (
      <Empty title="No incident so far">
        <p>Logs, crashes, memory kills and health checks of every watched container are followed.</p>
      </Empty>
    );
  }
  return (
    <section className="card" aria-label="Incidents, newest first">
      <p className="muted small" role="status">
        {first.isPrevious ? 'Loading' : `${count(total)} ${isFiltered ? 'match' : 'in all'}, newest first`}
      </p>
      <ul className="rows">
        {incidents.map((incident) => (
          <li key={incident.id}>
            <IncidentRow incident={incident} />
          </li>
        ))}
        {cursors.map((cursor, index) => (
          <MorePage
            key={cursor}
            path={pagePath(filters, cursor)}
            isLast={index === cursors.length - 1}
            onMore={(next) => setCursors([...cursors, next])}
          />
        ))}
      </ul>
      {cursors.length === 0 ? <More next={first.data.next_cursor} onMore={(next) => setCursors([next])} /> : null}
    </section>
  );
}

function MorePage({
  path,
  isLast,
  onMore,
}: {
  readonly path: string;
  readonly isLast: boolean;
  readonly onMore: (next: string) => void;
}): ReactElement {
  const { data, error, retry } = useApi('incidents', path);
  if (error) {
    return (
      <li>
        <Failed what="The next incidents" why={error.message} onRetry={retry} />
      </li>
    );
  }
  return (
    <>
      {data?.incidents.map((incident) => (
        <li key={incident.id}>
          <IncidentRow incident={incident} />
        </li>
      ))}
      {isLast ? (
        <li>
          <More next={data?.next_cursor ?? null} onMore={onMore} />
        </li>
      ) : null}
    </>
  );
}

function More({
  next,
  onMore,
}: {
  readonly next: string | null;
  readonly onMore: (next: string) => void;
}): ReactElement | null {
  if (next === null) return null;
  return (
    <button type="button" className="btn more" data-entry onClick={() => onMore(next)}>
      Show {PAGE} older ones
    </button>
  );
}

function pagePath(filters: URLSearchParams, cursor?: string): string {
  const query = new URLSearchParams(filters);
  query.set('limit', String(PAGE));
  if (cursor !== undefined) query.set('cursor', cursor);
  return `/incidents?${query}`;
}

function SearchField({
  value,
  inputRef,
}: {
  readonly value: string;
  readonly inputRef: React.RefObject<HTMLInputElement | null>;
}): ReactElement {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  /** What this field has put into the address. */
  const given = useRef(value);
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    // The filter was removed, or the reader went back. What is being typed is newer than the address.
    if (value === given.current) return;
    clearTimeout(timer.current);
    given.current = value;
    if (inputRef.current) inputRef.current.value = value;
  }, [value, inputRef]);
  return (
    <input
      ref={inputRef}
      className="input search"
      type="search"
      aria-label="Search in summaries and diagnoses"
      placeholder="Search"
      maxLength={200}
      defaultValue={value}
      onChange={({ target }) => {
        clearTimeout(timer.current);
        timer.current = setTimeout(() => {
          given.current = target.value.trim();
          setQuery({ search: given.current });
        }, TYPING_MS);
      }}
    />
  );
}
