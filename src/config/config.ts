/**
 * The settings: one table, from the environment to a frozen Config. The only reader of environment
 * variables beside the OpenTelemetry set-up.
 */
import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { DIAGNOSE_WITH, type DiagnoseWith, SEVERITIES } from '../domain.ts';
import { isLoopback } from '../lib/loopback.ts';
import type { ReceiverModule } from '../notifiers/receiver-module.ts';
import { type ConfiguredReceiver, configureReceivers, RECEIVER_SETTINGS, settingsOf } from '../notifiers/registry.ts';
import type { Rule } from '../pipeline/policy/resolve.ts';
import { defaultPolicy, type Policy } from '../pipeline/policy/settings.ts';
import { parsePolicyFile } from './policy/file.ts';
import {
  decimal,
  flag,
  httpUrl,
  integer,
  oneOf,
  type Setting,
  type SettingTable,
  text,
  token,
  url,
} from './setting.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

const blankIsUnset = (value: unknown) => (typeof value === 'string' && value.trim() === '' ? undefined : value);
const setting = <T extends Setting>(described: T): T => described;

/** Every setting with its default, what is allowed, and what it is for. `--help` and the README's table follow it. */
export const SETTINGS = {
  TARGET_CONTAINERS: setting({
    schema: text().regex(/^[\w.*?\-\s,/]*$/),
    default: '',
    allowed: 'container names or globs (* and ?), comma separated; empty for all',
    about: 'which containers are watched',
  }),
  CHECK_INTERVAL: setting({
    schema: integer(1, 3600),
    default: '10',
    allowed: 'whole seconds, 1 to 3600',
    about: 'seconds between reconciliations with the engine (detection itself is driven by streams)',
  }),
  LOG_LINES: setting({
    schema: integer(1, 1000),
    default: '50',
    allowed: 'a whole number, 1 to 1000',
    about: 'lines of log context that a diagnosis is given',
  }),
  AUTO_FIX: setting({
    schema: flag(),
    default: 'false',
    allowed: 'true or false',
    about: 'restart containers where it is safe; false only says what it would have done',
  }),
  ANTHROPIC_API_KEY: setting({
    schema: token(),
    allowed: 'an API key, or unset for the built-in rules alone',
    about: 'key for Claude',
    secret: true,
  }),
  ANTHROPIC_BASE_URL: setting({
    schema: httpUrl(),
    allowed: 'an http or https URL',
    about: 'where the API is, if not at its usual place',
  }),
  CLAUDE_MODEL: setting({
    schema: text().regex(/^[\w.:@/-]+$/),
    default: 'claude-haiku-5-5',
    allowed: 'a model name',
    about: 'the model that is asked first',
  }),
  CLAUDE_STRONG_MODEL: setting({
    schema: text().regex(/^[\w.:@/-]+$/),
    default: 'claude-sonnet-5-5',
    allowed: 'a model name',
    about: 'asked again where the first is unsure or a restart did not help',
  }),
  DIAGNOSE_WITH: setting({
    schema: oneOf(DIAGNOSE_WITH),
    default: 'claude-first',
    allowed: DIAGNOSE_WITH.join(', '),
    about: 'who diagnoses: Claude, or the built-in rules where the case is plain, or the rules alone',
  }),
  MAX_DIAGNOSES_PER_HOUR: setting({
    schema: integer(0, 10_000),
    default: '20',
    allowed: 'a whole number, 0 to 10000',
    about: 'diagnoses by Claude in any rolling hour',
  }),
  MAX_SPEND_PER_DAY: setting({
    schema: decimal(0, 100_000),
    default: '1.00',
    allowed: 'US dollars, 0 to 100000',
    about: 'spend on Claude in any rolling 24 hours',
  }),
  MAX_RESTARTS_PER_HOUR: setting({
    schema: integer(0, 60),
    default: '3',
    allowed: 'a whole number, 0 to 60',
    about: 'restarts per container in any rolling hour',
  }),
  ...RECEIVER_SETTINGS,
  HOST: setting({
    schema: text().regex(/^[\w.:[\]-]+$/),
    default: '127.0.0.1',
    allowed: 'a host name or IP address to listen on',
    about: 'address of /health, /history and /metrics',
  }),
  PORT: setting({
    schema: integer(0, 65_535),
    default: '8080',
    allowed: 'a port, 0 to 65535 (0: any free one)',
    about: 'port of the same',
  }),
  HTTP_TOKEN: setting({
    schema: token(),
    allowed: 'printable ASCII without spaces',
    about: 'with it, everything but a bare liveness answer wants "Authorization: Bearer"',
    secret: true,
  }),
  DATA_DIR: setting({
    schema: text(),
    default: './data',
    allowed: 'a directory',
    about: 'where the agent keeps what it knows',
  }),
  DATABASE_URL: setting({
    schema: text().refine((s) => url('postgres:', 'postgresql:').safeParse(s).success),
    allowed: 'postgres://user:password@host/database',
    about: 'a PostgreSQL database, which a fleet may share, instead of the file in DATA_DIR',
    secret: true,
  }),
  AGENT_NAME: setting({
    schema: text().regex(/^[\w.:-]{1,100}$/),
    allowed: 'up to 100 letters, digits and the characters . _ : -; required with DATABASE_URL, and unique in it',
    about: "the name of this agent: alerts name it as the host (unset: the engine's host name)",
  }),
  RETENTION_DAYS: setting({
    schema: integer(1, 3650),
    default: '90',
    allowed: 'whole days, 1 to 3650',
    about: 'how long resolved incidents, restarts and requests to Claude are remembered',
  }),
  RETENTION_INCIDENTS: setting({
    schema: integer(100, 1_000_000),
    default: '10000',
    allowed: 'a whole number, 100 to 1000000',
    about: 'how many resolved incidents are remembered at most',
  }),
  LOG_LEVEL: setting({
    schema: oneOf(LOG_LEVELS),
    default: 'info',
    allowed: LOG_LEVELS.join(', '),
    about: "the agent's own log",
  }),
  DOCKER_HOST: setting({
    schema: text().refine((s) => /^unix:\/\/\/.+/.test(s) || url('tcp:', 'http:', 'https:').safeParse(s).success),
    allowed: 'unix:///path, tcp://host:port, http(s)://host:port',
    about: "the engine; unset: Docker's usual socket",
  }),
  DOCKER_TLS_VERIFY: setting({
    schema: text().transform((s) => s !== '0' && s.toLowerCase() !== 'false'),
    allowed: '1 or unset, as Docker has it',
    about: "verify the engine's certificate",
  }),
  DOCKER_CERT_PATH: setting({
    schema: text(),
    allowed: 'a directory with ca.pem, cert.pem and key.pem',
    about: 'certificates for the engine',
  }),
  CONFIG_FILE: setting({
    schema: text(),
    allowed: 'a policy file in YAML (docs/policy.md), or unset',
    about: 'which containers may be restarted and how each is watched; read again when it changes and on SIGHUP',
  }),
  VERIFY_STABLE_SECONDS: setting({
    schema: integer(1, 3600),
    default: '30',
    allowed: 'whole seconds, 1 to 3600',
    about: 'how long a restarted container without health check must stay up to count as recovered',
  }),
  VERIFY_DEADLINE_SECONDS: setting({
    schema: integer(1, 7200),
    default: '120',
    allowed: 'whole seconds, 1 to 7200, not less than VERIFY_STABLE_SECONDS',
    about: 'how long a restarted container may take to recover',
  }),
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;

export interface Config {
  readonly targets: string;
  readonly checkIntervalMs: number;
  readonly logLines: number;
  readonly diagnoseWith: DiagnoseWith;
  readonly autoFix: boolean;
  readonly anthropic: {
    readonly apiKey?: string;
    readonly baseURL?: string;
    readonly model: string;
    readonly strongModel: string;
  };
  readonly limits: {
    readonly diagnosesPerHour: number;
    readonly spendPerDayUsd: number;
    readonly restartsPerHour: number;
  };
  /** At least one: the console if no other is configured. */
  readonly receivers: readonly ConfiguredReceiver[];
  readonly http: { readonly host: string; readonly port: number; readonly token?: string };
  /** Named in alerts as the host; absent: the engine's host name. */
  readonly agentName?: string;
  readonly dataDir: string;
  /** Absent: the store is a file in `dataDir`. */
  readonly database?: { readonly url: string; readonly agent: string };
  readonly retention: { readonly days: number; readonly incidents: number };
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly docker: { readonly host?: string; readonly tlsVerify: boolean; readonly certPath?: string };
  readonly verify: { readonly stableForMs: number; readonly deadlineMs: number };
  /** `rules`: as the file had them when the settings were read. */
  readonly policy: { readonly path?: string; readonly rules: readonly Rule[] };
  /** The values of all secret settings: they must not appear in the agent's own log. */
  readonly secrets: readonly string[];
}

export interface SettingProblem {
  readonly name: string;
  /** `(hidden)` for secrets. */
  readonly value: string;
  readonly allowed: string;
  /** What is wrong, where that is more than a value that is not allowed. */
  readonly what?: string;
}

export type LoadedConfig =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly SettingProblem[] };

