/** The interface of a receiver. Its folder exports one such record, which registry.ts lists. */
import { either, oneOf, type Setting, type SettingTable, text, type ValuesOf } from '../config/setting.ts';
import { SEVERITIES, type Severity } from '../domain/diagnosis.ts';
import type { Incident } from '../domain/incident.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../lib/time.ts';
import { FILTER_FORM, type Filter, parseFilter } from '../pipeline/policy/filter.ts';
import type { SharedClicks } from '../pipeline/ports/fleet.ts';
import type { PeopleAccess } from '../pipeline/ports/people.ts';
import type { Receiver } from '../pipeline/ports/receiver.ts';

/** What a module creates. The registry adds what it knows from the module itself. */
export type ReceiverParts = Omit<Receiver, 'name' | 'follows' | 'groups' | 'takesAnswers'>;

export interface ReceiverModule<
  Table extends SettingTable = SettingTable,
  Settings extends ReceiverSettings = ReceiverSettings,
> {
  /** The key in the outbox, label value in metrics and name in /health. It must never change. */
  readonly name: string;
  /** The name to show to users. */
  readonly title: string;
  /** See Receiver. */
  readonly follows?: true;
  /** See Receiver. */
  readonly groups?: true;
  /** Its environment variables. They are added to the table of settings, and so to `--help` and the documentation. */
  readonly settings: Table;
  /** Undefined if the values do not configure this receiver. `refuse` reports a missing or unsuitable value. */
  configure(values: ValuesOf<Table>, refuse: RefuseSetting<Table>): Settings | undefined;
  /** Whether people can answer waiting restarts through it. Absent: they cannot. */
  takesAnswers?(settings: Settings): boolean;
  create(settings: Settings, deps: ReceiverDeps): ReceiverParts;
  /** Checks whether the receiver would accept messages, without sending one. Never rejects. */
  check(settings: Settings): Promise<CheckResult>;
}

/** Settings that all receivers have. */
export interface ReceiverSettings {
  /** Less severe alerts are not sent to this receiver. */
  readonly minSeverity: Severity;
  /** The containers whose alerts are sent to it. Absent: all. */
  readonly only?: Filter;
}

export type RefuseSetting<Table extends SettingTable = SettingTable> = (
  name: keyof Table & string,
  what: string,
) => void;

export interface ReceiverDeps {
  /** Writes to the agent's own log. */
  print(text: string): void;
  now(): number;
  /** Timeout of one request to the service, in real time. Each receiver has its own default. */
  readonly timeoutMs?: number;
  /** PUBLIC_URL: where people reach the pages of the agent, without a slash at the end. */
  readonly publicUrl?: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly memory: IncidentMemory;
  /** For receivers with buttons. Usable once the agent runs. */
  readonly people: PeopleAccess;
  /** Absent: no other agent shares the database. */
  readonly sharedClicks?: SharedClicks;
}

/** The page of an incident; undefined if PUBLIC_URL is not set. */
export function incidentUrl(publicUrl: string | undefined, incidentId: string): string | undefined {
  return publicUrl === undefined ? undefined : `${publicUrl}/incidents/${encodeURIComponent(incidentId)}`;
}

/** What one receiver keeps, for example where its message about an incident is. Survives a restart of the agent. */
export interface IncidentMemory {
  recall(incidentId: string): Promise<string | undefined>;
  /** Replaces what was remembered for the incident. */
  remember(incident: Incident, value: string): Promise<void>;
  /** A text that belongs to no incident. */
  recallNote(name: string): Promise<string | undefined>;
  rememberNote(name: string, value: string): Promise<void>;
  /**
   * The newest value for an earlier incident of the same problem, unless that one was resolved before `since`. Finds
   * the thread of a problem that returns.
   */
  recallEarlier(
    incident: Incident,
    since: number,
  ): Promise<{ readonly incidentId: string; readonly value: string } | undefined>;
  /** The values for all incidents whose end the receiver does not know yet. */
  recallOpen(): Promise<readonly { readonly incidentId: string; readonly value: string }[]>;
}

/** `detail` and `why` are shown to the user of `container-doctor check`. */
export type CheckResult =
  | {
      readonly ok: true;
      readonly detail: string;
      /** It works, but something should be corrected. */
      readonly warnings?: readonly string[];
    }
  | { readonly ok: false; readonly why: string };

/** The setting of a receiver's filter. */
export function onlySetting(title: string) {
  return {
    schema: text()
      .transform(parseFilter)
      .refine((filter) => filter !== undefined),
    allowed: FILTER_FORM,
    about: `the containers or compose projects whose alerts are sent to ${title}; unset: all`,
  } as const satisfies Setting;
}

/** The setting of a receiver's minimum severity. */
export function minSeveritySetting(title: string) {
  return {
    schema: oneOf(SEVERITIES),
    default: 'medium',
    allowed: either(SEVERITIES),
    about: `the lowest severity of alerts sent to ${title}`,
  } as const satisfies Setting;
}
