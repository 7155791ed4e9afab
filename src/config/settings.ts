/**
 * Every setting with its schema, default, allowed values and purpose. `--help` and docs/settings.md are generated from
 * these tables (`npm run docs`). Tests compare .env.example with them.
 */
import { RECEIVER_SETTINGS } from '../notifiers/registry.ts';
import { DIAGNOSIS, LOCAL_MODEL } from './model-settings.ts';
import {
  either,
  flag,
  flagOr,
  hostNames,
  httpUrl,
  integer,
  oneOf,
  type SettingGroup,
  type SettingTable,
  text,
  token,
  url,
  type ValuesOf,
} from './setting.ts';

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

const WATCHING = {
  TARGET_CONTAINERS: {
    schema: text().regex(/^[\w.*?\-\s,/]*$/),
    default: '',
    allowed: 'container names or globs (* and ?), separated by commas',
    about: 'the containers to watch; empty: all',
    details: 'The agent never watches itself. `/health` lists names that match no container under `missing_targets`.',
  },
  CHECK_INTERVAL: {
    schema: integer(1, 3600),
    default: '10',
    allowed: 'a number of seconds, 1 to 3600',
    about: "seconds between comparisons with the engine's list of containers",
    details: 'Detection does not depend on it: problems are found in log streams and engine events.',
  },
  CONFIG_FILE: {
    schema: text(),
    allowed: 'the path of a policy file',
    about: 'a YAML file that says which containers may be restarted and how each is watched',
    details: 'See [policy.md](policy.md). The file is read again when it changes and on `SIGHUP`.',
  },
} as const satisfies SettingTable;

const RESTARTS = {
  AUTO_FIX: {
    schema: flagOr('ask'),
    default: 'false',
    allowed: 'true, ask or false',
    about:
      'restart containers if it is safe; ask: after a person approved it; false: only report what would be restarted',
    details:
      '`ask` is the default of the policy `restart` for all containers; a label or the policy file can set another value. See [policy.md](policy.md#approvals).',
  },
  MAX_RESTARTS_PER_HOUR: {
    schema: integer(0, 60),
    default: '3',
    allowed: 'a whole number, 0 to 60',
    about: 'the most restarts of one container in any 60 minutes',
  },
  MAX_RESTARTS_PER_HOUR_HOST: {
    schema: integer(0, 1000),
    default: '12',
    allowed: 'a whole number, 0 to 1000',
    about:
      'the most restarts of all containers together in any 60 minutes, so that a bad image cannot restart everything',
  },
  MAX_RESTARTS_PER_HOUR_FLEET: {
    schema: integer(0, 100_000),
    default: '30',
    allowed: 'a whole number, 0 to 100000',
    about: 'the most restarts on all hosts together that share a DATABASE_URL, in any 60 minutes',
    details: 'Set it to the same value on all hosts. Without DATABASE_URL it has no effect.',
  },
  VERIFY_STABLE_SECONDS: {
    schema: integer(1, 3600),
    default: '30',
    allowed: 'a number of seconds, 1 to 3600',
    about: 'a restarted container without a health check has recovered after running this long without the problem',
  },
  VERIFY_DEADLINE_SECONDS: {
    schema: integer(1, 7200),
    default: '120',
    allowed: 'a number of seconds, 1 to 7200, and not less than VERIFY_STABLE_SECONDS',
    about: 'a restart has failed if the container has not recovered after this long',
  },
} as const satisfies SettingTable;

