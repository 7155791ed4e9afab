/** The interface of a receiver. Its folder exports one such record, which registry.ts lists. */
import { either, oneOf, type Setting, type SettingTable, type ValuesOf } from '../config/setting.ts';
import { SEVERITIES, type Severity } from '../domain/diagnosis.ts';
import type { PeopleAccess } from '../pipeline/ports/people.ts';
import type { Receiver } from '../pipeline/ports/receiver.ts';

export interface ReceiverModule<
  Table extends SettingTable = SettingTable,
  Settings extends ReceiverSettings = ReceiverSettings,
> {
  /** The key in the outbox, label value in metrics and name in /health. It must never change. */
  readonly name: string;
  /** The name to show to users. */
  readonly title: string;
  /** Its environment variables. They are added to the table of settings, and so to `--help` and the documentation. */
  readonly settings: Table;
  /** Undefined if the values do not configure this receiver. `refuse` reports a missing or unsuitable value. */
  configure(values: ValuesOf<Table>, refuse: RefuseSetting<Table>): Settings | undefined;
  create(settings: Settings, deps: ReceiverDeps): Omit<Receiver, 'name'>;
  /** Checks whether the receiver would accept messages, without sending one. Never rejects. */
  check(settings: Settings): Promise<CheckResult>;
}

/** Settings that all receivers have. */
export interface ReceiverSettings {
  /** Less severe alerts are not sent to this receiver. */
  readonly minSeverity: Severity;
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
  /** For receivers with buttons. Usable once the agent runs. */
  readonly people: PeopleAccess;
}

/** The page of an incident; undefined if PUBLIC_URL is not set. */
export function incidentUrl(publicUrl: string | undefined, incidentId: string): string | undefined {
  return publicUrl === undefined ? undefined : `${publicUrl}/incidents/${encodeURIComponent(incidentId)}`;
}

/** `detail` and `why` are shown to the user of `container-doctor check`. */
export type CheckResult = { readonly ok: true; readonly detail: string } | { readonly ok: false; readonly why: string };

/** The setting of a receiver's minimum severity. */
export function minSeveritySetting(title: string) {
  return {
    schema: oneOf(SEVERITIES),
    default: 'medium',
    allowed: either(SEVERITIES),
    about: `the lowest severity of alerts sent to ${title}`,
  } as const satisfies Setting;
}
