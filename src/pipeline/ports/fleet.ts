/** What agents that share a database know of each other. A single agent has none of it. */
import type { Alert } from '../../domain/alert.ts';
import type { EdgeEvidence, ServiceRef } from '../../domain/containers.ts';
import type { Incident } from '../../domain/incident.ts';
import type { ActionResult, Actor, Snooze } from './people.ts';
import type { LastCase } from './store.ts';

/** One row per agent. Its name is that of its host. */
export interface FleetAgent {
  readonly name: string;
  /** See AgentIdentity. */
  readonly id: string;
  readonly version: string;
  /** Where Prometheus reaches it, `host:port`; absent if it cannot. */
  readonly metricsAddress?: string;
  readonly startedAt: number;
  /** By its own clock. */
  readonly seenAt: number;
  /** When it stopped in an orderly way; absent while it runs. */
  readonly stoppedAt?: number;
  /** Grows while the agent works. */
  readonly beat: number;
  /** Set while it is silent: by whom people are notified, and when. */
  readonly silence?: { readonly beat: number; readonly by: string; readonly toldAt?: number };
}

/** As another agent sees it. */
export interface FleetMember extends FleetAgent {
  readonly isSilent: boolean;
}

/** Heartbeats. Every method rejects if the database cannot be used. */
export interface FleetStore {
  /** Writes this agent's heartbeat, and returns all agents. */
  beat(self: Pick<FleetAgent, 'id' | 'version' | 'startedAt' | 'metricsAddress'>): Promise<readonly FleetAgent[]>;
  /** This agent stops in an orderly way. */
  saveStopped(): Promise<void>;
  /**
   * This agent notifies people that the other one is silent. False if another agent does, or if it is not silent any more.
   * `insteadOf`: the agent that was to tell, and has not.
   */
  claimSilence(of: Pick<FleetAgent, 'name' | 'beat'>, insteadOf?: string): Promise<boolean>;
  saveSilenceTold(name: string): Promise<void>;
  /** This agent notifies people that the other one is back. False if another agent does. */
  endSilence(of: Pick<FleetAgent, 'name'>): Promise<boolean>;
  /** Deletes an agent that has not returned. Its incidents stay. */
  forgetAgent(of: Pick<FleetAgent, 'name' | 'beat'>): Promise<void>;
  /** The host of an incident, a request for a restart or a snooze of any agent; undefined if there is no such id. */
  hostOf(id: string): Promise<string | undefined>;
  /** The snoozes of other agents that have not ended. */
  snoozesElsewhere(): Promise<readonly Snooze[]>;
}

/** Alerts of a problem that another host has reported. They wait in the outbox for one message about all hosts. */
export interface HeldMessage {
  /** Of the problem, for one receiver. */
  readonly name: string;
  readonly receiver: string;
  /** The host whose alert was sent. */
  readonly firstHost: string;
  /** When the alerts that wait were stored. */
  readonly oldestAt: number;
  readonly newestAt: number;
}

export interface FleetMessages {
  /** Those that this agent can send: its receiver has the same settings. */
  heldMessages(): Promise<readonly HeldMessage[]>;
  /** False if another agent sends it, or this one has, less than `forMs` ago. */
  claimMessage(name: string, forMs: number): Promise<boolean>;
  heldAlerts(name: string): Promise<readonly { readonly host: string; readonly alert: Alert }[]>;
  markToldTogether(
    message: Pick<HeldMessage, 'name' | 'receiver'>,
    alertIds: readonly string[],
    at: number,
  ): Promise<void>;
}

/** A problem that may occur on several hosts. */
export interface SharedProblem extends ServiceRef {
  readonly fingerprint: string;
}

/** What agents learn from each other's diagnoses. Every method rejects if the database cannot be used. */
export interface SharedKnowledge {
  /** The newest case of this problem on another host that a model diagnosed. */
  caseElsewhere(problem: SharedProblem): Promise<LastCase | undefined>;
  /** Whether this agent may ask now. False: another one is asking. */
  claimQuestion(name: string, forMs: number): Promise<boolean>;
  /** The claim ends after `keepMs`, if it is still this agent's. */
  releaseQuestion(name: string, keepMs: number): Promise<void>;
}

/** What a person asks of the agent of another host. `id`: of the request, the snooze or the incident. */
export interface HostAction {
  readonly kind: 'approve' | 'deny' | 'end_snooze' | 'ask_again';
  readonly id: string;
  readonly actor: Actor;
}

/** `click`: on a button of a message that the other agent sent. `payload`: as the service delivered it. */
export type FleetAction = HostAction | { readonly kind: 'click'; readonly payload: unknown };

/** An action that this agent is to carry out. */
export interface ClaimedAction {
  readonly id: string;
  readonly askedBy: string;
  readonly action: FleetAction;
  /** Of the agent that asks, by the clock of the database. */
  readonly askedAt: number;
  /** An earlier claim has no result: this agent was killed, or lost the database, before or after it carried it out. */
  readonly isRepeat: boolean;
  /** The one who asked has stopped waiting for the result: it must not be carried out any more. */
  readonly isLate: boolean;
}

/** `unknown`: there is no such action. */
export type ActionState =
  | { readonly kind: 'asked' | 'claimed' | 'withdrawn' | 'given_up' | 'unknown' }
  | { readonly kind: 'finished'; readonly result: ActionResult };

