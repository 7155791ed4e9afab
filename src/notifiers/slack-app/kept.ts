/** What the app keeps of an incident in the store: where its message is, and what the message shows. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Alert } from '../../domain/alert.ts';
import type { Verdict } from '../../domain/decision.ts';
import type { Incident } from '../../domain/incident.ts';
import { dropOldest } from '../../lib/bounded.ts';
import type { RestartRequest } from '../../pipeline/ports/people.ts';
import type { IncidentMemory } from '../receiver-module.ts';

/** What a person did in Slack. */
export interface ByPerson {
  readonly who: string;
  readonly at: number;
}

export interface Kept {
  /** Of the message. */
  readonly ts: string;
  /** The newest alert that the message shows, without its excerpt. */
  readonly alert: Alert;
  /** Ids of what is in the thread, oldest first. */
  readonly replies: readonly string[];
  /** The reply about `alert` that the thread does not have yet. */
  readonly owed?: { readonly id: string; readonly isFirst: boolean; readonly broadcast: boolean };
  /** How often the problem has come, within a day of its last end. */
  readonly times: number;
  /** The request that the message shows, in the state that it shows. */
  readonly request?: { readonly id: string; readonly state: RestartRequest['state'] };
  readonly snooze?: ByPerson & { readonly until: number };
  readonly verdict?: ByPerson & { readonly verdict: Verdict };
}

export interface KeptIncidents {
  /** Rejects if the store cannot be read and nothing is known. */
  get(incidentId: string): Promise<Kept | undefined>;
  /** The message of the same problem, if it was resolved after `since`. */
  earlier(incident: Incident, since: number): Promise<Kept | undefined>;
  /** Never rejects: what cannot be stored is kept in memory. */
  put(incident: Incident, kept: Kept): Promise<void>;
  /** Ids of open incidents whose message shows a request that waits. */
  waiting(): Promise<readonly string[]>;
}

const schema = z.object({
  ts: z.string(),
  alert: z.custom<Alert>((value) => typeof value === 'object' && value !== null && 'incident' in value),
  replies: z.array(z.string()),
  owed: z.object({ id: z.string(), isFirst: z.boolean(), broadcast: z.boolean() }).optional(),
  times: z.number(),
  request: z
    .object({ id: z.string(), state: z.enum(['waiting', 'approved', 'denied', 'expired', 'withdrawn']) })
    .optional(),
  snooze: z.object({ who: z.string(), at: z.number(), until: z.number() }).optional(),
  verdict: z.object({ who: z.string(), at: z.number(), verdict: z.enum(['right', 'wrong']) }).optional(),
});

/** Values that could not be stored. */
const MAX_UNSTORED = 200;
const MAX_REPLIES = 100;

export function createKeptIncidents(memory: IncidentMemory): KeptIncidents {
  const unstored = new Map<string, Kept>();

  return {
    async get(incidentId) {
      return unstored.get(incidentId) ?? parse(await memory.recall(incidentId));
    },

    async earlier(incident, since) {
      return parse((await memory.recallEarlier(incident, since))?.value);
    },

    async put(incident, kept) {
      const { excerpt: _, ...alert } = kept.alert;
      const short = { ...kept, alert: { ...alert, excerpt: [] }, replies: kept.replies.slice(-MAX_REPLIES) };
      try {
        await memory.remember(incident, JSON.stringify(short));
        unstored.delete(incident.id);
      } catch {
        unstored.set(incident.id, short);
        dropOldest(unstored, MAX_UNSTORED);
      }
    },

    async waiting() {
      const open = await memory.recallOpen();
      return open.filter(({ value }) => parse(value)?.request?.state === 'waiting').map(({ incidentId }) => incidentId);
    },
  };
}

function parse(value: string | undefined): Kept | undefined {
  if (value === undefined) return undefined;
  try {
    const parsed = schema.safeParse(JSON.parse(value));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

const AGENT_NOTE = 'agent';

/**
 * The id by which this agent recognises its own buttons: random, and made when it is first needed. Undefined while the
 * store cannot be used. The function never rejects.
 */
export function createAgentId(memory: Pick<IncidentMemory, 'recallNote' | 'rememberNote'>) {
  let id: Promise<string | undefined> | undefined;
  const read = async (): Promise<string | undefined> => {
    const known = await memory.recallNote(AGENT_NOTE);
    if (known !== undefined) return known;
    const fresh = randomBytes(8).toString('hex');
    await memory.rememberNote(AGENT_NOTE, fresh);
    return fresh;
  };
  return (): Promise<string | undefined> => {
    // Without it, clicks work as long as the app is not shared.
    id ??= read().catch(() => {
      id = undefined;
      return undefined;
    });
    return id;
  };
}
