import { isTimeZone, localTime } from '../../lib/time-zone.ts';

/** Hours of the day in which nothing is restarted. */
export interface QuietHours {
  /** As configured. */
  readonly text: string;
  /** Minutes of the local day, `from` inclusive, `to` exclusive. If `from` is greater, it spans midnight. */
  readonly windows: readonly { readonly from: number; readonly to: number }[];
  /** An IANA time zone. */
  readonly zone: string;
}

export const NO_QUIET_HOURS: QuietHours = { text: 'none', windows: [], zone: 'UTC' };

/** The syntax, for schemas. Only `parseQuietHours` checks that the times and the zone exist. */
export const QUIET_HOURS_FORM =
  /^\s*(none|\d{1,2}:\d{2}\s*-\s*\d{1,2}:\d{2}(\s*,\s*\d{1,2}:\d{2}\s*-\s*\d{1,2}:\d{2})*(\s+[A-Za-z][\w+/-]*)?)\s*$/;

const MINUTES_OF_DAY = 24 * 60;

/** Reads `22:00-07:00 Europe/Berlin`, `12:00-13:00, 22:00-07:00` (UTC) or `none`; undefined for anything else. */
export function parseQuietHours(text: string): QuietHours | undefined {
  if (!QUIET_HOURS_FORM.test(text)) return undefined;
  const trimmed = text.trim();
  if (trimmed === 'none') return NO_QUIET_HOURS;
  const zone = /\s([A-Za-z][\w+/-]*)$/.exec(trimmed)?.[1] ?? 'UTC';
  if (!isTimeZone(zone)) return undefined;
  const windows = [];
  for (const [, fromHour, fromMinute, toHour, toMinute] of trimmed.matchAll(
    /(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})/g,
  )) {
    const from = minuteOfDay(fromHour, fromMinute);
    const to = minuteOfDay(toHour, toMinute);
    // Equal ends are ambiguous: never or always.
    if (from === undefined || to === undefined || from === to) return undefined;
    windows.push({ from, to });
  }
  return { text: trimmed, windows, zone };
}

export function isQuiet(hours: QuietHours, now: number): boolean {
  if (hours.windows.length === 0) return false;
  const { minute } = localTime(hours.zone, now);
  return hours.windows.some(({ from, to }) =>
    from < to ? minute >= from && minute < to : minute >= from || minute < to,
  );
}

function minuteOfDay(hour = '', minute = ''): number | undefined {
  const minutes = Number(hour) * 60 + Number(minute);
  return Number(minute) < 60 && minutes <= MINUTES_OF_DAY ? minutes : undefined;
}