/** Reads every setting and reports every problem at once. Never throws. */
export function loadConfig(
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string = (path) => readFileSync(path, 'utf8'),
  /** Receivers besides those of the registry. */
  moreReceivers: readonly ReceiverModule[] = [],
): LoadedConfig {
  const problems: SettingProblem[] = [];
  const values: Record<string, unknown> = {};
  const settings: SettingTable = { ...SETTINGS, ...settingsOf(moreReceivers) };

  for (const [name, entry] of Object.entries(settings)) {
    const raw = entry.secret ? readSecret(name, env, readFile, problems) : blankIsUnset(env[name]);
    const given = raw ?? entry.default;
    if (given === undefined) continue;
    const parsed = entry.schema.safeParse(given);
    if (parsed.success) values[name] = parsed.data;
    else problems.push({ name, value: entry.secret ? '(hidden)' : String(given), allowed: entry.allowed });
  }

  const v = values as { [K in SettingName]: z.infer<(typeof SETTINGS)[K]['schema']> };
  if (v.VERIFY_DEADLINE_SECONDS < v.VERIFY_STABLE_SECONDS) {
    problems.push({
      name: 'VERIFY_DEADLINE_SECONDS',
      value: String(v.VERIFY_DEADLINE_SECONDS),
      allowed: SETTINGS.VERIFY_DEADLINE_SECONDS.allowed,
    });
  }
  if (v.DATABASE_URL !== undefined && v.AGENT_NAME === undefined) {
    // The host name would do, but in a container it is another one each time.
    problems.push({ name: 'AGENT_NAME', value: '', allowed: SETTINGS.AGENT_NAME.allowed });
  }
  if (v.DOCKER_TLS_VERIFY && v.DOCKER_HOST?.startsWith('unix:')) {
    problems.push({ name: 'DOCKER_TLS_VERIFY', value: '1', allowed: 'only with a tcp:// or https:// DOCKER_HOST' });
  }
  const refuse = (name: string, what: string): void => {
    const entry = settings[name];
    problems.push({ name, value: entry?.secret ? '(hidden)' : (env[name] ?? ''), allowed: entry?.allowed ?? '', what });
  };
  const receivers = configureReceivers(v, refuse, moreReceivers);
  const rules = v.CONFIG_FILE === undefined ? [] : readPolicy(v.CONFIG_FILE, readFile, problems);
  if (problems.length > 0) return { ok: false, problems };

  const config: Config = {
    targets: v.TARGET_CONTAINERS,
    checkIntervalMs: v.CHECK_INTERVAL * 1000,
    logLines: v.LOG_LINES,
    diagnoseWith: v.DIAGNOSE_WITH,
    autoFix: v.AUTO_FIX,
    anthropic: {
      apiKey: v.ANTHROPIC_API_KEY,
      baseURL: v.ANTHROPIC_BASE_URL,
      model: v.CLAUDE_MODEL,
      strongModel: v.CLAUDE_STRONG_MODEL,
    },
    limits: {
      diagnosesPerHour: v.MAX_DIAGNOSES_PER_HOUR,
      spendPerDayUsd: v.MAX_SPEND_PER_DAY,
      restartsPerHour: v.MAX_RESTARTS_PER_HOUR,
    },
    receivers,
    secrets: secretsOf(values, settings),
    http: { host: v.HOST, port: v.PORT, token: v.HTTP_TOKEN },
    agentName: v.AGENT_NAME,
    dataDir: v.DATA_DIR,
    ...(v.DATABASE_URL !== undefined && { database: { url: v.DATABASE_URL, agent: v.AGENT_NAME } }),
    retention: { days: v.RETENTION_DAYS, incidents: v.RETENTION_INCIDENTS },
    logLevel: v.LOG_LEVEL,
    docker: { host: v.DOCKER_HOST, tlsVerify: v.DOCKER_TLS_VERIFY ?? false, certPath: v.DOCKER_CERT_PATH },
    verify: { stableForMs: v.VERIFY_STABLE_SECONDS * 1000, deadlineMs: v.VERIFY_DEADLINE_SECONDS * 1000 },
    policy: { path: v.CONFIG_FILE, rules },
  };
  return { ok: true, config: deepFreeze(config), warnings: warningsOf(config) };
}

