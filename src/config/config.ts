/** The agent's configuration: the parsed settings, in the units and groups that the program uses. */
import path from 'node:path';
import { type DiagnoseWith, type LocalModelMayRestart, SEVERITIES } from '../domain/diagnosis.ts';
import { isLoopback } from '../lib/loopback.ts';
import type { ConfiguredReceiver } from '../notifiers/registry.ts';
import type { Rule } from '../pipeline/policy/resolve.ts';
import { defaultPolicy, type Policy } from '../pipeline/policy/settings.ts';
import type { SettingValues } from './settings.ts';

export interface Config {
  /** The value of `TARGET_CONTAINERS`. */
  readonly targets: string;
  readonly checkIntervalMs: number;
  readonly logLines: number;
  readonly diagnoseWith: DiagnoseWith;
  readonly autoFix: boolean;
  /** A person must approve each restart, unless the policy of the container says otherwise. */
  readonly askFirst: boolean;
  readonly anthropic: {
    readonly apiKey?: string;
    readonly baseURL?: string;
    readonly model: string;
    readonly strongModel: string;
  };
  /** Absent if none is configured. */
  readonly localModel?: {
    readonly url: string;
    readonly model: string;
    readonly api: SettingValues['LOCAL_MODEL_API'];
    readonly key?: string;
    readonly timeoutMs: number;
    readonly mayRestart: LocalModelMayRestart;
  };
  readonly limits: {
    readonly diagnosesPerHour: number;
    readonly spendPerDayUsd: number;
    readonly restartsPerHour: number;
    readonly restartsPerHourHost: number;
  };
  /** Of all hosts that share the database together. */
  readonly fleetLimits: {
    readonly restartsPerHour: number;
    readonly diagnosesPerHour: number;
    readonly spendPerDayUsd: number;
  };
  /** At least one: if no other is configured, the console. */
  readonly receivers: readonly ConfiguredReceiver[];
  /** To one receiver; more become one summary. */
  readonly maxAlertsPerMinute: number;
  /** When the daily digest is sent. Absent: never. */
  readonly digest?: DigestTime;
  readonly http: {
    readonly host: string;
    readonly port: number;
    readonly publishedOn?: string;
    readonly allowedHosts: readonly string[];
    readonly token?: string;
  };
  /** PUBLIC_URL, without a slash at the end. */
  readonly publicUrl?: string;
  /** With `{trace_id}`. */
  readonly traceUrl?: string;
  readonly grafanaUrl?: string;
  /** The host in alerts. Absent: the engine's host name is used. */
  readonly agentName?: string;
  /** HOST_ADDRESSES, lower case. */
  readonly hostAddresses: readonly string[];
  /** METRICS_ADDRESS. */
  readonly metricsAddress?: { readonly host: string; readonly port?: number };
  readonly dataDir: string;
  /** Absent: the store is a file in `dataDir`. */
  readonly database?: { readonly url: string; readonly agent: string };
  readonly retention: { readonly days: number; readonly incidents: number };
  readonly redactPersonal: boolean;
  readonly logLevel: SettingValues['LOG_LEVEL'];
  readonly docker: {
    readonly host?: string;
    readonly tlsVerify: boolean;
    readonly certPath?: string;
    readonly context?: string;
    readonly configDir?: string;
  } & UserDirectories;
  readonly verify: { readonly stableForMs: number; readonly deadlineMs: number };
  /** `rules`: the content of the policy file when the agent started. */
  readonly policy: { readonly path?: string; readonly rules: readonly Rule[] };
  /** The values of all secret settings. They must not appear in the agent's own log. */
  readonly secrets: readonly string[];
}

export interface DigestTime {
  /** Of the local day. */
  readonly minute: number;
  readonly zone: string;
}

/**
 * The user's directories: the Docker client keeps its contexts in `home`, a rootless engine its socket in `runtimeDir`.
 */
export interface UserDirectories {
  readonly home?: string;
  readonly runtimeDir?: string;
}

