import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createLocalTrust } from '../app/models.ts';
import { type Config, policyDefaults, storePlace, usedLocalModel } from '../config/config.ts';
import { createDockerEngine, type DockerEngine } from '../docker/engine.ts';
import { findOwnContainerId } from '../docker/own-container.ts';
import { PODMAN_LIMITS } from '../docker/podman.ts';
import { IMAGES_REFUSED, SOURCE_INFO } from '../docker/sources.ts';
import type { ContainerRef } from '../domain/containers.ts';
import { EngineError, messageOf } from '../errors.ts';
import { isImageId } from '../lib/image-name.ts';
import type { Logger } from '../lib/log.ts';
import { checkClaude } from '../models/claude/check.ts';
import { checkLocalModel } from '../models/local/check.ts';
import type { Edge } from '../pipeline/correlate/graph.ts';
import { ENGINE_SOURCES, type EngineSource } from '../pipeline/observer.ts';
import { resolvePolicy } from '../pipeline/policy/resolve.ts';
import { createWatchFilter, parseTargets } from '../pipeline/watch/targets.ts';
import { checkDatabase } from '../store/check.ts';
import { openReviews } from '../store/open-reviews.ts';
import { loadSettings } from './agent.ts';
import { sendTestAlerts } from './check-send.ts';
import { dependencyTable, readDependencies } from './dependency-table.ts';
import { EXIT_FAILED, EXIT_OK, EXIT_WRONG_SETTINGS } from './exit-codes.ts';
import type { Output } from './output.ts';
import { askingContainers, type ContainerPolicy, policyTable, policyWarnings } from './policy-table.ts';

interface CheckResult {
  readonly subject: string;
  readonly ok: boolean;
  readonly message: string;
}

const ok = (subject: string, message: string): CheckResult => ({ subject, ok: true, message });
const problem = (subject: string, message: string): CheckResult => ({ subject, ok: false, message });

const PROBE_TIMEOUT_MS = 10_000;
const NAMES_SHOWN = 5;
const QUIET: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Prints whether the settings are valid, what would be watched under which policy, and what is reachable. Spends
 * nothing, posts nothing and restarts nothing. Resolves to the exit code: 0 if the agent would work with these
 * settings. `--verbose` prints every value of every policy; `--send` also sends a test alert to every receiver.
 */
export async function runCheck(args: readonly string[], env: NodeJS.ProcessEnv, output: Output): Promise<number> {
  const { print } = output;
  const settings = loadSettings(env, output);
  if (!settings) return EXIT_WRONG_SETTINGS;
  const { config, warnings } = settings;
  for (const warning of warnings) print(`warning   ${warning}\n`);

  const engine = await checkEngine(config);
  const results = [
    ok('settings', 'valid'),
    ...engine.results,
    await checkClaudeModels(config),
    ...(await checkLocal(config)),
    ...(await checkReceivers(config)),
    ...(args.includes('--send') ? await sendTests(config, print) : []),
    config.database === undefined ? await checkDataDir(config.dataDir) : await checkSharedDatabase(config.database),
  ];
  for (const result of results) {
    print(`${result.ok ? 'ok     ' : 'PROBLEM'}   ${result.subject.padEnd(12)} ${result.message}\n`);
  }
  printPolicies(engine.policies, config, { verbose: args.includes('--verbose') }, print);
  if (engine.dependencies !== undefined) print(`\ndependencies\n${dependencyTable(engine.dependencies)}`);
  return results.every((result) => result.ok) ? EXIT_OK : EXIT_FAILED;
}

function printPolicies(
  policies: readonly ContainerPolicy[],
  config: Config,
  options: { readonly verbose: boolean },
  print: Output['print'],
): void {
  const {
    autoFix,
    askFirst,
    policy: { path, rules },
  } = config;
  const file =
    path === undefined ? 'no policy file' : `${rules.length} rule${rules.length === 1 ? '' : 's'} in ${path}`;
  const autoFixText = askFirst ? 'ask: restart is ask by default' : String(autoFix);
  print(`\npolicy (AUTO_FIX=${autoFixText}; ${file})\n${policyTable(policies, options)}`);
  for (const warning of policyWarnings(policies, rules)) print(`warning   ${warning}\n`);
  const asking = autoFix ? askingContainers(policies) : [];
  if (asking.length > 0 && !canBeAnswered(config)) {
    print(
      `warning   restart is ask for ${listed(asking)}, but nobody can answer: set HTTP_TOKEN, to answer on the page, or SLACK_APPROVERS, to answer in the Slack app\n`,
    );
  }
}