/** The key for Claude; undefined where there is none, or where it is never asked. */
export function claudeKey({ anthropic, diagnoseWith }: Config): string | undefined {
  return diagnoseWith === 'rules-only' ? undefined : anthropic.apiKey;
}

/** Where the store is to be. */
export function storePlace({
  database,
  dataDir,
}: Config): { dataDir: string } | { databaseUrl: string; agent: string } {
  return database === undefined ? { dataDir } : { databaseUrl: database.url, agent: database.agent };
}

/** The policy of a container that no rule and no label says anything about. */
export function policyDefaults(config: Config): Policy {
  return defaultPolicy({
    // An alert that no receiver takes is not made.
    minSeverity: SEVERITIES.find((severity) => config.receivers.some((each) => each.minSeverity === severity)) ?? 'low',
    maxRestartsPerHour: config.limits.restartsPerHour,
    verifyFor: config.verify.stableForMs / 1000,
    logLines: config.logLines,
  });
}

function secretsOf(values: Readonly<Record<string, unknown>>, settings: SettingTable): string[] {
  return Object.entries(values).flatMap(([name, value]) =>
    settings[name]?.secret && typeof value === 'string' ? [value] : [],
  );
}

/** One line a problem, ready to print. */
export function formatProblem(problem: SettingProblem): string {
  if (problem.what !== undefined) return `${problem.name}=${problem.value}: ${problem.what}`;
  return `${problem.name}=${problem.value}: allowed is ${problem.allowed}`;
}

