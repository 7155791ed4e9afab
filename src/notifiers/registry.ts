/** All receivers. To add one, add its folder and an entry in RECEIVERS. */
import { createHash } from 'node:crypto';
import type { SettingTable } from '../config/setting.ts';
import type { Severity } from '../domain/diagnosis.ts';
import type { Filter } from '../pipeline/policy/filter.ts';
import type { Receiver } from '../pipeline/ports/receiver.ts';
import type { ReceiverMemory } from '../pipeline/ports/store.ts';
import { alertmanager } from './alertmanager/alertmanager.ts';
import { apprise } from './apprise/apprise.ts';
import { consoleReceiver } from './console/console.ts';
import type {
  CheckResult,
  IncidentMemory,
  ReceiverDeps,
  ReceiverModule,
  ReceiverSettings,
  RefuseSetting,
} from './receiver-module.ts';
import { slack } from './slack/slack.ts';
import { slackApp } from './slack-app/slack-app.ts';
import { webhook } from './webhook/webhook.ts';

const RECEIVERS = [slack, slackApp, alertmanager, apprise, webhook] as const;

/** Used if no other receiver is configured. */
const FALLBACK = consoleReceiver;

/** The names of all receivers: the closed list of a metric label. */
export const RECEIVER_NAMES: readonly string[] = [...RECEIVERS, FALLBACK].map(({ name }) => name);

/** The settings of all receivers. */
export const RECEIVER_SETTINGS = settingsOf(RECEIVERS) as Intersection<(typeof RECEIVERS)[number]['settings']>;

type Intersection<Union> = (Union extends unknown ? (each: Union) => void : never) extends (all: infer All) => void
  ? All
  : never;

/** What all receivers get. */
export interface SharedDeps extends Omit<ReceiverDeps, 'memory'> {
  readonly memory: ReceiverMemory;
}

/** A receiver together with its settings. */
export interface ConfiguredReceiver extends Pick<ReceiverModule, 'name' | 'title' | 'groups'> {
  readonly minSeverity: Severity;
  readonly only?: Filter;
  /**
   * Equal for agents whose receiver has equal settings: their messages reach the same people. Absent if each agent must
   * send its own. It does not reveal the settings.
   */
  readonly destination?: string;
  /** Whether people can answer waiting restarts through it. */
  readonly takesAnswers: boolean;
  create(deps: SharedDeps): Receiver;
  check(): Promise<CheckResult>;
}

/**
 * Returns the receivers that the parsed settings configure, at least one. `moreModules` are outside the registry.
 *
 * The console has no setting for its minimum severity: SLACK_MIN_SEVERITY has always applied to it too.
 */
export function configureReceivers(
  values: Readonly<Record<string, unknown>> & { readonly SLACK_MIN_SEVERITY: Severity },
  refuse: RefuseSetting,
  moreModules: readonly ReceiverModule[] = [],
): readonly ConfiguredReceiver[] {
  const modules: readonly ReceiverModule[] = RECEIVERS;
  const configured = [...modules, ...moreModules].flatMap((module) => {
    const settings = module.configure(values, refuse);
    return settings === undefined ? [] : [withSettings(module, settings)];
  });
  return configured.length > 0 ? configured : [withSettings(FALLBACK, { minSeverity: values.SLACK_MIN_SEVERITY })];
}

export function settingsOf(modules: readonly ReceiverModule[]): SettingTable {
  return Object.assign({}, ...modules.map(({ settings }) => settings));
}

function withSettings<Settings extends ReceiverSettings>(
  module: Pick<
    ReceiverModule<SettingTable, Settings>,
    'name' | 'title' | 'follows' | 'groups' | 'takesAnswers' | 'create' | 'check'
  >,
  settings: Settings,
): ConfiguredReceiver {
  const takesAnswers = module.takesAnswers?.(settings) ?? false;
  return {
    name: module.name,
    title: module.title,
    minSeverity: settings.minSeverity,
    takesAnswers,
    ...(module.groups && { groups: module.groups }),
    ...(settings.only && { only: settings.only }),
    ...(module.name !== FALLBACK.name && !module.groups && { destination: destinationOf(module.name, settings) }),
    create: (deps) => ({
      name: module.name,
      ...(module.follows && { follows: module.follows }),
      ...(module.groups && { groups: module.groups }),
      ...(takesAnswers && { takesAnswers }),
      ...module.create(settings, { ...deps, memory: memoryOf(module.name, deps.memory) }),
    }),
    check: () => module.check(settings),
  };
}

function destinationOf(name: string, settings: ReceiverSettings): string {
  return createHash('sha256')
    .update(JSON.stringify([name, settings]))
    .digest('hex')
    .slice(0, 12);
}

function memoryOf(receiver: string, memory: ReceiverMemory): IncidentMemory {
  return {
    recall: (incidentId) => memory.recall(receiver, incidentId),
    remember: (incident, value) => memory.remember(receiver, incident, value),
    recallNote: (name) => memory.recallNote(receiver, name),
    rememberNote: (name, value) => memory.rememberNote(receiver, name, value),
    recallEarlier: (incident, since) => memory.recallEarlier(receiver, incident, since),
    recallOpen: () => memory.recallOpen(receiver),
  };
}
