/** What may be set for each container: by its labels, by the policy file, or by default. */
import { SEVERITIES, type Severity } from '../../domain.ts';
import { NO_QUIET_HOURS, parseQuietHours, QUIET_HOURS_FORM, type QuietHours } from './quiet-hours.ts';

export const MODES = ['act', 'observe'] as const;
export const RESTARTS = ['auto', 'ask', 'never'] as const;

export interface Policy {
  readonly enable: boolean;
  /** `observe`: the whole loop, no action. */
  readonly mode: (typeof MODES)[number];
  readonly restart: (typeof RESTARTS)[number];
  /** Less severe incidents are recorded, not told. */
  readonly minSeverity: Severity;
  /** Seconds after a start in which signals open nothing. */
  readonly grace: number;
  readonly maxRestartsPerHour: number;
  /** Seconds that a restarted container without health check must stay up. */
  readonly verifyFor: number;
  readonly quietHours: QuietHours;
  /** Lines of log context that a diagnosis is given. */
  readonly logLines: number;
  /** RE2 patterns: what is always trouble, and what never is. */
  readonly detectMatch: readonly string[];
  readonly detectIgnore: readonly string[];
}
export type PolicyKey = keyof Policy;

/** What the policy file's schema is made from. */
export type Shape =
  | { readonly kind: 'flag' }
  | { readonly kind: 'choice'; readonly values: readonly string[] }
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  | { readonly kind: 'hours'; readonly form: RegExp }
  | { readonly kind: 'patterns' };

export interface PolicySetting<T> {
  /** As it is written, in the file and behind `container-doctor.` in a label. */
  readonly name: string;
  readonly shape: Shape;
  readonly allowed: string;
  readonly about: string;
  /** It limits what is done: a value of it that cannot be understood forbids restarts. */
  readonly limits: boolean;
  /** Reads a label; undefined for what is not allowed. */
  parse(text: string): T | undefined;
  show(value: T): string;
}

interface Told {
  readonly name: string;
  readonly about: string;
  readonly limits?: true;
}

const choice = <const V extends readonly string[]>(values: V, told: Told): PolicySetting<V[number]> => ({
  ...told,
  limits: told.limits ?? false,
  shape: { kind: 'choice', values },
  allowed: `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`,
  parse: (text) => values.find((value) => value === text.trim().toLowerCase()),
  show: String,
});

const integer = (min: number, max: number, told: Told): PolicySetting<number> => ({
  ...told,
  limits: told.limits ?? false,
  shape: { kind: 'integer', min, max },
  allowed: `a whole number, ${min} to ${max}`,
  parse(text) {
    if (!/^\s*\d{1,9}\s*$/.test(text)) return undefined;
    const number = Number(text);
    return number >= min && number <= max ? number : undefined;
  },
  show: String,
});

const patterns = (told: Told): PolicySetting<readonly string[]> => ({
  ...told,
  limits: false,
  shape: { kind: 'patterns' },
  allowed: 'RE2 patterns, one a line',
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
    about: 'false: the container is left alone, not even watched',
    limits: true,
    shape: { kind: 'flag' },
    allowed: 'true or false',
    parse: (text) => FLAGS[text.trim().toLowerCase()],
    show: String,
  },
  mode: choice(MODES, {
    name: 'mode',
    about: 'observe: everything but the restart, and what would have been done is recorded',
    limits: true,
  }),
  restart: choice(RESTARTS, {
    name: 'restart',
    about: 'auto: where diagnosis and facts allow it; ask: a person is told and decides; never',
    limits: true,
  }),
  minSeverity: choice(SEVERITIES, { name: 'min-severity', about: 'less severe incidents are recorded, not told' }),
  grace: integer(0, 3600, { name: 'grace', about: 'seconds after a start in which trouble opens no incident' }),
  maxRestartsPerHour: integer(0, 60, {
    name: 'max-restarts-per-hour',
    about: 'restarts in any rolling hour; 0 is never',
    limits: true,
  }),
  verifyFor: integer(1, 3600, {
    name: 'verify-for',
    about: 'seconds that a restarted container without health check must stay up to count as recovered',
  }),
  quietHours: {
    name: 'quiet-hours',
    about: 'times of the day in which nothing is restarted; people are told all the same',
    limits: true,
    shape: { kind: 'hours', form: QUIET_HOURS_FORM },
    allowed: 'times with a time zone (UTC where none is named), as in 22:00-07:00 Europe/Berlin, or none',
    parse: parseQuietHours,
    show: (hours) => hours.text,
  },
  logLines: integer(1, 1000, { name: 'log-lines', about: 'lines of log context that a diagnosis is given' }),
  detectMatch: patterns({ name: 'detect.match', about: 'a record that one of them finds is always trouble' }),
  detectIgnore: patterns({ name: 'detect.ignore', about: 'a record that one of them finds is never trouble' }),
};

export const POLICY_KEYS = Object.keys(POLICY_SETTINGS) as PolicyKey[];

/** What holds where nobody said anything else; the agent's own settings give the numbers. */
export function defaultPolicy(
  settings: Pick<Policy, 'minSeverity' | 'maxRestartsPerHour' | 'verifyFor' | 'logLines'>,
): Policy {
  return {
    enable: true,
    mode: 'act',
    restart: 'auto',
    grace: 0,
    quietHours: NO_QUIET_HOURS,
    detectMatch: [],
    detectIgnore: [],
    ...settings,
  };
}
