import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Config, policyDefaults } from '../config/config.ts';
import { createDockerEngine, type DockerEngine } from '../docker/engine.ts';
import { findOwnContainerId } from '../docker/own-container.ts';
import type { ContainerRef } from '../domain.ts';
import { EngineError } from '../errors.ts';
import { isImageId } from '../lib/image-name.ts';
import { checkClaude } from '../models/claude/check.ts';
import type { ConfiguredReceiver } from '../notifiers/registry.ts';
import { resolvePolicy } from '../pipeline/policy/resolve.ts';
import { createWatchFilter, parseTargets } from '../pipeline/watch/targets.ts';
import { checkDatabase } from '../store/check.ts';
import { EXIT_WRONG_SETTINGS, readSettings } from './agent.ts';
import { type ContainerPolicy, policyNotes, policyTable } from './policy-table.ts';

interface Finding {
  readonly what: string;
  readonly ok: boolean;
  readonly said: string;
}

/** No container has such an id: the engine answers 404 where we may restart, a proxy 403 where we may not. */
const NO_CONTAINER = 'container-doctor-permission-check';

/**
 * Says whether the settings are right, what would be watched under which policy, and what can be reached.
 * Costs nothing, posts nothing and restarts nothing. Resolves to the exit code: 0 where the agent would work
 * as it is set. `--verbose` prints every value of every policy.
 */
export async function runCheck(
  env: NodeJS.ProcessEnv,
  say: (text: string) => void,
  complain: (text: string) => void,
  args: readonly string[] = [],
): Promise<number> {
  const settings = readSettings(env, complain);
  if (!settings) return EXIT_WRONG_SETTINGS;
  const { config, warnings } = settings;
  for (const warning of warnings) say(`warning   ${warning}\n`);

  const { findings: ofEngine, policies } = await checkEngine(config);
  const findings: Finding[] = [
    { what: 'settings', ok: true, said: 'valid' },
    ...ofEngine,
    await checkClaudeSettings(config),
    ...(await Promise.all(config.receivers.map(checkReceiver))),
    config.database === undefined ? await checkDataDir(config.dataDir) : await checkSharedDatabase(config.database),
  ];
  for (const { what, ok, said } of findings) say(`${ok ? 'ok     ' : 'PROBLEM'}   ${what.padEnd(10)} ${said}\n`);
  sayPolicies(policies, config, { verbose: args.includes('--verbose') }, say);
  return findings.every((finding) => finding.ok) ? 0 : 1;
}

function sayPolicies(
  policies: readonly ContainerPolicy[],
  { autoFix, policy: { path, rules } }: Config,
  options: { readonly verbose: boolean },
  say: (text: string) => void,
): void {
  const file =
    path === undefined ? 'no policy file' : `${rules.length} rule${rules.length === 1 ? '' : 's'} in ${path}`;
  say(`\npolicy (AUTO_FIX=${autoFix}; ${file})\n${policyTable(policies, options)}`);
  for (const note of policyNotes(policies, rules)) say(`warning   ${note}\n`);
}

interface EngineCheck {
  readonly findings: readonly Finding[];
  readonly policies: readonly ContainerPolicy[];
}

async function checkEngine(config: Config): Promise<EngineCheck> {
  let engine: DockerEngine;
  try {
    engine = createDockerEngine(config.docker);
    const { engineVersion, apiVersion } = await engine.ping();
    const reached = { what: 'engine', ok: true, said: `Docker ${engineVersion}, API ${apiVersion}` };
    const { findings, policies } = await checkTargets(engine, config);
    return { findings: [reached, ...findings, await checkRestart(engine, config)], policies };
  } catch (error) {
    return { findings: [{ what: 'engine', ok: false, said: messageOf(error) }], policies: [] };
  }
}