function canBeAnswered({ http, receivers }: Config): boolean {
  return http.token !== undefined || receivers.some(({ takesAnswers }) => takesAnswers);
}

/** The first names, and how many more there are. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN).join(', ');
  return names.length > NAMES_SHOWN ? `${shown} and ${names.length - NAMES_SHOWN} more` : shown;
}

interface EngineCheck {
  readonly results: readonly CheckResult[];
  readonly policies: readonly ContainerPolicy[];
  /** Absent if the containers could not be listed. */
  readonly dependencies?: readonly Edge[];
}

async function checkEngine(config: Config): Promise<EngineCheck> {
  try {
    const engine = createDockerEngine(config.docker);
    const { engineVersion, apiVersion, kind } = await engine.ping();
    const name = kind === 'podman' ? 'Podman' : 'Docker';
    const reached = ok('engine', `${name} ${engineVersion}, API ${apiVersion}, at ${engine.address}`);
    const limits = kind === 'podman' ? PODMAN_LIMITS.map((limit) => ok(name, limit)) : [];
    // If the containers cannot be listed, the result for `list` says why.
    const targets: TargetCheck = await checkTargets(engine, config).catch(() => ({ results: [], policies: [] }));
    const sources = await checkSources(engine, config, targets.containerId);
    const images = engine.imagesRefused() ? [problem('images', IMAGES_REFUSED)] : [];
    return { ...targets, results: [reached, ...limits, ...sources, ...images, ...targets.results] };
  } catch (error) {
    return { results: [problem('engine', messageOf(error))], policies: [] };
  }
}

interface TargetCheck extends EngineCheck {
  /** A watched container, running if possible. */
  readonly containerId?: string;
}

async function checkTargets(engine: DockerEngine, config: Config): Promise<TargetCheck> {
  const targets = parseTargets(config.targets);
  const isTarget = createWatchFilter(targets, await findOwnContainerId(), engine.labelOriginOf);
  // Before the filter is used: it tells labels of images from labels of containers.
  const listed = await engine.list();
  const missing = targets.missing(listed.map(({ ref }) => ref.name));
  const targeted = listed.filter(({ ref }) => isTarget(ref));
  const policies = await Promise.all(targeted.map(({ ref }) => policyFor(ref, engine, config)));
  const enabled = new Set(policies.flatMap(({ container, policy }) => (policy.values.enable ? [container.id] : [])));
  const watched = targeted.filter(({ ref }) => enabled.has(ref.id));
  const names = watched.map(({ ref, status }) => (status === 'running' ? ref.name : `${ref.name} (${status})`)).sort();
  const watches = ok('watches', names.length > 0 ? names.join(', ') : 'no container yet');
  const containerId = (watched.find(({ status }) => status === 'running') ?? watched[0])?.ref.id;
  const dependencies = await readDependencies(engine, listed);
  const message = `TARGET_CONTAINERS has names that match no container: ${missing.join(', ')}`;
  const results = missing.length === 0 ? [watches] : [watches, problem('targets', message)];
  return { results, policies, dependencies, containerId };
}

async function policyFor(listed: ContainerRef, engine: DockerEngine, config: Config): Promise<ContainerPolicy> {
  // A listing shows an image id if the tag has moved. Inspect still has the name from the container's creation.
  const facts = isImageId(listed.image) ? await engine.inspect(listed.id).catch(() => undefined) : undefined;
  const container = { ...listed, image: facts?.image || listed.image };
  const origin = engine.labelOriginOf(listed.id);
  return { container, policy: resolvePolicy(container, config.policy.rules, policyDefaults(config), origin) };
}