/** Converts the values of the settings. The result is deeply frozen. */
export function toConfig(
  values: SettingValues,
  receivers: readonly ConfiguredReceiver[],
  secrets: readonly string[],
  rules: readonly Rule[],
  user: UserDirectories,
): Config {
  const { DATABASE_URL: url, AGENT_NAME: agent } = values;
  const localModel = localModelOf(values);
  const byDefault = localModel !== undefined && values.ANTHROPIC_API_KEY === undefined ? 'local-only' : 'claude-first';
  return deepFreeze({
    targets: values.TARGET_CONTAINERS,
    checkIntervalMs: values.CHECK_INTERVAL * 1000,
    logLines: values.LOG_LINES,
    diagnoseWith: values.DIAGNOSE_WITH ?? byDefault,
    autoFix: values.AUTO_FIX !== false,
    askFirst: values.AUTO_FIX === 'ask',
    anthropic: {
      apiKey: values.ANTHROPIC_API_KEY,
      baseURL: values.ANTHROPIC_BASE_URL,
      model: values.CLAUDE_MODEL,
      strongModel: values.CLAUDE_STRONG_MODEL,
    },
    ...(localModel !== undefined && { localModel }),
    limits: {
      diagnosesPerHour: values.MAX_DIAGNOSES_PER_HOUR,
      spendPerDayUsd: values.MAX_SPEND_PER_DAY,
      restartsPerHour: values.MAX_RESTARTS_PER_HOUR,
      restartsPerHourHost: values.MAX_RESTARTS_PER_HOUR_HOST,
    },
    fleetLimits: {
      restartsPerHour: values.MAX_RESTARTS_PER_HOUR_FLEET,
      diagnosesPerHour: values.MAX_DIAGNOSES_PER_HOUR_FLEET,
      spendPerDayUsd: values.MAX_SPEND_PER_DAY_FLEET,
    },
    receivers,
    maxAlertsPerMinute: values.MAX_ALERTS_PER_MINUTE,
    ...(values.DIGEST_AT !== undefined && { digest: { minute: values.DIGEST_AT, zone: values.TZ } }),
    http: {
      host: values.HOST,
      port: values.PORT,
      publishedOn: values.HTTP_PUBLISHED_ON,
      allowedHosts: [...values.ALLOWED_HOSTS, ...(values.HTTP_PUBLISHED_ON ? [values.HTTP_PUBLISHED_ON] : [])],
      token: values.HTTP_TOKEN,
    },
    publicUrl: values.PUBLIC_URL,
    traceUrl: values.TRACE_URL,
    grafanaUrl: values.GRAFANA_URL,
    agentName: agent,
    hostAddresses: values.HOST_ADDRESSES.toLowerCase()
      .split(/[\s,]+/)
      .filter((address) => address !== ''),
    metricsAddress: values.METRICS_ADDRESS,
    dataDir: values.DATA_DIR,
    ...(url !== undefined && agent !== undefined && { database: { url, agent } }),
    retention: { days: values.RETENTION_DAYS, incidents: values.RETENTION_INCIDENTS },
    redactPersonal: values.REDACT_PERSONAL,
    logLevel: values.LOG_LEVEL,
    docker: {
      host: values.DOCKER_HOST,
      tlsVerify: values.DOCKER_TLS_VERIFY ?? false,
      certPath: values.DOCKER_CERT_PATH,
      context: values.DOCKER_CONTEXT,
      configDir: values.DOCKER_CONFIG ?? (user.home === undefined ? undefined : path.join(user.home, '.docker')),
      ...user,
    },
    verify: {
      stableForMs: values.VERIFY_STABLE_SECONDS * 1000,
      deadlineMs: values.VERIFY_DEADLINE_SECONDS * 1000,
    },
    policy: { path: values.CONFIG_FILE, rules },
    secrets,
  });
}

function localModelOf(values: SettingValues): Config['localModel'] {
  const { LOCAL_MODEL_URL: url, LOCAL_MODEL: model, LOCAL_MODEL_API: api, LOCAL_MODEL_KEY: key } = values;
  if (url === undefined || model === undefined) return undefined;
  const timeoutMs = values.LOCAL_MODEL_TIMEOUT_SECONDS * 1000;
  return { url, model, api, ...(key !== undefined && { key }), timeoutMs, mayRestart: values.LOCAL_MODEL_MAY_RESTART };
}

/** Returns warnings about settings that are valid but probably not what the user wants. */
export function warningsOf({ http }: Config): readonly string[] {
  const [name, address] =
    http.publishedOn === undefined ? ['HOST', http.host] : ['HTTP_PUBLISHED_ON', http.publishedOn];
  if (isLoopback(address) || http.token !== undefined) return [];
  return [
    `${name}=${address} makes the HTTP port reachable from other machines, and HTTP_TOKEN is not set: anyone who can reach the port can read /history`,
  ];
}

/** The API key; undefined if none is set or Claude is never used. */
export function claudeKey({ anthropic, diagnoseWith }: Config): string | undefined {
  return diagnoseWith === 'rules-only' || diagnoseWith === 'local-only' ? undefined : anthropic.apiKey;
}

/** The local model; undefined if none is configured or no model is ever used. */
export function usedLocalModel({ localModel, diagnoseWith }: Config): Config['localModel'] {
  return diagnoseWith === 'rules-only' ? undefined : localModel;
}

/** The location of the store, as `openStore` expects it. */
export function storePlace({
  database,
  dataDir,
}: Config): { dataDir: string } | { databaseUrl: string; agent: string; standbyDir: string } {
  return database === undefined
    ? { dataDir }
    : { databaseUrl: database.url, agent: database.agent, standbyDir: dataDir };
}

/** The policy of a container that has no policy labels and matches no rule. */
export function policyDefaults(config: Config): Policy {
  return defaultPolicy({
    restart: config.askFirst ? 'ask' : 'auto',
    // The lowest of all receivers, since an alert that no receiver accepts is not created.
    minSeverity: SEVERITIES.find((severity) => config.receivers.some((each) => each.minSeverity === severity)) ?? 'low',
    maxRestartsPerHour: config.limits.restartsPerHour,
    verifyFor: config.verify.stableForMs / 1000,
    logLines: config.logLines,
  });
}

function deepFreeze<T extends object>(value: T): T {
  for (const child of Object.values(value)) if (typeof child === 'object' && child !== null) deepFreeze(child);
  return Object.freeze(value);
}
