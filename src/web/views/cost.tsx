import type { ReactElement } from 'react';
import { DayBars, Legend } from '../charts/day-bars.tsx';
import { useApi } from '../lib/data.ts';
import { count, counted, dayLabel, percent, usd } from '../lib/format.ts';
import { useNow } from '../lib/now.ts';
import { usePlace } from '../lib/router.ts';
import type { Stats } from '../lib/types.ts';
import { ButtonChoice } from '../ui/choice.tsx';
import { Details } from '../ui/details.tsx';
import { Link } from '../ui/link.tsx';
import { Stat } from '../ui/stat.tsx';
import { Empty, Failed, Loading } from '../ui/states.tsx';

const DAY_MS = 86_400_000;
const PERIODS = [7, 30, 90] as const;
const MONTH_DAYS = 30;
/** The chart has as many colours. */
const HUES = 6;
const OTHERS = 'others';
const SPLITS = ['model', 'service'] as const;

/** What the questions to the model cost, and which were saved. */
export function Cost(): ReactElement {
  const { query } = usePlace();
  const days = PERIODS.find((each) => String(each) === query.get('days')) ?? 30;
  // From midnight UTC, so that the first day is whole.
  const today = useNow(DAY_MS);
  const from = new Date(today - (days - 1) * DAY_MS).toISOString();
  const { data, error, retry } = useApi('stats', `/stats?from=${encodeURIComponent(from)}`);
  return (
    <>
      <header className="page-head">
        <div>
          <h1>Cost</h1>
          <p className="lead">
            Dollars for questions to the model in the last {days} days (UTC), failed requests included.
          </p>
        </div>
        <ButtonChoice
          name="days"
          label="Period"
          options={PERIODS.map((each) => [String(each), `${each} days`])}
          value={String(days)}
        />
      </header>
      {error ? (
        <Failed what="The cost" why={error.message} onRetry={retry} />
      ) : data ? (
        <Content stats={data} from={today - (days - 1) * DAY_MS} days={days} />
      ) : (
        <Loading what="the cost" />
      )}
    </>
  );
}

function Content({
  stats: { cost, questions },
  from,
  days,
}: {
  readonly stats: Stats;
  readonly from: number;
  readonly days: number;
}): ReactElement {
  const { saved, asked } = questions;
  const savedAll = saved.known + saved.local + saved.rules + saved.correlation;
  const { query } = usePlace();
  const split = SPLITS.find((each) => each === query.get('split')) ?? 'model';
  const all = split === 'model' ? cost.models.map(modelPart) : cost.services.map(servicePart);
  const byDay = new Map(
    cost.days.map((each) => [
      each.day,
      split === 'model' ? each.models.map(modelPart) : each.services.map(servicePart),
    ]),
  );
  const named = all.slice(0, all.length > HUES ? HUES - 1 : HUES).map(({ name }) => name);
  const everyDay = Array.from({ length: days }, (_, index) => {
    const day = new Date(from + index * DAY_MS).toISOString().slice(0, 10);
    return { day, parts: partsOf(byDay.get(day) ?? [], named) };
  });
  const series = named.length < all.length ? [...named, OTHERS] : named;
  return (
    <div className="stack">
      <dl className="stats">
        <Stat value={usd(cost.total_usd)} label={`spent in ${days} days`} />
        <Stat
          value={usd(cost.projected_month_usd)}
          of={`of ${usd(cost.budget_per_day_usd * MONTH_DAYS)}`}
          label={`projected for ${MONTH_DAYS} days`}
        />
        <Stat value={usd(cost.budget_per_day_usd)} label="budget per day" />
        <Stat value={count(asked)} label="questions asked" />
        <Stat
          value={count(savedAll)}
          of={savedAll + asked === 0 ? undefined : `${percent(savedAll / (savedAll + asked))} of all`}
          label="questions saved"
        />
      </dl>
      {cost.total_usd === 0 && asked === 0 ? (
        <section className="card">
          <Empty title="Nothing was spent in this time">
            <p>
              {savedAll === 0 ? 'No problem needed a question.' : `${counted(savedAll, 'problem')} needed no question.`}
            </p>
          </Empty>
        </section>
      ) : (
        <section className="card" aria-labelledby="per-day">
          <div className="head">
            <h2 id="per-day">Dollars per day and {split}</h2>
            <ButtonChoice
              name="split"
              label="Split the days"
              options={SPLITS.map((each) => [each, `by ${each}`])}
              value={split}
            />
          </div>
          <DayBars days={everyDay} series={series} limit={cost.budget_per_day_usd} />
          <Legend names={series} />
          <Details summary="The same as a table">
            {() => (
              <CostTable
                first="Day (UTC)"
                rows={cost.days.map((each) => ({
                  ...each,
                  key: each.day,
                  name: dayLabel(each.day),
                  note: (byDay.get(each.day) ?? [])
                    .map(({ name, usd: dollars }) => `${name} ${usd(dollars)}`)
                    .join(', '),
                }))}
              />
            )}
          </Details>
        </section>
      )}
      <div className="columns">
        <section className="card" aria-labelledby="per-service">
          <h2 id="per-service">By service</h2>
          {cost.services.length === 0 ? (
            <p className="muted">No request in this time.</p>
          ) : (
            <CostTable
              first="Service"
              total={cost.total_usd}
              rows={cost.services.map((each) => ({
                key: each.service,
                name: each.service,
                href: `/incidents?service=${encodeURIComponent(each.service)}`,
                ...each,
              }))}
            />
          )}
        </section>
        <section className="card" aria-labelledby="per-model">
          <h2 id="per-model">By model</h2>
          {cost.models.length === 0 ? (
            <p className="muted">No request in this time.</p>
          ) : (
            <CostTable
              first="Model"
              total={cost.total_usd}
              rows={cost.models.map((each) => ({
                key: each.model,
                name: each.model,
                note: `${count(each.input_tokens)} tokens in, ${count(each.output_tokens)} out`,
                ...each,
              }))}
            />
          )}
        </section>
        <section className="card" aria-labelledby="saved">
          <h2 id="saved">Questions saved</h2>
          <div className="table-box">
            <table>
              <thead className="sr">
                <tr>
                  <th scope="col">Why no question was needed</th>
                  <th scope="col">Incidents</th>
                </tr>
              </thead>
              <tbody>
                <SavedRow name="Known problem: an earlier answer was reused" value={saved.known} />
                <SavedRow name="The local model answered" value={saved.local} />
                <SavedRow name="A built-in rule answered alone" value={saved.rules} />
                <SavedRow name="It only followed from another incident" value={saved.correlation} />
              </tbody>
            </table>
          </div>
        </section>
      </div>
    </div>
  );
}

