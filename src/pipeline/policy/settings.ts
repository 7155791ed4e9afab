/** The settings of each container: by its labels, by the policy file, or by default. */
import { SEVERITIES, type Severity } from '../../domain/diagnosis.ts';
import { NO_QUIET_HOURS, parseQuietHours, QUIET_HOURS_FORM, type QuietHours } from './quiet-hours.ts';

export const MODES = ['act', 'observe'] as const;
export const RESTARTS = ['auto', 'ask', 'never'] as const;

export interface Policy {
  readonly enable: boolean;
  /** `observe`: everything but restarts. */
  readonly mode: (typeof MODES)[number];
  readonly restart: (typeof RESTARTS)[number];
  /** Less severe incidents are recorded without an alert. */
  readonly minSeverity: Severity;
  /** Seconds after a start in which signals open no incident. */
  readonly grace: number;
  readonly maxRestartsPerHour: number;
  /** Seconds that a restarted container without a health check must run to count as recovered. */
  readonly verifyFor: number;
  readonly quietHours: QuietHours;
  /** Log lines that a diagnosis gets as context. */
  readonly logLines: number;
  /** RE2 patterns: records that always are errors, and records that never are. */
  readonly detectMatch: readonly string[];
  readonly detectIgnore: readonly string[];
}
export type PolicyKey = keyof Policy;

/** The policy file's schema is generated from it. */
type Shape =
  | { readonly kind: 'flag' }
  | { readonly kind: 'choice'; readonly values: readonly string[] }
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  | { readonly kind: 'hours'; readonly form: RegExp }
  | { readonly kind: 'patterns' };

export interface PolicySetting<T> {
  /** In the file, and after `container-doctor.` in a label. */
  readonly name: string;
  readonly shape: Shape;
  readonly allowed: string;
  readonly about: string;
  /** It can limit restarts: an invalid value forbids them. */
  readonly limits: boolean;
  /** Reads a label; undefined if the value is invalid. */
  parse(text: string): T | undefined;
  show(value: T): string;
}

interface SettingInfo {
  readonly name: string;
  readonly about: string;
  readonly limits?: true;
}

const choice = <const V extends readonly string[]>(values: V, info: SettingInfo): PolicySetting<V[number]> => ({
  ...info,
  limits: info.limits ?? false,
  shape: { kind: 'choice', values },
  allowed: `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`,
  parse: (text) => values.find((value) => value === text.trim().toLowerCase()),
  show: String,
});

const integer = (min: number, max: number, info: SettingInfo): PolicySetting<number> => ({
  ...info,
  limits: info.limits ?? false,
  shape: { kind: 'integer', min, max },
  allowed: `a whole number, ${min} to ${max}`,
  parse(text) {
    if (!/^\s*\d{1,9}\s*$/.test(text)) return undefined;
    const number = Number(text);
    return number >= min && number <= max ? number : undefined;
  },
  show: String,
});

const patterns = (info: SettingInfo): PolicySetting<readonly string[]> => ({
  ...info,
  limits: false,
  shape: { kind: 'patterns' },
  allowed: 'RE2 patterns, one per line',
  parse: (text) => text.split('\n').filter((line) => line.trim() !== ''),
  show: (lines) => (lines.length === 0 ? 'none' : lines.map((line) => JSON.stringify(line)).join(', ')),
});

const FLAGS: Readonly<Record<string, boolean>> = {
  true: true,
  '1': true,
  yes: true,
  on: true,
  false: false,
  '0': false,
  no: false,
  off: false,
};

export const POLICY_SETTINGS: { readonly [K in PolicyKey]: PolicySetting<Policy[K]> } = {
  enable: {
    name: 'enable',
    about: 'false: the container is not watched',
    limits: true,
    shape: { kind: 'flag' },
    allowed: 'true or false',
    parse: (text) => FLAGS[text.trim().toLowerCase()],
    show: String,
  },
  mode: choice(MODES, {
    name: 'mode',
    about: 'observe: everything but restarts; records what would have been restarted',
    limits: true,
  }),
  restart: choice(RESTARTS, {
    name: 'restart',
    about: 'auto: if diagnosis and facts allow it; ask: a person is notified and decides; never',
    limits: true,
  }),
  minSeverity: choice(SEVERITIES, {
    name: 'min-severity',
    about: 'less severe incidents are recorded without an alert',
  }),
  grace: integer(0, 3600, { name: 'grace', about: 'seconds after a start in which problems open no incident' }),
  maxRestartsPerHour: integer(0, 60, {
    name: 'max-restarts-per-hour',
    about: 'the most restarts in any 60 minutes; 0: never',
    limits: true,
  }),
  verifyFor: integer(1, 3600, {
    name: 'verify-for',
    about: 'seconds that a restarted container without a health check must run to count as recovered',
  }),
  quietHours: {
    name: 'quiet-hours',
    about: 'times of day without restarts; alerts are still sent',
    limits: true,
    shape: { kind: 'hours', form: QUIET_HOURS_FORM },
    allowed: 'times such as 22:00-07:00 Europe/Berlin (UTC if no time zone is given), or none',
    parse: parseQuietHours,
    show: (hours) => hours.text,
  },
  logLines: integer(1, 1000, { name: 'log-lines', about: 'log lines that a diagnosis gets as context' }),
  detectMatch: patterns({ name: 'detect.match', about: 'a record that matches one of them is always an error' }),
  detectIgnore: patterns({ name: 'detect.ignore', about: 'a record that matches one of them is never an error' }),
};

export const POLICY_KEYS = Object.keys(POLICY_SETTINGS) as PolicyKey[];

/** `settings`: the defaults that the agent's own settings determine. */
export function defaultPolicy(
  settings: Pick<Policy, 'restart' | 'minSeverity' | 'maxRestartsPerHour' | 'verifyFor' | 'logLines'>,
): Policy {
  return {
    enable: true,
    mode: 'act',
    grace: 0,
    quietHours: NO_QUIET_HOURS,
    detectMatch: [],
    detectIgnore: [],
    ...settings,
  };
}
