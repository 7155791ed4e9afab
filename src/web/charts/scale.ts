/** Scales and ticks of charts. */
import { CLOCK, DATE } from '../lib/format.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Steps between ticks that people count in. */
const STEPS = [
  SECOND,
  5 * SECOND,
  15 * SECOND,
  30 * SECOND,
  MINUTE,
  5 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
  2 * DAY,
  7 * DAY,
  10 * DAY,
  14 * DAY,
  30 * DAY,
];

export interface TimeRange {
  readonly from: number;
  readonly to: number;
}

/** At most `most` round times within the range, in the reader's zone. */
export function timeTicks({ from, to }: TimeRange, most: number): readonly number[] {
  const step = STEPS.find((each) => (to - from) / each <= most) ?? Math.ceil((to - from) / most / DAY) * DAY;
  // Steps of days begin at local midnight, smaller ones at a round local time.
  const offset = new Date(from).getTimezoneOffset() * MINUTE;
  const ticks: number[] = [];
  for (let tick = Math.ceil((from - offset) / step) * step + offset; tick <= to; tick += step) ticks.push(tick);
  return ticks;
}

const HOURS_AND_MINUTES = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

export function tickLabel(time: number, { from, to }: TimeRange): string {
  const format = to - from > 2 * DAY ? DATE : to - from < 10 * MINUTE ? CLOCK : HOURS_AND_MINUTES;
  return format.format(time);
}

/** A round number that is not less than `value`: 1, 2, 2.5 or 5 times a power of ten. */
export function roundUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 2.5, 5, 10].find((each) => each * power >= value * (1 - 1e-9)) ?? 10) * power;
}

export interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * Joins neighbouring spans that would be drawn less than `gap` apart, so that ten thousand incidents are a few hundred
 * marks. `spans` in the order of `from`.
 */
export function joinSpans<T extends Span>(
  spans: readonly T[],
  gap: number,
): readonly { readonly from: number; readonly to: number; readonly all: readonly T[] }[] {
  const joined: { from: number; to: number; all: T[] }[] = [];
  for (const span of spans) {
    const last = joined.at(-1);
    if (last && span.from - last.to < gap) {
      last.to = Math.max(last.to, span.to);
      last.all.push(span);
    } else joined.push({ from: span.from, to: span.to, all: [span] });
  }
  return joined;
}
