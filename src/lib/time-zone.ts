/** Local dates and times of IANA time zones. */

const DAY_MS = 24 * 3_600_000;

export function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

export interface LocalTime {
  /** `2026-11-25`. */
  readonly date: string;
  /** Of the day. */
  readonly minute: number;
}

export function localTime(zone: string, time: number): LocalTime {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(time);
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find((each) => each.type === type)?.value ?? '';
  return {
    date: `${part('year')}-${part('month')}-${part('day')}`,
    minute: Number(part('hour')) * 60 + Number(part('minute')),
  };
}

/**
 * The moment of a local date and time. The first of two, if the clocks are set back then. If they are set forward over
 * it, the moment that is as long after the change.
 */
export function instantOf(zone: string, { date, minute }: LocalTime): number {
  const asUtc = Date.parse(`${date}T00:00:00Z`) + minute * 60_000;
  const candidates = [asUtc - DAY_MS, asUtc + DAY_MS].map((near) => asUtc - offsetAt(zone, near));
  const exact = candidates.filter((time) => {
    const local = localTime(zone, time);
    return local.date === date && local.minute === minute;
  });
  return exact.length > 0 ? Math.min(...exact) : Math.max(...candidates);
}

/** The latest date whose `minute` of the day has come at `now`, and when it came. */
export function latestAt(zone: string, minute: number, now: number): { readonly date: string; readonly at: number } {
  const { date } = localTime(zone, now);
  const at = instantOf(zone, { date, minute });
  if (at <= now) return { date, at };
  const before = previousDate(date);
  return { date: before, at: instantOf(zone, { date: before, minute }) };
}

function previousDate(date: string): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) - DAY_MS).toISOString().slice(0, 10);
}

/** Local time minus UTC, ms. */
function offsetAt(zone: string, time: number): number {
  const { date, minute } = localTime(zone, time);
  return Date.parse(`${date}T00:00:00Z`) + minute * 60_000 - Math.floor(time / 60_000) * 60_000;
}