async function checkTargets(engine: DockerEngine, config: Config): Promise<EngineCheck> {
  const targets = parseTargets(config.targets);
  const isWatched = createWatchFilter(targets, await findOwnContainerId());
  const listed = await engine.list();
  const missing = targets.missing(listed.map(({ ref }) => ref.name));
  const targeted = listed.filter(({ ref }) => isWatched(ref));
  const policies = await Promise.all(targeted.map(({ ref }) => policyFor(ref, engine, config)));
  const enabled = new Set(policies.flatMap(({ container, policy }) => (policy.values.enable ? [container.id] : [])));
  const watched = targeted.filter(({ ref }) => enabled.has(ref.id));
  const names = watched.map(({ ref, status }) => (status === 'running' ? ref.name : `${ref.name} (${status})`)).sort();
  const watches = { what: 'watches', ok: true, said: names.length > 0 ? names.join(', ') : 'no container yet' };
  if (missing.length === 0) return { findings: [watches], policies };
  const said = `TARGET_CONTAINERS names what does not exist: ${missing.join(', ')}`;
  return { findings: [watches, { what: 'targets', ok: false, said }], policies };
}

async function policyFor(listed: ContainerRef, engine: DockerEngine, config: Config): Promise<ContainerPolicy> {
  // Once a tag has moved on, only the container itself knows what it was created from.
  const facts = isImageId(listed.image) ? await engine.inspect(listed.id).catch(() => undefined) : undefined;
  const container = { ...listed, image: facts?.image || listed.image };
  return { container, policy: resolvePolicy(container, config.policy.rules, policyDefaults(config)) };
}

async function checkRestart(engine: DockerEngine, config: Config): Promise<Finding> {
  const what = 'restarts';
  if (!config.autoFix) return { what, ok: true, said: 'off (AUTO_FIX=false): nothing is restarted' };
  try {
    await engine.restart(NO_CONTAINER, AbortSignal.timeout(10_000));
    return { what, ok: true, said: 'allowed' };
  } catch (error) {
    if (error instanceof EngineError && error.reason === 'not_found') return { what, ok: true, said: 'allowed' };
    if (error instanceof EngineError && error.reason === 'forbidden') {
      return { what, ok: false, said: 'AUTO_FIX is on, but the engine or a proxy before it forbids restarts' };
    }
    return { what, ok: false, said: messageOf(error) };
  }
}

async function checkClaudeSettings(config: Config): Promise<Finding> {
  const what = 'Claude';
  if (config.diagnoseWith === 'rules-only') return { what, ok: true, said: 'never asked (DIAGNOSE_WITH=rules-only)' };
  const { apiKey, baseURL, model, strongModel } = config.anthropic;
  if (apiKey === undefined) return { what, ok: true, said: 'no ANTHROPIC_API_KEY: the built-in rules diagnose alone' };
  for (const name of new Set([model, strongModel])) {
    const result = await checkClaude({ apiKey, baseURL, model: name });
    if (!result.ok) return { what, ok: false, said: `${name}: ${result.why}` };
  }
  return { what, ok: true, said: `${model}, then ${strongModel}` };
}

async function checkReceiver(receiver: ConfiguredReceiver): Promise<Finding> {
  const result = await receiver.check();
  return { what: receiver.title, ok: result.ok, said: result.ok ? result.detail : result.why };
}

async function checkSharedDatabase(database: NonNullable<Config['database']>): Promise<Finding> {
  const what = 'database';
  const result = await checkDatabase(database);
  return result.ok
    ? { what, ok: true, said: `PostgreSQL answers; this agent is ${database.agent} in it` }
    : { what, ok: false, said: `DATABASE_URL cannot be used: ${result.why}` };
}

async function checkDataDir(dataDir: string): Promise<Finding> {
  const what = 'DATA_DIR';
  const probe = path.join(dataDir, `.check-${process.pid}`);
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await writeFile(probe, '');
    await rm(probe);
    return { what, ok: true, said: `${dataDir} can be written` };
  } catch (error) {
    return { what, ok: false, said: `${dataDir} cannot be written: ${messageOf(error)}` };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
