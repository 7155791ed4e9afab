import type { z } from 'zod';
import type { IncidentFilter, PagePosition, TimeRange } from '../../pipeline/ports/pages.ts';
import type { IncidentQuery } from './schemas/requests.ts';

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: string };

const LONGEST_QUOTE = 100;

/** Checks a query or a body. The error names each parameter with its value and what is allowed. */
export function parse<Schema extends z.ZodType>(schema: Schema, input: unknown): Parsed<z.output<Schema>> {
  const result = schema.safeParse(input ?? {});
  if (result.success) return { ok: true, value: result.data };
  const problems = result.error.issues.slice(0, 5).map(({ path, message }) => {
    if (path.length === 0) return message;
    const value = path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], input);
    const shown = value === undefined ? 'missing' : quote(value);
    return `${path.join('.')} is ${shown}: ${message}`;
  });
  return { ok: false, error: problems.join('; ') };
}

function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text;
}

export function toFilter(query: IncidentQuery): IncidentFilter {
  const { state, container, service, project, host, severity, cause, from, to, search } = query;
  return {
    state,
    container,
    service,
    project,
    host,
    severities: severity?.split(',') as IncidentFilter['severities'],
    cause: cause === undefined ? undefined : causeFilter(cause),
    from: timeOf(from),
    to: timeOf(to),
    search,
  };
}

function causeFilter(cause: string): NonNullable<IncidentFilter['cause']> {
  switch (cause) {
    case 'own':
    case 'incident':
    case 'external':
    case 'unknown':
      return { kind: cause };
    default:
      return { incidentId: cause };
  }
}

function timeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text);
}

export function encodeCursor({ openedAt, id }: PagePosition): string {
  return Buffer.from(`${openedAt.toString(36)}.${id}`).toString('base64url');
}

/** Undefined if it is not one of ours. */
export function decodeCursor(cursor: string): PagePosition | undefined {
  const [, time, id] = /^([0-9a-z]{1,11})\.(.{1,150})$/su.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  return time === undefined || id === undefined ? undefined : { openedAt: Number.parseInt(time, 36), id };
}

const LONGEST_RANGE_MS = 400 * 86_400_000;

/** `defaultMs`: how far back it reaches if `from` is not given. */
export function toRange(
  query: { readonly from?: string | undefined; readonly to?: string | undefined },
  now: number,
  defaultMs: number,
): Parsed<TimeRange> {
  const to = timeOf(query.to) ?? now;
  const from = timeOf(query.from) ?? to - defaultMs;
  if (from >= to) return { ok: false, error: `from is ${quote(query.from)}: must be before to` };
  if (to - from > LONGEST_RANGE_MS)
    return { ok: false, error: `from is ${quote(query.from)}: at most 400 days before to` };
  return { ok: true, value: { from, to } };
}