const PAGES = {
  HOST: {
    schema: text().regex(/^[\w.:[\]-]+$/),
    default: '127.0.0.1',
    allowed: 'a host name or an IP address',
    about: 'the address that /health, /history and /metrics listen on',
  },
  PORT: {
    schema: integer(0, 65_535),
    default: '8080',
    allowed: 'a port, 0 to 65535 (0: any free port)',
    about: 'the port that /health, /history and /metrics listen on',
  },
  HTTP_PUBLISHED_ON: {
    schema: text().regex(/^[\w.:[\]-]+$/),
    allowed: 'a host name or an IP address',
    about: 'the address that the port is published on, if the agent runs in a container; Compose sets it',
    details: 'In a container, HOST is an address inside the container and does not show who can reach the port.',
  },
  ALLOWED_HOSTS: {
    schema: hostNames(),
    default: '',
    allowed: 'host names without port, separated by commas',
    about: 'without HTTP_TOKEN, pages are served only at these names, localhost and IP addresses',
    details:
      'Protects against DNS rebinding: a web page that makes its own name resolve to this machine. Name the host under which a browser, Prometheus or a reverse proxy requests the pages. Compose adds the names of the service.',
  },
  HTTP_TOKEN: {
    schema: token().min(16),
    allowed: 'at least 16 printable ASCII characters without spaces',
    about: 'the bearer token that pages require, except /livez and the status in /health; unset: none',
    secret: true,
  },
  PUBLIC_URL: {
    schema: httpUrl().transform((s) => s.replace(/\/+$/, '')),
    allowed: 'an http or https URL',
    about: 'the address at which people reach the pages; alerts then link to the incident',
  },
  TRACE_URL: {
    schema: httpUrl().refine((s) => s.includes('{trace_id}')),
    allowed: 'an http or https URL with {trace_id} where the id of the trace belongs',
    about: 'where the page links to for the trace of an incident',
  },
  GRAFANA_URL: {
    schema: httpUrl(),
    allowed: 'an http or https URL',
    about: 'where the page links to for dashboards',
  },
} as const satisfies SettingTable;

const STORAGE = {
  DATA_DIR: {
    schema: text(),
    default: './data',
    allowed: 'the path of a directory',
    about: 'the directory of the SQLite file that holds the history, or that replaces the database while it is away',
  },
  DATABASE_URL: {
    schema: url('postgres:', 'postgresql:'),
    allowed: 'postgres://user:password@host/database',
    about: 'a PostgreSQL database to use instead of the file; several agents can share it',
    secret: true,
  },
  AGENT_NAME: {
    schema: text().regex(/^[\w.:-]{1,100}$/),
    allowed: 'up to 100 letters, digits and the characters . _ : -',
    about: "the name of this agent: alerts name it as the host (unset: the engine's host name)",
    details: 'Required with DATABASE_URL, and unique in it. See [fleet](deploy/fleet.md).',
  },
  HOST_ADDRESSES: {
    schema: text().regex(/^[\w.:\-\s,]{0,2000}$/),
    default: '',
    allowed: 'names and addresses, separated by commas',
    about: 'further names and addresses by which containers on other hosts reach the published ports of this host',
    details:
      "Known without it: AGENT_NAME, the engine's host name, its address in a Swarm, and the address from which the database sees the agent. See [fleet](deploy/fleet.md).",
  },
  METRICS_ADDRESS: {
    schema: text()
      .regex(/^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i)
      .transform((given) => {
        const [, host = '', port] = /^(.+?)(?::(\d+))?$/.exec(given) ?? [];
        return { host, ...(port !== undefined && { port: Number(port) }) };
      })
      .refine(({ port = 1 }) => port >= 1 && port <= 65_535),
    allowed: 'host or host:port',
    about: 'where Prometheus reaches this agent, for `/api/v1/fleet/targets`',
    details:
      'Unset: HOST with PORT; if that is every address, the first of HOST_ADDRESSES, else the address in a Swarm, else AGENT_NAME. See [fleet](deploy/fleet.md).',
  },
  RETENTION_DAYS: {
    schema: integer(1, 3650),
    default: '90',
    allowed: 'a number of days, 1 to 3650',
    about: 'days to keep resolved incidents, restarts and requests to Claude',
  },
  RETENTION_INCIDENTS: {
    schema: integer(100, 1_000_000),
    default: '10000',
    allowed: 'a whole number, 100 to 1000000',
    about: 'the most resolved incidents to keep',
  },
} as const satisfies SettingTable;

