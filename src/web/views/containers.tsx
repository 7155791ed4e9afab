import { type ReactElement, useRef, useState } from 'react';
import { DependencyGraph } from '../charts/graph.tsx';
import { useApi, useChangingApi, useSession } from '../lib/data.ts';
import { counted } from '../lib/format.ts';
import { EVIDENCE } from '../lib/incident-graph.ts';
import { useKeys } from '../lib/keys.ts';
import { usePlace } from '../lib/router.ts';
import type { Container, Graph, PolicyEntry } from '../lib/types.ts';
import { Details } from '../ui/details.tsx';
import { Icon } from '../ui/icons.tsx';
import { Link } from '../ui/link.tsx';
import { Empty, Failed, Loading } from '../ui/states.tsx';
import { CONTAINER_STATE, Status } from '../ui/status.tsx';
import { Ago } from '../ui/time.tsx';
import { HostChoice, SilentHosts } from './hosts.tsx';
import { SnoozeDialog, WhyNot } from './incident-actions.tsx';
import { SnoozeLine } from './snooze-list.tsx';

/** What is watched, under which policy and why, and who depends on whom. */
export function Containers(): ReactElement {
  const { query } = usePlace();
  const status = useApi('status', '/status');
  const isFleet = (status.data?.agents.length ?? 0) > 1;
  const host = query.get('host');
  const isAll = isFleet && host === null;
  const ofHost = host === null ? '' : `?${new URLSearchParams({ host })}`;
  const isKnown = status.data !== undefined || status.error !== undefined;
  const { data, error, retry } = useChangingApi(
    'containers',
    isKnown ? `/containers${isAll ? '?host=*' : ofHost}` : undefined,
  );
  const graph = useChangingApi('graph', `/graph${ofHost}`);
  const session = useSession();
  const [text, setText] = useState('');
  const [snoozed, setSnoozed] = useState<Container>();
  const search = useRef<HTMLInputElement>(null);
  useKeys([{ key: '/', what: 'find a container', run: () => search.current?.focus() }]);
  if (error) return <Failed what="The containers" why={error.message} onRetry={retry} />;
  if (!data) return <Loading what="containers" />;
  const wanted = text.trim().toLowerCase();
  const shown = data.containers.filter(({ name, image, service, project, host: on }) =>
    `${name} ${image} ${service} ${project ?? ''} ${isAll ? on : ''}`.toLowerCase().includes(wanted),
  );
  const watched = data.containers.filter(({ is_watched }) => is_watched).length;
  return (
    <>
      <header className="page-head">
        <div>
          <h1>Containers</h1>
          <p className="lead">
            {watched} of {counted(data.containers.length, 'container')} watched
            {isAll ? ` on ${counted(status.data?.agents.length ?? 0, 'host')}` : ''}. Open one to see which setting
            comes from where.
          </p>
          <SilentHosts host={host} />
        </div>
        <div className="row">
          <HostChoice unset="All hosts" />
          <WhyNot session={session} />
        </div>
      </header>
      {data.containers.length === 0 ? (
        <Empty title="No container">
          <p>The engine lists none. A new container appears here as soon as it is created.</p>
        </Empty>
      ) : (
        <div className="stack">
          <GraphCard graph={graph.data} isFleet={isFleet} />
          <section className="card" aria-labelledby="all">
            <div className="head">
              <h2 id="all">{isAll ? 'Containers of all hosts' : 'Policy of each container'}</h2>
              <input
                ref={search}
                className="input search"
                type="search"
                aria-label="Find a container by name, image or service"
                placeholder="Find"
                onChange={({ target }) => setText(target.value)}
              />
            </div>
            {shown.length === 0 ? <p className="muted">No container matches.</p> : null}
            <ul className="rows">
              {shown.map((container) => (
                <li key={`${container.host} ${container.id}`}>
                  <ContainerRow
                    container={container}
                    host={isFleet ? container.host : null}
                    canAct={session?.can_act === true}
                    onSnooze={() => setSnoozed(container)}
                  />
                </li>
              ))}
            </ul>
          </section>
        </div>
      )}
      {snoozed ? (
        <SnoozeDialog
          title={`Snooze all problems of ${snoozed.service}`}
          what={{ service: snoozed.service, project: snoozed.project ?? undefined }}
          onClose={() => setSnoozed(undefined)}
        />
      ) : null}
    </>
  );
}

