/** Numbers and times as people read them. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

// Made once: `toLocaleString` with options makes one for each call, which takes longer than drawing a table row.
const COUNT = new Intl.NumberFormat('en-US');
const dollars = (most: number) =>
  new Intl.NumberFormat('en-US', {
    style: 'currency',
    currency: 'USD',
    minimumFractionDigits: 2,
    maximumFractionDigits: most,
  });
const DOLLARS = dollars(2);
const CENTS = dollars(4);
export const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
export const DATE = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const DATE_AND_YEAR = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric' });
const UTC_DATE = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', timeZone: 'UTC' });

/** Dollars with two digits, and more for amounts below ten cents. */
export function usd(amount: number): string {
  return (amount !== 0 && Math.abs(amount) < 0.1 ? CENTS : DOLLARS).format(amount);
}

export function count(n: number): string {
  return COUNT.format(n);
}

/** `1 restart`, `2 restarts`. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** A length of time with at most two units: `42 s`, `3 min`, `1 h 20 min`, `2 d 4 h`. */
export function duration(ms: number): string {
  const total = Math.max(0, ms);
  if (total < 999.5) return `${Math.round(total)} ms`;
  if (total < 9_950) return `${(total / 1_000).toFixed(1)} s`;
  // Rounded before the unit is chosen: 59.7 s are a minute.
  const seconds = Math.round(total / 1_000) * 1_000;
  if (seconds < MINUTE) return `${seconds / 1_000} s`;
  const minutes = Math.round(total / MINUTE) * MINUTE;
  if (minutes < HOUR) return `${minutes / MINUTE} min`;
  if (minutes < DAY) return pair(minutes, HOUR, 'h', MINUTE, 'min');
  return pair(Math.round(total / HOUR) * HOUR, DAY, 'd', HOUR, 'h');
}

function pair(total: number, big: number, bigName: string, small: number, smallName: string): string {
  const units = Math.round(total / small);
  const perBig = Math.round(big / small);
  const rest = units % perBig;
  return `${Math.floor(units / perBig)} ${bigName}${rest === 0 ? '' : ` ${rest} ${smallName}`}`;
}

/** `just now`, `5 min ago`, `in 10 min`. */
export function relative(time: number, now: number): string {
  const apart = now - time;
  if (Math.abs(apart) < 5_000) return 'just now';
  // Tenths of a second would change with every look.
  const rounded = Math.round(Math.abs(apart) / 1_000);
  const length = rounded < 10 ? `${rounded} s` : duration(rounded * 1_000);
  return apart >= 0 ? `${length} ago` : `in ${length}`;
}

/** In the reader's zone: the time of today, else with the date. */
export function local(time: number, now: number): string {
  const date = new Date(time);
  const clock = CLOCK.format(date);
  if (date.toDateString() === new Date(now).toDateString()) return clock;
  const sameYear = date.getFullYear() === new Date(now).getFullYear();
  return `${(sameYear ? DATE : DATE_AND_YEAR).format(date)}, ${clock}`;
}

/** `25 Nov` of `2026-11-25`. Days are of UTC, as the agent counts them. */
export function dayLabel(day: string): string {
  return UTC_DATE.format(new Date(`${day}T00:00:00Z`));
}

/** `2026-11-25 22:03:37.120 UTC`. */
export function utc(time: number): string {
  return `${new Date(time).toISOString().replace('T', ' ').replace('Z', '')} UTC`;
}

export function bytes(n: number): string {
  if (n >= 1024 ** 3) return `${+(n / 1024 ** 3).toFixed(1)} GiB`;
  if (n >= 1024 ** 2) return `${Math.round(n / 1024 ** 2)} MiB`;
  return `${Math.round(n / 1024)} KiB`;
}

/** With a capital letter. */
export function sentence(text: string): string {
  const [first = ''] = text;
  return first.toUpperCase() + text.slice(first.length);
}
