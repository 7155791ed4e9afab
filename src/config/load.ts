/** Reads the settings from the environment. Only the OpenTelemetry setup reads environment variables elsewhere. */
import type { ReceiverModule } from '../notifiers/receiver-module.ts';
import { configureReceivers, settingsOf } from '../notifiers/registry.ts';
import type { Rule } from '../pipeline/policy/resolve.ts';
import { type Config, toConfig, warningsOf } from './config.ts';
import { parsePolicyFile } from './policy/parse.ts';
import { problemAround, withoutLineEnd } from './secret-text.ts';
import type { SettingTable, ValuesOf } from './setting.ts';
import { SETTINGS, type SettingValues } from './settings.ts';
import { readTextFile, UnusableFileError } from './text-file.ts';

export interface SettingProblem {
  readonly name: string;
  /** `(hidden)` for secrets. */
  readonly value: string;
  readonly message: string;
}

export type LoadedConfig =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly SettingProblem[] };

interface SettingSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: (path: string) => string;
}

/**
 * Reads all settings and the policy file. Reports all problems at once and never throws. `moreReceivers` are receivers
 * outside the registry.
 */
export function loadConfig(
  env: SettingSource['env'],
  readFile: SettingSource['readFile'] = readTextFile,
  moreReceivers: readonly ReceiverModule[] = [],
): LoadedConfig {
  const table: SettingTable = { ...SETTINGS, ...settingsOf(moreReceivers) };
  const read = readSettings(table, { env, readFile });
  const { secrets, problems } = read;
  const values = read.values as Partial<SettingValues>;
  const refused: SettingProblem[] = [];
  const refuse = (name: string, message: string): void => {
    // The value is missing because of a problem that is already reported.
    if (problems.some((problem) => problem.name === name || problem.name === `${name}_FILE`)) return;
    refused.push({ name, value: table[name]?.secret ? '(hidden)' : (env[name] ?? ''), message });
  };
  const receivers = configureReceivers(values as SettingValues, refuse, moreReceivers);
  const policy = values.CONFIG_FILE === undefined ? { rules: [] } : readPolicy(values.CONFIG_FILE, readFile);
  const all = [...problems, ...conflicts(values), ...refused, ...(policy.problems ?? [])];
  if (all.length > 0) return { ok: false, problems: all };
  const config = toConfig(values as SettingValues, receivers, secrets, policy.rules, {
    home: env.HOME,
    runtimeDir: env.XDG_RUNTIME_DIR,
  });
  return { ok: true, config, warnings: warningsOf(config) };
}

interface ReadSettings<T extends SettingTable> {
  /** Values of the settings that have no problem. */
  readonly values: Partial<ValuesOf<T>>;
  readonly secrets: readonly string[];
  readonly problems: readonly SettingProblem[];
}

function readSettings<T extends SettingTable>(table: T, source: SettingSource): ReadSettings<T> {
  const values: Record<string, unknown> = {};
  const secrets: string[] = [];
  const problems: SettingProblem[] = [];
  for (const [name, setting] of Object.entries(table)) {
    const raw = setting.secret ? readSecret(name, source) : { text: givenText(source.env[name]) };
    if (raw.problem !== undefined) problems.push(raw.problem);
    const given = raw.text ?? setting.default;
    if (given === undefined) continue;
    const parsed = setting.schema.safeParse(given);
    if (parsed.success) {
      values[name] = parsed.data;
      if (setting.secret) secrets.push(String(parsed.data));
    } else problems.push({ name, value: setting.secret ? '(hidden)' : given, message: `must be ${setting.allowed}` });
  }
  return { values: values as Partial<ValuesOf<T>>, secrets, problems };
}

/** Formats a problem as one line of text. */
export function formatProblem({ name, value, message }: SettingProblem): string {
  return `${name}=${value}: ${message}`;
}

/** Treats an empty value as unset, because Compose passes unset variables as empty strings. */
function givenText(value: string | undefined): string | undefined {
  return value?.trim() === '' ? undefined : value;
}

/** An empty variable is unset, because Compose passes unset variables as empty texts. An empty file is an error. */
function readSecret(
  name: string,
  { env, readFile }: SettingSource,
): { readonly text?: string; readonly problem?: SettingProblem } {
  const path = givenText(env[`${name}_FILE`]);
  const given = env[name] || undefined;
  if (path === undefined) {
    if (given === undefined) return {};
    const text = withoutLineEnd(given);
    const wrong = problemAround(text);
    return wrong === undefined ? { text } : { problem: { name, value: '(hidden)', message: wrong } };
  }
  const problem = (message: string) => ({ problem: { name: `${name}_FILE`, value: path, message } });
  if (givenText(given) !== undefined) return problem(`${name} is set too; set only one of them`);
  try {
    const text = withoutLineEnd(readFile(path));
    if (text.trim() === '') return problem('the file is empty; unset the variable if no value is wanted');
    const wrong = problemAround(text);
    return wrong === undefined ? { text } : problem(`the content of the file ${wrong}`);
  } catch (error) {
    return problem(describeFailure(error));
  }
}

/** Returns problems of values that are valid individually but not together. */
function conflicts(values: Partial<SettingValues>): SettingProblem[] {
  const problems: SettingProblem[] = [];
  const { VERIFY_DEADLINE_SECONDS: deadline, VERIFY_STABLE_SECONDS: stable } = values;
  if (deadline !== undefined && stable !== undefined && deadline < stable) {
    const message = `must not be less than VERIFY_STABLE_SECONDS, which is ${stable}`;
    problems.push({ name: 'VERIFY_DEADLINE_SECONDS', value: String(deadline), message });
  }
  if (values.DATABASE_URL !== undefined && values.AGENT_NAME === undefined) {
    // There is no default, because the host name of a container changes each time it is created.
    const message = `is required with DATABASE_URL; must be ${SETTINGS.AGENT_NAME.allowed}`;
    problems.push({ name: 'AGENT_NAME', value: '', message });
  }
  if (values.DOCKER_TLS_VERIFY && values.DOCKER_HOST?.startsWith('unix:')) {
    const message = 'must be unset, or DOCKER_HOST must be a tcp:// or https:// address';
    problems.push({ name: 'DOCKER_TLS_VERIFY', value: '1', message });
  }
  return problems;
}

function readPolicy(
  path: string,
  readFile: SettingSource['readFile'],
): { readonly rules: readonly Rule[]; readonly problems?: readonly SettingProblem[] } {
  const refuse = (messages: readonly string[]) => ({
    rules: [],
    problems: messages.map((message) => ({ name: 'CONFIG_FILE', value: path, message })),
  });
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    return refuse([error instanceof UnusableFileError ? error.message : `the file cannot be read (${codeOf(error)})`]);
  }
  const file = parsePolicyFile(text);
  return file.ok ? { rules: file.rules } : refuse(file.problems.map(({ line, what }) => `line ${line}: ${what}`));
}

function describeFailure(error: unknown): string {
  return error instanceof UnusableFileError ? error.message : `must be a readable file (${codeOf(error)})`;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unreadable';
}