interface Part {
  readonly name: string;
  readonly usd: number;
}

function modelPart({ model, usd: dollars }: { readonly model: string; readonly usd: number }): Part {
  return { name: model, usd: dollars };
}

function servicePart({ service, usd: dollars }: { readonly service: string; readonly usd: number }): Part {
  return { name: service, usd: dollars };
}

/** Dollars by name; those that are not in `named` as one part. */
function partsOf(all: readonly Part[], named: readonly string[]): Record<string, number> {
  const parts: Record<string, number> = {};
  for (const { name, usd: dollars } of all) {
    const part = named.includes(name) ? name : OTHERS;
    parts[part] = (parts[part] ?? 0) + dollars;
  }
  return parts;
}

function SavedRow({ name, value }: { readonly name: string; readonly value: number }): ReactElement {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td className="num">{counted(value, 'incident')}</td>
    </tr>
  );
}

interface CostRow {
  readonly key: string;
  readonly name: string;
  readonly note?: string;
  readonly href?: string;
  readonly usd: number;
  readonly requests: number;
}

function CostTable({
  first,
  rows,
  total,
}: {
  readonly first: string;
  readonly rows: readonly CostRow[];
  /** Shows each row's share of it. */
  readonly total?: number;
}): ReactElement {
  return (
    <div className="table-box">
      <table>
        <thead>
          <tr>
            <th scope="col">{first}</th>
            <th scope="col" className="num">
              Requests
            </th>
            <th scope="col" className="num">
              Dollars
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, name, note, href, usd: dollars, requests }) => (
            <tr key={key}>
              <th scope="row" className="wrap-any">
                {href === undefined ? name : <Link href={href}>{name}</Link>}
                {note === undefined ? null : <div className="muted small">{note}</div>}
                {total === undefined || total === 0 ? null : (
                  <svg className="share" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
                    <rect width="100" height="4" />
                    <rect className="hue-1" width={(100 * dollars) / total} height="4" />
                  </svg>
                )}
              </th>
              <td className="num">{count(requests)}</td>
              <td className="num">{usd(dollars)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
