/** What the folder of a receiver exports: one record, listed in registry.ts. */
import { either, oneOf, type Setting, type SettingTable, type ValuesOf } from '../config/setting.ts';
import { SEVERITIES, type Severity } from '../domain.ts';
import type { Receiver } from '../pipeline/ports.ts';

export interface ReceiverModule<
  Table extends SettingTable = SettingTable,
  Settings extends ReceiverSettings = ReceiverSettings,
> {
  /** Key in the outbox, label value in metrics, name in /health. It never changes. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** Its environment variables. They become part of the table of settings, and so of `--help` and the documentation. */
  readonly settings: Table;
  /** Undefined if the values do not configure this receiver. `refuse` reports a value that is missing or does not fit. */
  configure(values: ValuesOf<Table>, refuse: RefuseSetting<Table>): Settings | undefined;
  create(settings: Settings, deps: ReceiverDeps): Omit<Receiver, 'name'>;
  /** Whether the receiver would accept messages. Sends none. Never rejects. */
  check(settings: Settings): Promise<CheckResult>;
}

/** Common to all receivers. */
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
  /** For one request to the service, in real time. Each receiver has its own default. */
  readonly timeoutMs?: number;
}

/** In words for the person who runs `container-doctor check`. */
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
