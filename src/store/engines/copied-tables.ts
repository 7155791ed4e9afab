/** The tables with rows of one agent, and how its rows move between databases. */
import { type RawBuilder, type SqlBool, sql } from 'kysely';
import type { Schema } from '../schema/tables.ts';

export interface CopiedTable {
  readonly name: keyof Schema;
  readonly key: readonly string[];
  /**
   * What happens to a row that the other database has too. `replace`: the copied one is newer. `fill`: the same, but
   * values that only the other one has stay. `keep`: rows of this table never change. Otherwise it is replaced while it
   * is in that state; the other states are final.
   */
  readonly onConflict: 'replace' | 'fill' | 'keep' | { readonly whileState: 'pending' | 'waiting' };
  /**
   * Which of the rows an agent needs to go on without the database; see standby.ts. `since`: epoch ms. Absent: none, they
   * are for people only.
   */
  standby?(since: number): RawBuilder<SqlBool>;
}

const all = () => sql<SqlBool>`true`;
const recentIncidents = (since: number) => sql<SqlBool>`(state = 'open' OR opened_at >= ${since})`;

export const COPIED_TABLES: readonly CopiedTable[] = [
  { name: 'incidents', key: ['id'], onConflict: 'replace', standby: recentIncidents },
  // Its outcome never becomes unknown again.
  { name: 'attempts', key: ['id'], onConflict: 'fill', standby: (since) => sql`started_at >= ${since}` },
  { name: 'asks', key: ['id'], onConflict: 'keep', standby: (since) => sql`asked_at >= ${since}` },
  { name: 'claude_requests', key: ['id'], onConflict: 'keep', standby: (since) => sql`requested_at >= ${since}` },
  {
    name: 'outbox',
    key: ['alert_id', 'receiver'],
    onConflict: { whileState: 'pending' },
    standby: (since) => sql`(state = 'pending' OR finished_at >= ${since})`,
  },
  {
    name: 'followed_incidents',
    key: ['agent', 'receiver', 'incident_id'],
    onConflict: 'fill',
    standby: (since) => sql`(resolved_at IS NULL OR resolved_at >= ${since})`,
  },
  { name: 'cursors', key: ['agent', 'container_id'], onConflict: 'replace', standby: all },
  {
    name: 'reviews',
    key: ['incident_id'],
    // People judge on any page: another agent may have written a verdict.
    onConflict: 'fill',
    standby: (since) => sql`incident_id IN (SELECT id FROM incidents WHERE ${recentIncidents(since)})`,
  },
  { name: 'decisions', key: ['id'], onConflict: 'keep' },
  { name: 'questions', key: ['id'], onConflict: 'keep' },
  { name: 'evidence', key: ['incident_id'], onConflict: 'replace' },
  {
    name: 'alerts',
    key: ['alert_id', 'receiver'],
    onConflict: { whileState: 'pending' },
    standby: (since) => sql`(state = 'pending' OR finished_at >= ${since})`,
  },
  {
    name: 'timeline_events',
    key: ['id'],
    onConflict: 'fill',
    standby: (since) => sql`began_at >= ${since}`,
  },
  {
    name: 'restart_requests',
    key: ['id'],
    onConflict: { whileState: 'waiting' },
    standby: (since) => sql`(state = 'waiting' OR requested_at >= ${since})`,
  },
  { name: 'snoozes', key: ['id'], onConflict: 'fill', standby: () => sql`ended_at IS NULL` },
  { name: 'audit', key: ['id'], onConflict: 'replace' },
  { name: 'notes', key: ['agent', 'name'], onConflict: 'replace', standby: all },
];

/** Notes about a database itself. They are never copied to another one. */
export const NOTES_OF_DATABASE: readonly string[] = [
  'probed_at',
  'opened_at',
  'limits_unknown_until',
  'held_by',
  'handed_over',
];

/** What counts toward limits and budgets. */
export const COUNTED_TABLES: readonly (keyof Schema)[] = ['attempts', 'asks', 'claude_requests'];