const ENGINE = {
  DOCKER_HOST: {
    schema: text().refine((s) => /^unix:\/\/\/.+/.test(s) || url('tcp:', 'http:', 'https:').safeParse(s).success),
    allowed: 'unix:///path, tcp://host:port or http(s)://host:port',
    about: "the address of the engine; unset: Docker's default socket",
  },
  DOCKER_CONTEXT: {
    schema: text(),
    allowed: 'the name of a Docker context with a unix://, tcp://, http:// or https:// engine',
    about: 'the Docker context to use without DOCKER_HOST; unset: the current one in config.json',
  },
  DOCKER_CONFIG: {
    schema: text(),
    allowed: 'a directory',
    about: 'the directory of config.json and the Docker contexts; unset: ~/.docker',
  },
  DOCKER_TLS_VERIFY: {
    schema: text().transform((s) => s !== '0' && s.toLowerCase() !== 'false'),
    allowed: '1 or unset',
    about: "verify the engine's certificate",
  },
  DOCKER_CERT_PATH: {
    schema: text(),
    allowed: 'a directory with ca.pem, cert.pem and key.pem',
    about: 'the certificates for the engine',
  },
} as const satisfies SettingTable;

const TELEMETRY = {
  REDACT_PERSONAL: {
    schema: flag(),
    default: 'false',
    allowed: 'true or false',
    about: 'hide personal data too: card numbers, IBANs, phone numbers and IP addresses of clients',
    details: 'E-mail addresses are always hidden.',
  },
  LOG_LEVEL: {
    schema: oneOf(LOG_LEVELS),
    default: 'info',
    allowed: either(LOG_LEVELS),
    about: "the lowest level of the agent's own log",
    details: 'Records are lines of JSON, or readable text on a terminal.',
  },
} as const satisfies SettingTable;

const ALERTS = {
  MAX_ALERTS_PER_MINUTE: {
    schema: integer(1, 1000),
    default: '10',
    allowed: 'a whole number, 1 to 1000',
    about: 'the most alerts to one receiver in a minute; more become one summary',
  },
  DIGEST_AT: {
    schema: text()
      .transform(minuteOfDay)
      .refine((minute) => minute !== undefined),
    allowed: 'a time of day, 00:00 to 23:59',
    about: 'when each receiver gets one message about the last day; unset: never',
  },
  TZ: {
    schema: text(),
    default: 'UTC',
    allowed: 'an IANA time zone such as Europe/Berlin',
    about: 'the time zone of DIGEST_AT',
  },
} as const satisfies SettingTable;

function minuteOfDay(given: string): number | undefined {
  const [, hour, minute] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(given) ?? [];
  return hour === undefined ? undefined : Number(hour) * 60 + Number(minute);
}

/** In the order of docs/settings.md and `--help`. */
export const SETTING_GROUPS: readonly SettingGroup[] = [
  { title: 'What is watched', settings: WATCHING },
  { title: 'Restarts', settings: RESTARTS },
  { title: 'Diagnosis', settings: DIAGNOSIS },
  { title: 'Local model', settings: LOCAL_MODEL },
  { title: 'Notifications', settings: { ...RECEIVER_SETTINGS, ...ALERTS } },
  { title: 'Pages', settings: PAGES },
  { title: 'Storage', settings: STORAGE },
  { title: 'Docker engine', settings: ENGINE },
  { title: 'Telemetry', settings: TELEMETRY },
];

export const SETTINGS = {
  ...WATCHING,
  ...RESTARTS,
  ...DIAGNOSIS,
  ...LOCAL_MODEL,
  ...RECEIVER_SETTINGS,
  ...ALERTS,
  ...PAGES,
  ...STORAGE,
  ...ENGINE,
  ...TELEMETRY,
} as const satisfies SettingTable;

export type SettingValues = ValuesOf<typeof SETTINGS>;
