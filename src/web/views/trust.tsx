import { type ReactElement, type ReactNode, useState } from 'react';
import { Interval } from '../charts/interval.tsx';
import { useApi, useScorecard, useSession } from '../lib/data.ts';
import { count, counted, duration, percent } from '../lib/format.ts';
import { useNow } from '../lib/now.ts';
import type { FixCounts, ScorecardCase, Stats } from '../lib/types.ts';
import type { IconName } from '../ui/icons.tsx';
import { Link } from '../ui/link.tsx';
import { Stat } from '../ui/stat.tsx';
import { Empty, Failed, Loading } from '../ui/states.tsx';
import { Status, type Tone } from '../ui/status.tsx';
import { Ago } from '../ui/time.tsx';
import { VerdictButtons, VerdictDialog, WhyNot } from './incident-actions.tsx';
import { incidentPath } from './incident-row.tsx';

const PERIOD_DAYS = 90;
const FIRST_ROWS = 50;
const HELPED = 'Restarts that helped';
const COUNTS: readonly (readonly [label: string, of: (counts: FixCounts) => ReactNode])[] = [
  ['Held back', (counts) => counts.would_have_restarted],
  ['Over without a restart', (counts) => counts.came_back],
  ['Restarted by a person', (counts) => counts.restarted_by_person],
  ['Verdicts right, wrong', (counts) => `${counts.right}, ${counts.wrong}`],
];

const RESULT: Readonly<Record<ScorecardCase['what_happened'], { word: string; icon: IconName; tone: Tone }>> = {
  recovered: { word: 'recovered', icon: 'good', tone: 'good' },
  failed: { word: 'did not help', icon: 'bad', tone: 'bad' },
  came_back: { word: 'was over without a restart', icon: 'good', tone: 'good' },
  restarted_by_person: { word: 'a person restarted it', icon: 'restart', tone: 'accent' },
  still_broken: { word: 'still broken', icon: 'high', tone: 'bad' },
  unknown: { word: 'not observed', icon: 'unknown', tone: 'plain' },
};

/** What it did or would have done, and what came of it: for people who consider turning AUTO_FIX on. */
export function Trust(): ReactElement {
  const from = new Date(useNow(86_400_000) - PERIOD_DAYS * 86_400_000);
  const { data: stats, error, retry } = useApi('stats', `/stats?from=${encodeURIComponent(from.toISOString())}`);
  const cases = useScorecard();
  const session = useSession();
  const { data: status } = useApi('status', '/status');
  if (error) return <Failed what="The results" why={error.message} onRetry={retry} />;
  if (!stats) return <Loading what="the results" />;
  const { overall, services } = stats.fixes;
  const withCases = services.filter((each) => each.restarted + each.would_have_restarted > 0);
  return (
    <>
      <header className="page-head">
        <div>
          <h1>Trust</h1>
          <p className="lead">
            {status?.mode === 'observe'
              ? 'AUTO_FIX is off: nothing is restarted. This is what would have been restarted in the last 90 days, and what happened instead.'
              : 'What was restarted in the last 90 days, what was held back, and what came of it.'}
          </p>
        </div>
        <WhyNot session={session} />
      </header>
      {overall.restarted + overall.would_have_restarted === 0 ? (
        <Empty title="No case so far">
          <p>
            As soon as a container has a problem that a restart may solve, the decision and its result appear here, also
            while AUTO_FIX is off.
          </p>
        </Empty>
      ) : (
        <div className="stack">
          <Summary overall={overall} stats={stats} />
          <section className="card" aria-labelledby="by-service">
            <div className="head">
              <h2 id="by-service">By service</h2>
              <span className="muted small">The line is the range in which the true rate is, at 95 %.</span>
            </div>
            <ServiceTable services={withCases} />
          </section>
          {cases.data && cases.data.length > 0 ? <Cases cases={cases.data} /> : null}
        </div>
      )}
    </>
  );
}