/** Actions across hosts. Every method rejects if the database cannot be used. */
export interface FleetActions {
  /**
   * Asks the agent on `host`, and wakes it. It can claim the action within `claimWithinMs`. False if there is an action
   * with this id.
   */
  askAgent(asked: {
    readonly id: string;
    readonly host: string;
    readonly action: FleetAction;
    readonly claimWithinMs: number;
  }): Promise<boolean>;
  actionState(id: string): Promise<ActionState>;
  /** From `asked` to `withdrawn`, or from `claimed` to `given_up`. False if it is in another state. */
  giveUpAction(id: string, from: 'asked' | 'claimed'): Promise<boolean>;
  /**
   * What this agent is to carry out now. `inProgress`: ids of those that it is carrying out. `lateAfterMs`: see
   * ClaimedAction.isLate.
   */
  claimActions(inProgress: readonly string[], lateAfterMs: number): Promise<readonly ClaimedAction[]>;
  /** Stores the result, and wakes the agent that asked. */
  finishAction(id: string, result: ActionResult): Promise<void>;
}

/** For receivers with buttons: one connection for the clicks on the messages of all agents that share the database. */
export interface SharedClicks {
  /**
   * Runs `work` while no other agent does so under this name. `over` aborts with `signal`, and when another agent may
   * have taken over. If `work` ends before, another agent does. Never rejects.
   */
  whileAlone(name: string, signal: AbortSignal, work: (over: AbortSignal) => Promise<void>): Promise<void>;
  /** The host whose agent has to handle a click on this incident or request. Rejects if the database is away. */
  hostOf(id: string): Promise<string | undefined>;
  /**
   * The agent on `host`, which may be this one, handles the click. `onStored`: it is not lost any more. Resolves to what
   * is left to say to the person; undefined if that agent has said it. Rejects only before it is stored.
   */
  pass(
    host: string,
    click: { readonly id: string; readonly payload: unknown },
    onStored: () => void,
  ): Promise<string | undefined>;
  /** This agent handles what is passed to it. `handle` resolves to why it cannot; undefined if it has. */
  onClick(handle: (payload: unknown, isRepeat: boolean) => Promise<string | undefined>): void;
  /** Why no agent can get the connection; undefined if one can. */
  problem(): string | undefined;
}

/** What the pages of other agents show of each host. `content` is opaque here. */
export interface HostSnapshots {
  /** Replaces that of this agent. */
  saveSnapshot(content: string): Promise<void>;
  /** Those of the other agents, or of the one on `host`: their versions, which grow. */
  snapshotVersions(host?: string): Promise<ReadonlyMap<string, number>>;
  readSnapshots(
    hosts: readonly string[],
  ): Promise<readonly { readonly host: string; readonly version: number; readonly content: string }[]>;
}

/** Where containers of other hosts reach a service of this one. */
export interface Endpoint extends ServiceRef {
  /** The network on which Swarm knows it by `name`. Empty: a port of the host. */
  readonly network: string;
  /** A name or an address, lower case; empty for a port of the host. */
  readonly name: string;
  /** 0 for a name. */
  readonly port: number;
  /** A container behind it does not run, or is unhealthy. */
  readonly isDown: boolean;
}

export interface EndpointStore {
  /**
   * Replaces what is known of this host. `addresses`: its names and addresses, lower case; the one from which the database
   * sees this agent is added. Rejects if the database cannot be used.
   */
  saveEndpoints(addresses: readonly string[], endpoints: readonly Endpoint[]): Promise<void>;
}

/** A service on another host. */
export interface ServiceElsewhere extends ServiceRef {
  readonly host: string;
  /** See Endpoint. */
  readonly network: string;
  readonly name: string;
}

export interface IncidentElsewhere {
  /** Its container has a host. */
  readonly incident: Incident;
  readonly resolvedAt?: number;
  /** See Endpoint. */
  readonly isDown: boolean;
  /** Its agent does not update it any more. */
  readonly isSilent: boolean;
}

/** What agents know of causes on each other's hosts. Every method rejects if the database cannot be used. */
export interface CausesElsewhere {
  /** The services on other hosts that publish one of these ports. Addresses that several hosts claim are left out. */
  servicesAt(
    addresses: readonly { readonly host: string; readonly port: number }[],
  ): Promise<readonly ServiceElsewhere[]>;
  /** The Swarm services on other hosts with tasks on these networks, one for each of their names. */
  servicesOn(networks: readonly string[]): Promise<readonly ServiceElsewhere[]>;
  /** The incidents of these services that are open, or were resolved since then; newest first. */
  incidentsOf(services: readonly ServiceElsewhere[], resolvedSince: number): Promise<readonly IncidentElsewhere[]>;
  incidentsElsewhere(ids: readonly string[]): Promise<readonly IncidentElsewhere[]>;
  /**
   * Makes an incident of this host a member of the other one, and resolves with the incident at the end of the chain of
   * causes, of whichever host. Undefined if that is the incident itself, or if one of them is not in the database: two
   * agents that do this at the same time cannot close a cycle.
   */
  joinElsewhere(memberId: string, causeId: string, evidence: EdgeEvidence): Promise<Incident | undefined>;
}
