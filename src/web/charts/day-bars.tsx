import type { ReactElement } from 'react';
import { dayLabel, usd } from '../lib/format.ts';
import { roundUp } from './scale.ts';
import { useWidth } from './use-width.ts';

export interface Day {
  /** `2026-11-25`. */
  readonly day: string;
  /** Dollars by series; series without any may be missing. */
  readonly parts: Readonly<Record<string, number>>;
}

const HEIGHT = 220;
/** The label of a day, with the space around it. */
const LABEL = 72;
const LEFT = 58;
const BOTTOM = 24;
const TOP = 24;

/** Dollars per day as stacked bars, with the budget as a line. A table with the same numbers belongs beside it. */
export function DayBars({
  days,
  series,
  limit,
}: {
  readonly days: readonly Day[];
  /** From the bottom up; at most six have colours of their own. */
  readonly series: readonly string[];
  readonly limit?: number;
}): ReactElement {
  const [ref, width] = useWidth<HTMLDivElement>();
  const totals = days.map(({ parts }) => Object.values(parts).reduce((a, b) => a + b, 0));
  const highest = Math.max(0, ...totals);
  // A budget far above the spending would flatten the bars.
  const showsLimit = limit !== undefined && limit <= highest * 6;
  const top = roundUp(Math.max(highest, showsLimit ? limit : 0, 0.01));
  const y = (value: number) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - BOTTOM - TOP);
  const step = Math.max(1, width - LEFT) / Math.max(1, days.length);
  const bar = Math.min(28, step * 0.66);
  const every = Math.max(1, Math.ceil(LABEL / step));
  return (
    <div ref={ref} className="day-bars">
      <svg
        className="chart"
        width={width}
        height={HEIGHT}
        role="img"
        aria-label={`Dollars per day for ${days.length} days; the highest day has ${usd(highest)}`}
      >
        {[0, 0.5, 1].map((share) => (
          <g key={share}>
            <line className="grid" x1={LEFT} x2={width} y1={y(top * share)} y2={y(top * share)} />
            <text className="tick" x={LEFT - 8} y={y(top * share) + 4} textAnchor="end">
              {usd(top * share)}
            </text>
          </g>
        ))}
        {days.map(({ day, parts }, index) => {
          let below = 0;
          const x = LEFT + index * step + (step - bar) / 2;
          return (
            <g key={day}>
              <title>{titleOf(day, parts, totals[index] ?? 0)}</title>
              <rect x={LEFT + index * step} y={TOP} width={step} height={HEIGHT - BOTTOM - TOP} fill="transparent" />
              {series.map((name, nth) => {
                const value = parts[name] ?? 0;
                if (value === 0) return null;
                const from = y(below);
                below += value;
                return (
                  <rect
                    key={name}
                    className={`hue-${(nth % 6) + 1}`}
                    x={x}
                    width={bar}
                    y={y(below)}
                    height={Math.max(1, from - y(below))}
                    rx="2"
                  />
                );
              })}
              {index % every === 0 ? (
                <text className="tick" x={x + bar / 2} y={HEIGHT - 6} textAnchor="middle">
                  {dayLabel(day)}
                </text>
              ) : null}
            </g>
          );
        })}
        {limit !== undefined && !showsLimit ? (
          <text className="tick" x={width - 4} y={TOP - 8} textAnchor="end">
            ↑ budget per day: {usd(limit)}
          </text>
        ) : null}
        {showsLimit ? (
          <g>
            <line className="limit" x1={LEFT} x2={width} y1={y(limit)} y2={y(limit)} />
            <text className="limit-label" x={width - 4} y={y(limit) - 6} textAnchor="end">
              budget per day: {usd(limit)}
            </text>
          </g>
        ) : null}
      </svg>
    </div>
  );
}

function titleOf(day: string, parts: Day['parts'], total: number): string {
  const dearest = Object.entries(parts).sort(([, one], [, other]) => other - one);
  const lines = dearest.length > 1 ? dearest.map(([name, value]) => `\n${name}: ${usd(value)}`) : [];
  return `${dayLabel(day)}: ${usd(total)}${lines.join('')}`;
}

export function Legend({ names }: { readonly names: readonly string[] }): ReactElement {
  return (
    <ul className="legend chart-key">
      {names.map((name, nth) => (
        <li key={name}>
          <svg width="12" height="12" aria-hidden="true">
            <rect className={`hue-${(nth % 6) + 1}`} width="12" height="12" rx="3" />
          </svg>
          {name}
        </li>
      ))}
    </ul>
  );
}