function Summary({ overall, stats }: { readonly overall: FixCounts; readonly stats: Stats }): ReactElement {
  const {
    recovered,
    failed,
    restarted,
    would_have_restarted: held,
    restarted_by_person: byPerson,
    right,
    wrong,
  } = overall;
  const verified = recovered + failed;
  const { rate, low, high } = overall.success;
  const { median_seconds, count: recoveries } = stats.time_to_recovery;
  return (
    <dl className="stats">
      <Stat value={count(restarted)} label="restarts by the agent" />
      <Stat
        value={rate === null ? '–' : percent(rate)}
        label={
          rate === null
            ? 'of the restarts helped: none is verified yet'
            : `of ${counted(verified, 'verified restart')} helped; likely ${percent(low)} to ${percent(high)}`
        }
      />
      <Stat
        value={count(held)}
        of={byPerson === 0 ? undefined : `${byPerson} done by a person`}
        label="restarts held back"
      />
      <Stat value={count(right)} of={`right, ${wrong} wrong`} label="verdicts by people" />
      <Stat
        value={median_seconds === null ? '–' : duration(median_seconds * 1_000)}
        label={`median time to recovery, of ${counted(recoveries, 'recovery', 'recoveries')}`}
      />
    </dl>
  );
}

function ServiceTable({ services }: { readonly services: Stats['fixes']['services'] }): ReactElement {
  return (
    <div className="table-box stacked">
      <table>
        <thead>
          <tr>
            <th scope="col">Service</th>
            <th scope="col">{HELPED}</th>
            {COUNTS.map(([label]) => (
              <th key={label} scope="col" className="num">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {services.map((each) => (
            <tr key={`${each.project ?? ''}/${each.service}`}>
              <th scope="row">
                <Link href={`/incidents?${queryOf(each)}`} data-entry>
                  {each.project === null ? each.service : `${each.project}/${each.service}`}
                </Link>
              </th>
              <td data-label={HELPED}>
                <Interval {...each} />
              </td>
              {COUNTS.map(([label, of]) => (
                <td key={label} className="num" data-label={label}>
                  {of(each)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function queryOf({ service, project }: { readonly service: string; readonly project: string | null }): URLSearchParams {
  return new URLSearchParams({ service, ...(project === null ? {} : { project }) });
}

function Cases({ cases }: { readonly cases: readonly ScorecardCase[] }): ReactElement {
  const session = useSession();
  const [rows, setRows] = useState(FIRST_ROWS);
  const [judged, setJudged] = useState<{ readonly one: ScorecardCase; readonly verdict: 'right' | 'wrong' }>();
  const newestFirst = [...cases].reverse();
  return (
    <section className="card" aria-labelledby="cases">
      <div className="head">
        <h2 id="cases">Each case</h2>
        <span className="muted small">{counted(cases.length, 'case')}, newest first. Was the decision right?</span>
      </div>
      <ul className="rows">
        {newestFirst.slice(0, rows).map((one) => (
          <li key={one.id} className="case">
            <div className="grow">
              <Link className="title" href={incidentPath(one.id)} data-entry>
                {one.container}
                <span className="muted"> · {one.summary}</span>
              </Link>
              <p className="sub">
                <span className="muted">
                  {one.decision === 'restart' ? 'Restarted' : `Held back (${one.reason.replaceAll('_', ' ')})`},{' '}
                  <Ago at={one.decided_at} />:{' '}
                </span>
                <Status look={RESULT[one.what_happened]} />
              </p>
              {one.note === null ? null : <p className="muted small wrap-any">Note: {one.note}</p>}
            </div>
            <VerdictButtons
              verdict={one.verdict}
              canAct={session?.can_act === true}
              about={`${one.container}, ${one.summary}`}
              onGive={(verdict) => setJudged({ one, verdict })}
            />
          </li>
        ))}
      </ul>
      {rows < cases.length ? (
        <button type="button" className="btn more" data-entry onClick={() => setRows(rows + FIRST_ROWS)}>
          Show {Math.min(FIRST_ROWS, cases.length - rows)} older ones
        </button>
      ) : null}
      {judged ? (
        <VerdictDialog
          incidentId={judged.one.id}
          verdict={judged.verdict}
          note={judged.one.note}
          onClose={() => setJudged(undefined)}
        />
      ) : null}
    </section>
  );
}
