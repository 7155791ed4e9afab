/** What people may ask of the agent, from whatever place: the page, Slack, the command line. */
import type { ServiceRef } from '../../domain/containers.ts';
import type { Decision, Verdict } from '../../domain/decision.ts';

export const ACTOR_SOURCES = ['page', 'slack'] as const;
export type ActorSource = (typeof ACTOR_SOURCES)[number];

/** Who asks. All text is shown to people; it comes from outside and is not trusted. */
export interface Actor {
  readonly via: ActorSource;
  /** A user id of Slack, or `token` for a session on the page. */
  readonly who: string;
  /** An address or a channel. */
  readonly from?: string;
}

/** A restart that waits for a person. */
export interface RestartRequest {
  /** Opaque; the only thing that a button carries. Also the id of the restart attempt, once it is approved. */
  readonly id: string;
  readonly incidentId: string;
  readonly containerId: string;
  readonly containerName: string;
  /** When the container had been started. If it has been started again since, the request is void. */
  readonly containerStartedAt: number;
  readonly requestedAt: number;
  readonly expiresAt: number;
  /** `withdrawn`: the container was started, stopped or removed, the incident ended, or another decision replaced it. */
  readonly state: 'waiting' | 'approved' | 'denied' | 'expired' | 'withdrawn';
  /** Absent while it waits, and if it expired or was withdrawn. */
  readonly answeredBy?: Actor;
  /** When it left the state `waiting`, however it ended. */
  readonly answeredAt?: number;
  /** Only where the requests of all hosts are read. */
  readonly host?: string;
}

/** Alerts and questions about a problem, or about a whole service, are held back until a time. */
export interface Snooze {
  readonly id: string;
  readonly service: ServiceRef;
  /** Absent: all problems of the service. */
  readonly fingerprint?: string;
  readonly since: number;
  readonly until: number;
  readonly by: Actor;
  /** Signals and alerts that it has held back. */
  readonly heldBack: number;
  /** Of the agent that ends it. Only where the snoozes of all hosts are read. */
  readonly host?: string;
}

/** One thing that a person did, and what came of it. */
export interface AuditEntry {
  readonly id: string;
  readonly at: number;
  readonly actor: Actor;
  readonly action: 'approve' | 'deny' | 'snooze' | 'end_snooze' | 'ask_again' | 'verdict';
  readonly incidentId?: string;
  readonly service?: ServiceRef;
  /** Of a snoozed problem. */
  readonly fingerprint?: string;
  /** For people. */
  readonly result: string;
}

/** `refused`: for people, why nothing was done, for example "jane answered it a minute ago". */
export type ActionResult =
  | { readonly kind: 'done'; readonly what: string }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'not_found' };

/** What is snoozed: the problem of an open incident, a problem of a service, or (without a fingerprint) the whole service. */
export type Snoozed = { readonly incidentId: string } | { readonly service: ServiceRef; readonly fingerprint?: string };

/** Every call is audited, whatever comes of it. None rejects, unless the store cannot be used. */
export interface PeopleActions {
  /** Evaluates every gate anew; lifts `policy_ask` only. Resolves when the restart has begun or was refused. */
  approve(requestId: string, actor: Actor): Promise<ActionResult>;
  deny(requestId: string, actor: Actor): Promise<ActionResult>;
  snooze(what: Snoozed & { readonly forMs: number }, actor: Actor): Promise<ActionResult>;
  endSnooze(snoozeId: string, actor: Actor): Promise<ActionResult>;
  /** Asks the model about an open incident once more. */
  askAgain(incidentId: string, actor: Actor): Promise<ActionResult>;
  judge(incidentId: string, verdict: Verdict, note: string | undefined, actor: Actor): Promise<ActionResult>;
}

/** Called after a request has changed: it waits, or it left that state. Must return at once and never throw. */
export type OnRequestChanged = (request: RestartRequest) => void;

/** For the pages. */
export interface PeopleStore {
  /** `ofFleet`: of all agents that share the database. */
  waitingRequests(of?: { readonly ofFleet: true }): Promise<readonly RestartRequest[]>;
  findRequest(id: string): Promise<RestartRequest | undefined>;
  /** Oldest first. */
  requestsOf(incidentId: string): Promise<readonly RestartRequest[]>;
  /** Those that have not ended. `ofFleet`: of all agents that share the database. */
  snoozes(of?: { readonly ofFleet: true }): Promise<readonly Snooze[]>;
  /** Oldest first; with the snoozes of its problem and service while it was open. */
  auditOf(incidentId: string): Promise<readonly AuditEntry[]>;
  /** The newest entries, newest last. */
  recentAudit(limit: number): Promise<readonly AuditEntry[]>;
}

/** For the places where people act: the page, receivers with buttons. */
export interface PeopleAccess {
  readonly actions: PeopleActions;
  /** `saveAudit`: for what was refused before it reached `actions`. */
  readonly store: PeopleStore & Pick<PeopleRecords, 'saveAudit'>;
  /** Returns a function that removes the listener. */
  onRequestChanged(listener: OnRequestChanged): () => void;
}

/** How a request leaves the state `waiting`. */
export interface RequestEnd {
  readonly state: Exclude<RestartRequest['state'], 'waiting'>;
  readonly at: number;
  readonly by?: Actor;
  /** Becomes the decision about the incident. */
  readonly decision?: Decision;
  /** The incident is no longer settled: if the agent is killed, its next run takes it up again. */
  readonly reopens?: true;
  readonly audit?: AuditEntry;
}

/** What the pipeline writes. */
export interface PeopleRecords extends PeopleStore {
  saveRequest(request: RestartRequest): Promise<void>;
  /**
   * Ends a waiting request, with all that follows from it, in one transaction. False if it does not wait any more: the
   * first answer wins. An approval or a denial after its time has passed changes nothing.
   */
  endRequest(id: string, end: RequestEnd): Promise<boolean>;
  /** Those whose end has not been handled, even if their time is over. */
  unendedSnoozes(): Promise<readonly Snooze[]>;
  /** Inserts or updates by id. */
  saveSnooze(snooze: Snooze): Promise<void>;
  saveHeldBack(counts: readonly { readonly id: string; readonly heldBack: number }[]): Promise<void>;
  /** False if it has ended. */
  endSnooze(id: string, at: number): Promise<boolean>;
  /** Replaces an entry with the same id. */
  saveAudit(entry: AuditEntry): Promise<void>;
  /** Replaces the result of an entry, if there is one with this id. */
  saveAuditResult(id: string, result: string): Promise<void>;
}
