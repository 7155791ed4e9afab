import type { Kysely } from 'kysely';

/**
 * The tables as Kysely sees them; what they look like in SQL stands in migrations/.
 *
 * Times are epoch milliseconds, JSON is text, an absent compose project is `''` (so that it can be part of a key).
 */
export interface Schema {
  incidents: IncidentTable;
  attempts: AttemptTable;
  asks: AskTable;
  claude_requests: ClaudeRequestTable;
  outbox: OutboxTable;
  cursors: CursorTable;
  pruned_diagnoses: PrunedDiagnosesTable;
  pruned_restarts: PrunedRestartsTable;
  notes: NoteTable;
}

export type Database = Kysely<Schema>;

export interface IncidentTable {
  id: string;
  project: string;
  service: string;
  container_id: string;
  container_name: string;
  image: string;
  /** JSON object. */
  labels: string;
  fingerprint: string;
  detector: string;
  summary: string;
  /** JSON array. */
  patterns: string;
  opened_at: number;
  last_seen_at: number;
  occurrences: number;
  state: string;
  resolved_at: number | null;
  trace_id: string | null;
  span_id: string | null;
  /** JSON of a Diagnosis. */
  diagnosis: string | null;
  diagnosed_at: number | null;
  decision_kind: string | null;
  decision_reason: string | null;
  decided_at: number | null;
  settled_at: number | null;
}

export interface AttemptTable {
  id: string;
  incident_id: string;
  container_id: string;
  container_name: string;
  project: string;
  service: string;
  started_at: number;
  outcome: string | null;
  detail: string | null;
  finished_at: number | null;
}

export interface AskTable {
  id: string;
  asked_at: number;
  incident_id: string;
}

export interface ClaudeRequestTable {
  id: string;
  requested_at: number;
  incident_id: string;
  container_name: string;
  model: string;
  outcome: string;
  input_tokens: number;
  output_tokens: number;
  cache_read_tokens: number;
  cache_write_tokens: number;
  cost_usd: number;
}

export interface OutboxTable {
  alert_id: string;
  /** Order of arrival. */
  seq: number;
  /** JSON of an Alert. */
  alert: string;
  trace_id: string | null;
  span_id: string | null;
  state: 'pending' | 'sent' | 'dropped';
  tries: number;
  next_at: number;
  last_error: string | null;
  /** When it was sent or dropped. */
  finished_at: number | null;
}

export interface CursorTable {
  container_id: string;
  /** JSON of a LogCursor. */
  cursor: string;
}

/** One row: how many diagnosed incidents retention has deleted. */
export interface PrunedDiagnosesTable {
  id: number;
  diagnoses: number;
}

/** How many restarts retention has deleted, by container. */
export interface PrunedRestartsTable {
  container_name: string;
  restarts: number;
}

/** Small facts about the store itself. */
export interface NoteTable {
  name: string;
  value: string;
}