function readSecret(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
  problems: SettingProblem[],
): unknown {
  const direct = blankIsUnset(env[name]);
  const path = blankIsUnset(env[`${name}_FILE`]) as string | undefined;
  if (path === undefined) return direct;
  if (direct !== undefined) {
    problems.push({ name: `${name}_FILE`, value: path, allowed: `one of ${name} and ${name}_FILE, not both` });
    return undefined;
  }
  try {
    return blankIsUnset(readFile(path));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    problems.push({ name: `${name}_FILE`, value: path, allowed: `a readable file (${code})` });
    return undefined;
  }
}

function readPolicy(path: string, readFile: (path: string) => string, problems: SettingProblem[]): readonly Rule[] {
  const refuse = (what: string): void => {
    problems.push({ name: 'CONFIG_FILE', value: path, allowed: SETTINGS.CONFIG_FILE.allowed, what });
  };
  let written: string;
  try {
    written = readFile(path);
  } catch (error) {
    refuse(`the file cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unreadable'})`);
    return [];
  }
  const file = parsePolicyFile(written);
  if (file.ok) return file.rules;
  for (const { line, what } of file.problems) refuse(`line ${line}: ${what}`);
  return [];
}

function warningsOf(config: Config): string[] {
  const warnings: string[] = [];
  if (!isLoopback(config.http.host) && config.http.token === undefined) {
    warnings.push(
      `HOST=${config.http.host} is reachable from elsewhere and HTTP_TOKEN is not set: anyone there can read /history`,
    );
  }
  return warnings;
}

function deepFreeze<T extends object>(value: T): T {
  for (const child of Object.values(value)) if (typeof child === 'object' && child !== null) deepFreeze(child);
  return Object.freeze(value);
}
