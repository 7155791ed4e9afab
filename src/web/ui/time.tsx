import type { ReactElement } from 'react';
import { duration, local, relative, utc } from '../lib/format.ts';
import { useNow } from '../lib/now.ts';

/** A time in the reader's zone. The exact UTC time is its title. */
export function Time({ at }: { readonly at: number | string }): ReactElement {
  const time = toMs(at);
  return (
    <time dateTime={new Date(time).toISOString()} title={utc(time)}>
      {local(time, useNow(60_000))}
    </time>
  );
}

/** How long ago it was, kept current. */
export function Ago({ at }: { readonly at: number | string }): ReactElement {
  const time = toMs(at);
  const now = useNow();
  return (
    <time dateTime={new Date(time).toISOString()} title={utc(time)}>
      {relative(time, now)}
    </time>
  );
}

/** The time from `from` until `to`, or until now. */
export function Lasted({ from, to }: { readonly from: number | string; readonly to?: number | string }): ReactElement {
  const now = useNow();
  const start = toMs(from);
  const end = to === undefined ? now : toMs(to);
  return <span title={`${utc(start)} to ${to === undefined ? 'now' : utc(end)}`}>{duration(end - start)}</span>;
}

export function toMs(at: number | string): number {
  return typeof at === 'number' ? at : Date.parse(at);
}