/** Tries each kind of request that the agent makes. The restart names a container that does not exist. */
async function checkSources(
  engine: DockerEngine,
  config: Config,
  containerId: string | undefined,
): Promise<readonly CheckResult[]> {
  const results: CheckResult[] = [];
  for (const source of ENGINE_SOURCES) {
    const subject = source === 'restart' ? 'restarts' : source;
    const isOff = source === 'restart' && !config.autoFix;
    results.push(isOff ? ok(subject, 'off (AUTO_FIX=false)') : await checkSource(subject, engine, source, containerId));
  }
  return results;
}

async function checkSource(
  subject: string,
  engine: DockerEngine,
  source: EngineSource,
  containerId: string | undefined,
): Promise<CheckResult> {
  const { request, without } = SOURCE_INFO[source];
  try {
    await engine.probe(source, containerId, AbortSignal.timeout(PROBE_TIMEOUT_MS));
    return ok(subject, `allowed (${request})`);
  } catch (error) {
    if (!(error instanceof EngineError) || error.reason !== 'forbidden') {
      return problem(subject, `${request}: ${messageOf(error)}`);
    }
    const on = source === 'restart' ? 'AUTO_FIX is on, but ' : '';
    const status = error.status === undefined ? '' : ` (HTTP ${error.status})`;
    return problem(subject, `${on}the engine or a proxy in front of it refuses ${request}${status}: ${without}`);
  }
}

async function checkClaudeModels(config: Config): Promise<CheckResult> {
  const subject = 'Claude';
  const { diagnoseWith, localModel } = config;
  if (diagnoseWith === 'rules-only' || diagnoseWith === 'local-only') {
    return ok(subject, `never asked (DIAGNOSE_WITH=${diagnoseWith})`);
  }
  const { apiKey, baseURL, model, strongModel } = config.anthropic;
  if (apiKey === undefined) {
    const local = localModel === undefined ? '' : 'the local model and ';
    return ok(subject, `ANTHROPIC_API_KEY is not set: only ${local}the built-in rules diagnose`);
  }
  for (const name of new Set([model, strongModel])) {
    const result = await checkClaude({ apiKey, baseURL, model: name });
    if (!result.ok) return problem(subject, `${name}: ${result.why}`);
  }
  return ok(subject, `${model}, then ${strongModel}`);
}

async function checkLocal(config: Config): Promise<readonly CheckResult[]> {
  const localModel = usedLocalModel(config);
  if (localModel === undefined) return [];
  const subject = 'local model';
  const result = await checkLocalModel(localModel);
  const model = result.ok ? ok(subject, `${localModel.model} at ${localModel.url}`) : problem(subject, result.why);
  return [model, ok(subject, await describeLocalTrust(config))];
}

/** Without a store, nothing has been judged. */
async function describeLocalTrust(config: Config): Promise<string> {
  const reviews = await openReviews(storePlace(config), QUIET).catch(() => undefined);
  const store = reviews ?? { judgedDiagnoses: async () => [] };
  const text = await createLocalTrust(config, store).describe();
  await reviews?.close();
  return text ?? '';
}

async function checkReceivers({ receivers }: Config): Promise<readonly CheckResult[]> {
  return Promise.all(
    receivers.map(async ({ title, check }) => {
      const result = await check();
      return result.ok ? ok(title, result.detail) : problem(title, result.why);
    }),
  );
}

async function sendTests(config: Config, print: Output['print']): Promise<readonly CheckResult[]> {
  const results = await sendTestAlerts(config, { print, now: Date.now });
  return results.map(({ title, result }) => (result.ok ? ok(title, result.detail) : problem(title, result.why)));
}

async function checkSharedDatabase(database: NonNullable<Config['database']>): Promise<CheckResult> {
  const subject = 'database';
  const result = await checkDatabase(database);
  return result.ok
    ? ok(subject, `PostgreSQL answers; the name of this agent is ${database.agent}`)
    : problem(subject, `DATABASE_URL cannot be used: ${result.why}`);
}

async function checkDataDir(dataDir: string): Promise<CheckResult> {
  const subject = 'DATA_DIR';
  const probe = path.join(dataDir, `.check-${process.pid}`);
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await writeFile(probe, '');
    await rm(probe);
    return ok(subject, `${dataDir} can be written`);
  } catch (error) {
    return problem(subject, `${dataDir} cannot be written: ${messageOf(error)}`);
  }
}
