/** What people may ask of the agent, from whatever place: the page, Slack, the command line. */
import type { ServiceRef } from '../../domain/containers.ts';
import type { Verdict } from '../../domain/decision.ts';

/** Who asks. All text is shown to people; it comes from outside and is not trusted. */
export interface Actor {
  readonly via: 'page' | 'slack';
  /** A user id of Slack, or `token` for a session on the page. */
  readonly who: string;
  /** An address or a channel. */
  readonly from?: string;
}

/** A restart that waits for a person. */
export interface RestartRequest {
  /** Opaque; the only thing that a button carries. */
  readonly id: string;
  readonly incidentId: string;
  readonly containerId: string;
  readonly containerName: string;
  readonly requestedAt: number;
  readonly expiresAt: number;
  readonly state: 'waiting' | 'approved' | 'denied' | 'expired' | 'withdrawn';
  /** Absent while it waits, and if it expired or was withdrawn. */
  readonly answeredBy?: Actor;
  readonly answeredAt?: number;
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
}

/** One thing that a person did, and what came of it. */
export interface AuditEntry {
  readonly id: string;
  readonly at: number;
  readonly actor: Actor;
  readonly action: 'approve' | 'deny' | 'snooze' | 'end_snooze' | 'ask_again' | 'verdict';
  readonly incidentId?: string;
  readonly service?: ServiceRef;
  /** For people. */
  readonly result: string;
}

/** `refused`: for people, why nothing was done, for example "jane answered it a minute ago". */
export type ActionResult =
  | { readonly kind: 'done'; readonly what: string }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'not_found' };

/** Every call is audited, whatever comes of it. None rejects, unless the store cannot be used. */
export interface PeopleActions {
  /** Evaluates every gate anew; lifts `policy_ask` only. Resolves when the restart has begun or was refused. */
  approve(requestId: string, actor: Actor): Promise<ActionResult>;
  deny(requestId: string, actor: Actor): Promise<ActionResult>;
  snooze(
    what: { readonly service: ServiceRef; readonly fingerprint?: string; readonly forMs: number },
    actor: Actor,
  ): Promise<ActionResult>;
  endSnooze(snoozeId: string, actor: Actor): Promise<ActionResult>;
  /** Asks the model about an open incident once more. */
  askAgain(incidentId: string, actor: Actor): Promise<ActionResult>;
  judge(incidentId: string, verdict: Verdict, note: string | undefined, actor: Actor): Promise<ActionResult>;
}

/** For the pages. */
export interface PeopleStore {
  waitingRequests(): Promise<readonly RestartRequest[]>;
  requestsOf(incidentId: string): Promise<readonly RestartRequest[]>;
  /** Those that have not ended. */
  snoozes(): Promise<readonly Snooze[]>;
  auditOf(incidentId: string): Promise<readonly AuditEntry[]>;
}
