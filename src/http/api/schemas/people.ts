/** Schemas of what people see and do: sessions, waiting restarts, snoozes, the audit. */
import { z } from 'zod';
import { Count, Time } from './parts.ts';

export const Actor = z
  .object({
    via: z.string().meta({ description: 'page, slack, …' }),
    who: z.string(),
    from: z.string().nullable().meta({ description: 'An address or a channel' }),
  })
  .meta({ id: 'Actor' });

export const RestartRequest = z
  .object({
    id: z.string(),
    incident_id: z.string(),
    container: z.string(),
    host: z.string().nullable(),
    requested_at: Time,
    expires_at: Time,
    state: z.enum(['waiting', 'approved', 'denied', 'expired', 'withdrawn']),
    answered_by: Actor.nullable(),
    answered_at: Time.nullable(),
  })
  .meta({ id: 'RestartRequest', description: 'A restart that waits for a person' });

export const Snooze = z
  .object({
    id: z.string(),
    service: z.string(),
    project: z.string().nullable(),
    fingerprint: z.string().nullable().meta({ description: 'Null: all problems of the service' }),
    since: Time,
    until: Time,
    by: Actor,
    held_back: Count.meta({ description: 'Signals and alerts that it has held back' }),
    host: z.string().nullable().meta({ description: 'Where it was set; it holds on all hosts' }),
  })
  .meta({ id: 'Snooze' });

export const AuditEntry = z
  .object({
    id: z.string(),
    at: Time,
    actor: Actor,
    action: z.string().meta({ description: 'approve, deny, snooze, end_snooze, ask_again, verdict' }),
    result: z.string().meta({ description: 'What came of it, as a sentence' }),
  })
  .meta({ id: 'AuditEntry' });

export const Session = z
  .object({
    can_act: z.boolean().meta({ description: 'Whether this client may post' }),
    why_not: z.string().nullable().meta({ description: 'Why it may not, as a sentence' }),
    can_sign_in: z.boolean().meta({ description: 'HTTP_TOKEN is set' }),
    signed_in: z.boolean().meta({ description: 'By a session cookie' }),
    csrf_token: z.string().nullable().meta({ description: 'To send as X-CSRF-Token with every post of the session' }),
    expires_at: Time.nullable(),
  })
  .meta({ id: 'Session' });

export const Acted = z
  .object({ result: z.enum(['done', 'refused']), text: z.string().meta({ description: 'What was done, or why not' }) })
  .meta({ id: 'Acted' });

export const Waiting = z
  .object({ restart_requests: z.array(RestartRequest), snoozes: z.array(Snooze) })
  .meta({ id: 'Waiting', description: 'What waits for a person, and what people have quieted' });

export type Session = z.output<typeof Session>;
export type RestartRequest = z.output<typeof RestartRequest>;
export type Snooze = z.output<typeof Snooze>;
export type AuditEntry = z.output<typeof AuditEntry>;
export type Waiting = z.output<typeof Waiting>;
export type Acted = z.output<typeof Acted>;
