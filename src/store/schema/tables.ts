import type { Kysely } from 'kysely';
import type {
  AgentTable,
  ClaimTable,
  FleetActionTable,
  FleetAddressTable,
  FleetEndpointTable,
  FleetMessageTable,
  HostSnapshotTable,
} from './fleet-tables.ts';

/**
 * The tables as Kysely types. The SQL is in the migrations in this folder.
 *
 * Several agents may share a database. Every row names the agent that wrote it. An agent changes only its own
 * rows; the pages and what all agents learn from each other read those of all.
 *
 * Times are epoch milliseconds, JSON is text, an absent compose project is `''` (so that it can be part of a key).
 */
export interface Schema {
  incidents: IncidentTable;
  attempts: AttemptTable;
  asks: AskTable;
  claude_requests: ClaudeRequestTable;
  outbox: OutboxTable;
  followed_incidents: FollowedIncidentTable;
  cursors: CursorTable;
  pruned_diagnoses: PrunedDiagnosesTable;
  pruned_restarts: PrunedRestartsTable;
  notes: NoteTable;
  reviews: ReviewTable;
  decisions: DecisionTable;
  questions: QuestionTable;
  evidence: EvidenceTable;
  alerts: AlertTable;
  timeline_events: TimelineEventTable;
  restart_requests: RestartRequestTable;
  snoozes: SnoozeTable;
  audit: AuditTable;
  agents: AgentTable;
  claims: ClaimTable;
  fleet_messages: FleetMessageTable;
  fleet_actions: FleetActionTable;
  host_snapshots: HostSnapshotTable;
  fleet_addresses: FleetAddressTable;
  fleet_endpoints: FleetEndpointTable;
}

export type Database = Kysely<Schema>;

interface Owned {
  agent: string;
}

export interface IncidentTable extends Owned {
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
  /** JSON array; null in rows from before schema 4. */
  detectors: string | null;
  summary: string;
  /** JSON array. */
  patterns: string;
  /** JSON of an IncidentCause. */
  cause: string | null;
  /** JSON of IncidentMember[]. */
  members: string | null;
  /** Parts of other columns, to filter and count by. */
  severity: string | null;
  tier: string | null;
  cause_kind: string | null;
  cause_incident: string | null;
  host: string | null;
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

export interface AttemptTable extends Owned {
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

export interface AskTable extends Owned {
  id: string;
  asked_at: number;
  incident_id: string;
}

export interface ClaudeRequestTable extends Owned {
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

export interface OutboxTable extends Owned {
  alert_id: string;
  /** `''` until the store has assigned one to an alert of an older version. */
  receiver: string;
  /** Alerts of one agent are sent in this order. */
  seq: number;
  /** JSON of an Alert. */
  alert: string;
  trace_id: string | null;
  span_id: string | null;
  state: 'pending' | 'sent' | 'dropped';
  tries: number;
  next_at: number;
  last_error: string | null;
  /** When the alert was sent or dropped. */
  finished_at: number | null;
  /** Null in rows from before schema 7. */
  incident_id: string | null;
  /** The flood whose summary replaces the alert; null for most. */
  flood: string | null;
}

/** An incident that a receiver follows. */
export interface FollowedIncidentTable extends Owned {
  receiver: string;
  incident_id: string;
  project: string;
  service: string;
  fingerprint: string;
  /** What the receiver remembers. */
  value: string | null;
  since: number;
  /** When the receiver first accepted an alert about it. */
  shown_at: number | null;
  /** When its end was added to the outbox. */
  resolved_at: number | null;
}

export interface CursorTable extends Owned {
  container_id: string;
  /** JSON of a LogCursor. */
  cursor: string;
}

/** One row per agent: how many diagnosed incidents retention has deleted. */
export interface PrunedDiagnosesTable extends Owned {
  diagnoses: number;
}

/** How many restarts retention has deleted, by container. */
export interface PrunedRestartsTable extends Owned {
  container_name: string;
  restarts: number;
}

/** Named values, such as the known dependencies and the time of the last run. */
export interface NoteTable extends Owned {
  name: string;
  value: string;
}

/** One row per incident that has an aftermath or a verdict. */
export interface ReviewTable extends Owned {
  incident_id: string;
  aftermath: string | null;
  aftermath_at: number | null;
  verdict: string | null;
  note: string | null;
  reviewed_at: number | null;
}

/** One row per decision, the newest of each incident. */
export interface DecisionTable extends Owned {
  id: string;
  incident_id: string;
  decided_at: number;
  kind: string;
  reason: string;
  detail: string | null;
  /** JSON of Gate[]. */
  gates: string;
}

/** What a model was asked. */
export interface QuestionTable extends Owned {
  id: string;
  incident_id: string;
  asked_at: number;
  model: string;
  strength: string;
  question: string;
}

/** What an incident was diagnosed on. */
export interface EvidenceTable extends Owned {
  incident_id: string;
  collected_at: number;
  /** JSON of an IncidentEvidence. */
  evidence: string;
}

/** Which alerts were sent for an incident. Unlike the outbox, it is kept as long as the incident. */
export interface AlertTable extends Owned {
  alert_id: string;
  receiver: string;
  incident_id: string;
  kind: string;
  created_at: number;
  state: 'pending' | 'sent' | 'dropped';
  finished_at: number | null;
  error: string | null;
}

/** Deployments, and times in which the agent saw nothing. */
export interface TimelineEventTable extends Owned {
  id: string;
  kind: string;
  began_at: number;
  ended_at: number | null;
  project: string;
  service: string;
  container_name: string;
  /** JSON object. */
  detail: string;
}

/** A restart that waited for a person. Its id is also the id of the attempt, once it is approved. */
export interface RestartRequestTable extends Owned {
  id: string;
  incident_id: string;
  container_id: string;
  container_name: string;
  container_started_at: number;
  requested_at: number;
  expires_at: number;
  state: 'waiting' | 'approved' | 'denied' | 'expired' | 'withdrawn';
  answered_via: string | null;
  answered_who: string | null;
  answered_from: string | null;
  answered_at: number | null;
}

export interface SnoozeTable extends Owned {
  id: string;
  project: string;
  service: string;
  /** Null: all problems of the service. */
  fingerprint: string | null;
  since: number;
  until_at: number;
  by_via: string;
  by_who: string;
  by_from: string | null;
  held_back: number;
  /** Null until what it held back has been looked at again. */
  ended_at: number | null;
}

/** One row per action of a person. */
export interface AuditTable extends Owned {
  id: string;
  at: number;
  via: string;
  who: string;
  from_where: string | null;
  action: string;
  incident_id: string | null;
  project: string | null;
  service: string | null;
  fingerprint: string | null;
  result: string;
}
