/** Resolves the policy of each container, and reloads the policy file when it changes. */
import type { ContainerRef, LabelOrigin } from '../../domain/containers.ts';
import { messageOf } from '../../errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../lib/time.ts';
import { type ResolvedPolicy, type Rule, resolvePolicy } from '../../pipeline/policy/resolve.ts';
import type { Policy } from '../../pipeline/policy/settings.ts';
import { parsePolicyFile } from './parse.ts';

export interface PolicySourceOptions {
  readonly defaults: Policy;
  /** The content of the file when the agent started. */
  readonly rules: readonly Rule[];
  /** Absent if there is no policy file. */
  readonly path?: string;
  readonly files: PolicyFiles;
  /** Which labels come from the image. Must return the same object as long as that is unchanged. Default: unknowable. */
  originOf?(containerId: string): LabelOrigin;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface PolicyFiles {
  /** Rejects if the file cannot be read. */
  read(path: string): Promise<string>;
  /** A value that changes whenever the file does; undefined if there is no file. Never rejects. */
  version(path: string): Promise<string | undefined>;
}

export interface PolicySource {
  policyOf(container: ContainerRef): ResolvedPolicy;
  /** Reads the file. If it is invalid or missing, keeps the previous rules and logs the reason. Never rejects. */
  reload(): Promise<void>;
  /** Reloads the file each time it changes, until `signal` aborts. */
  watch(signal: AbortSignal): Promise<void>;
  /** False while the previous rules are in force because the file is invalid or missing. */
  lastReloadSuccessful(): boolean;
}

/**
 * The time between polls, each of which is one `stat`. Unlike the kernel's file notifications, polling works on bind
 * mounts, network file systems and mounted secrets, whose files are replaced through a symbolic link.
 */
const POLL_MS = 1_000;
/** A file is read once it has not changed for this long, because it may still be being written. */
const SETTLE_MS = 500;
/** Bounds the memory: while the agent runs, new container ids and labels keep appearing. */
const MAX_CACHED = 2_000;

const UNKNOWABLE: LabelOrigin = { kind: 'unknowable' };

interface Resolved {
  readonly container: ContainerRef;
  readonly origin: LabelOrigin;
  readonly policy: ResolvedPolicy;
}

export function createPolicySource(options: PolicySourceOptions): PolicySource {
  const { defaults, path, files, clock, logger } = options;
  const originOf = options.originOf ?? (() => UNKNOWABLE);
  let rules = options.rules;
  let successful = true;
  /** Undefined at first, so that the first poll reads the file: it may have changed since the agent started. */
  let versionRead: string | undefined;
  const resolved = new Map<string, Resolved>();
  const warned = new Set<string>();

  const warnOnce = (warning: string): void => {
    if (warned.has(warning)) return;
    if (warned.size >= MAX_CACHED) warned.clear();
    warned.add(warning);
    logger.warn(warning);
  };

  const refuse = (problems: readonly string[]): void => {
    successful = false;
    logger.error('the policy file is invalid; the previous rules stay in force', {
      path,
      rules: rules.length,
      problems,
    });
  };

  const reload = async (): Promise<void> => {
    if (path === undefined) return;
    let text: string;
    try {
      versionRead = await files.version(path);
      text = await files.read(path);
    } catch (error) {
      return refuse([messageOf(error)]);
    }
    const file = parsePolicyFile(text);
    if (!file.ok) return refuse(file.problems.map(({ line, what }) => `line ${line}: ${what}`));
    rules = file.rules;
    successful = true;
    resolved.clear();
    logger.info('policy file loaded', { path, rules: rules.length });
  };

  const untilSettled = async (path: string, version: string | undefined, signal: AbortSignal) => {
    while (!signal.aborted) {
      await clock.sleep(SETTLE_MS, signal);
      const next = await files.version(path);
      if (next === version) break;
      version = next;
    }
    return version;
  };

  return {
    policyOf(container) {
      const cached = resolved.get(container.id);
      const origin = originOf(container.id);
      if (cached?.origin === origin && resolvesAlike(cached.container, container)) return cached.policy;
      const policy = resolvePolicy(container, rules, defaults, origin);
      policy.warnings.forEach(warnOnce);
      if (resolved.size >= MAX_CACHED) resolved.clear();
      resolved.set(container.id, { container, origin, policy });
      return policy;
    },

    reload,

    async watch(signal) {
      if (path === undefined) return;
      while (!signal.aborted) {
        await clock.sleep(POLL_MS, signal);
        let version = await files.version(path);
        if (version === versionRead) continue;
        version = await untilSettled(path, version, signal);
        if (signal.aborted) return;
        if (version === versionRead) continue;
        await reload();
      }
    },

    lastReloadSuccessful: () => successful,
  };
}

/** Only these properties of a container can change: it can be renamed, and its image can lose its tag. */
function resolvesAlike(a: ContainerRef, b: ContainerRef): boolean {
  return a === b || (a.name === b.name && a.image === b.image);
}
