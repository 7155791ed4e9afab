/**
 * Schemas of what clients send to `/api/v1`: parameters and bodies. Those of the answers, 1 MiB, are in other files: the
 * agent loads them only for the OpenAPI document.
 */
import { z } from 'zod';
import { SEVERITIES } from '../../../domain/diagnosis.ts';
import { State, Verdict } from './parts.ts';

const MAX_PAGE = 200;
const DEFAULT_PAGE = 50;
/** Longer than any name that Docker, compose or an id can have. */
const name = () => z.string().min(1).max(255);

export const IncidentQuery = z.object({
  state: State.optional(),
  container: name().optional().meta({ description: 'The name of the container' }),
  service: name().optional(),
  project: name().optional(),
  host: name().optional(),
  severity: z
    .string()
    .regex(new RegExp(`^(${SEVERITIES.join('|')})(,(${SEVERITIES.join('|')}))*$`), `must be ${SEVERITIES.join(', ')}`)
    .optional()
    .meta({ description: 'One or several, separated by commas', example: 'medium,high' }),
  cause: name().optional().meta({
    description: 'own, external, unknown, or the id of an incident: those that belong to it; incident: all members',
  }),
  from: z.iso.datetime({ offset: true }).optional().meta({ description: 'Opened at or after' }),
  to: z.iso.datetime({ offset: true }).optional().meta({ description: 'Opened before' }),
  search: z.string().min(1).max(200).optional().meta({ description: 'Text in the summary or the diagnosis' }),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(DEFAULT_PAGE),
  cursor: z.string().max(200).optional().meta({ description: '`next_cursor` of the page before' }),
});

const range = {
  from: z.iso.datetime({ offset: true }).optional().meta({ description: 'Default: see each page' }),
  to: z.iso.datetime({ offset: true }).optional().meta({ description: 'Default: now' }),
};

export const TimelineQuery = z.object({
  ...range,
  service: name().optional(),
  container: name().optional(),
  host: name().optional().meta({ description: 'Default: the host of this agent' }),
});
export const ContainersQuery = z.object({
  host: name().optional().meta({
    description: 'Default: the host of this agent. `*`: all hosts; `policy` and `habits` are empty then',
  }),
});
export const GraphQuery = z.object({
  host: name().optional().meta({ description: 'Default: the host of this agent' }),
});
export const StatsQuery = z.object({
  ...range,
  host: name().optional().meta({ description: 'Default: all hosts' }),
});

export const SignIn = z.object({ token: z.string().min(1).max(1_000) }).meta({ id: 'SignIn' });

export const VerdictGiven = z
  .object({ verdict: Verdict, note: z.string().trim().max(1_000).optional() })
  .meta({ id: 'VerdictGiven' });

/** A day less than a month: a snooze that nobody remembers must end by itself. */
const MAX_SNOOZE_SECONDS = 30 * 86_400;

export const SnoozeGiven = z
  .object({
    incident_id: z.string().min(1).max(100).optional().meta({ description: 'Snoozes the problem of this incident' }),
    service: name().optional().meta({ description: 'Snoozes all problems of this service' }),
    project: name().optional(),
    for_seconds: z.int().min(60).max(MAX_SNOOZE_SECONDS),
  })
  .refine((given) => (given.incident_id === undefined) !== (given.service === undefined), {
    message: 'give either incident_id or service',
  })
  .meta({ id: 'SnoozeGiven' });

export const Nothing = z.object({}).meta({ id: 'Nothing' });

export type IncidentQuery = z.output<typeof IncidentQuery>;