function GraphCard({
  graph,
  isFleet,
}: {
  readonly graph: Graph | undefined;
  readonly isFleet: boolean;
}): ReactElement | null {
  if (!graph || graph.edges.length === 0) return null;
  const connected = new Set(graph.edges.flatMap(({ from, to }) => [from, to]));
  const troubled = new Set(
    graph.containers.flatMap(({ name, open_incident }) => (open_incident === null ? [] : [name])),
  );
  const alone = graph.containers.filter(({ name }) => !connected.has(name)).length;
  return (
    <section className="card" aria-labelledby="graph">
      <div className="head">
        <h2 id="graph">Dependencies{isFleet && graph.host !== null ? ` on ${graph.host}` : ''}</h2>
        <span className="muted small">
          Each depends on those to its right. Dashed: read from its errors.
          {alone === 0 ? '' : ` ${counted(alone, 'container')} without a known dependency.`}
        </span>
      </div>
      <DependencyGraph
        edges={graph.edges}
        label={`${connected.size} services and ${graph.edges.length} dependencies between them; the table below has the same facts`}
        lookOf={(name) =>
          troubled.has(name) ? { icon: 'medium', tone: 'bad', title: `${name}: has an open incident` } : { title: name }
        }
      />
      <Details summary="The same as a table">
        {() => (
          <div className="table-box">
            <table>
              <thead>
                <tr>
                  <th scope="col">Container</th>
                  <th scope="col">depends on</th>
                  <th scope="col">known from</th>
                </tr>
              </thead>
              <tbody>
                {graph.edges.map(({ from, to, evidence }) => (
                  <tr key={`${from} ${to}`}>
                    <th scope="row">{from}</th>
                    <td>{to}</td>
                    <td>{EVIDENCE[evidence].sentence}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Details>
    </section>
  );
}

function ContainerRow({
  container,
  host,
  canAct,
  onSnooze,
}: {
  readonly container: Container;
  /** Null: there is no other. */
  readonly host: string | null;
  readonly canAct: boolean;
  readonly onSnooze: () => void;
}): ReactElement {
  const { name, image, status, health, is_watched, open_incidents, policy, warnings, habits, snoozes } = container;
  const look =
    CONTAINER_STATE[health === 'none' || status !== 'running' ? status : health] ??
    ({ word: status, icon: 'unknown', tone: 'plain' } as const);
  const restart = policy.find(({ setting }) => setting === 'restart');
  return (
    <Details
      className="container"
      isEntry
      summary={
        <>
          <Status look={look} chip />
          <span className="lines">
            <span className="title">{name}</span>
            <span className="sub">
              {host === null ? '' : `on ${host} · `}
              {image}
              {is_watched ? '' : ' · not watched'}
              {restart === undefined ? '' : ` · restart: ${restart.value} (${restart.source.text})`}
            </span>
          </span>
          <span className="row">
            {snoozes.length > 0 ? <Status look={{ word: 'snoozed', icon: 'snooze', tone: 'plain' }} /> : null}
            {warnings.length > 0 ? (
              <Status look={{ word: counted(warnings.length, 'invalid label'), icon: 'medium', tone: 'warn' }} />
            ) : null}
            {open_incidents.length > 0 ? (
              <Status look={{ word: counted(open_incidents.length, 'open incident'), icon: 'high', tone: 'bad' }} />
            ) : null}
          </span>
        </>
      }
    >
      {() => (
        <div className="stack inner">
          {warnings.length > 0 ? (
            <ul className="dashes">
              {warnings.map((warning) => (
                <li key={warning} className="wrap-any">
                  {warning}
                </li>
              ))}
            </ul>
          ) : null}
          {policy.length === 0 && host !== null ? (
            <p>
              <Link href={`/containers?${new URLSearchParams({ host })}`}>Policies of the containers on {host}</Link>
            </p>
          ) : (
            <PolicyTable policy={policy} />
          )}
          {habits.length > 0 ? (
            <div>
              <h3>Habits</h3>
              <p className="muted small">Errors that it logs regularly. They are counted and not reported.</p>
              <ul className="dashes">
                {habits.map(({ fingerprint, text, per_hour, since }) => (
                  <li key={fingerprint} className="wrap-any small">
                    <code>{text ?? fingerprint}</code> about {Math.round(per_hour)} per hour, since <Ago at={since} />
                  </li>
                ))}
              </ul>
            </div>
          ) : null}
          {snoozes.map((snooze) => (
            <SnoozeLine key={snooze.id} snooze={snooze} />
          ))}
          <div className="row">
            <Link
              className="btn"
              href={`/incidents?${new URLSearchParams({ container: name, ...(host === null ? {} : { host }) })}`}
            >
              Incidents of {name}
            </Link>
            <button type="button" className="btn" disabled={!canAct} onClick={onSnooze}>
              <Icon name="snooze" size={16} /> Snooze {container.service}
            </button>
          </div>
        </div>
      )}
    </Details>
  );
}

function PolicyTable({ policy }: { readonly policy: readonly PolicyEntry[] }): ReactElement {
  return (
    <div className="table-box">
      <table>
        <thead>
          <tr>
            <th scope="col">Setting</th>
            <th scope="col">Value</th>
            <th scope="col">Comes from</th>
          </tr>
        </thead>
        <tbody>
          {policy.map(({ setting, about, value, source }) => (
            <tr key={setting}>
              <th scope="row" title={about}>
                {setting}
                <div className="muted small">{about}</div>
              </th>
              <td className="wrap-any">{value}</td>
              <td className={source.kind === 'default' ? 'muted' : undefined}>{source.text}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
