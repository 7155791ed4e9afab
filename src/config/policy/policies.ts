import type { ContainerRef } from '../../domain.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../lib/time.ts';
import { type ResolvedPolicy, type Rule, resolvePolicy } from '../../pipeline/policy/resolve.ts';
import type { Policy } from '../../pipeline/policy/settings.ts';
import { parsePolicyFile } from './file.ts';

export interface PolicyBookOptions {
  readonly defaults: Policy;
  /** As they were read when the agent started. */
  readonly rules: readonly Rule[];
  /** Absent where there is no policy file: then labels and defaults rule alone. */
  readonly path?: string;
  readonly files: PolicyFiles;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface PolicyFiles {
  /** Rejects where the file cannot be read. */
  read(path: string): Promise<string>;
  /** Changes whenever the file does; undefined where there is none. */
  version(path: string): Promise<string | undefined>;
}

/** The policy in force, and how it is renewed. */
export interface PolicyBook {
  policyOf(container: ContainerRef): ResolvedPolicy;
  /** Reads the file now. Where it is bad or gone, the rules read before stand and the log says why. Never rejects. */
  reload(): Promise<void>;
  /** Reads the file whenever it has changed, until `signal` aborts. */
  watch(signal: AbortSignal): Promise<void>;
  /** Whether the rules in force are those in the file. */
  lastReloadSuccessful(): boolean;
}

/**
 * How often the file is looked at. Looking is one `stat`; unlike notifications of the kernel it works on
 * bind mounts, network file systems and mounted secrets, whose files are swapped by a link.
 */
const LOOK_EVERY_MS = 1_000;
/** A file that changed is read once it has not changed for this long: it may be half-written. */
const SETTLE_MS = 500;
/** Memory's bound: containers come and go. */
const MAX_REMEMBERED = 2_000;

export function createPolicyBook(options: PolicyBookOptions): PolicyBook {
  const { defaults, path, files, clock, logger } = options;
  let rules = options.rules;
  let successful = true;
  let seen: string | undefined;
  const resolved = new Map<string, { readonly container: ContainerRef; readonly policy: ResolvedPolicy }>();
  const warned = new Set<string>();

  const warn = (policy: ResolvedPolicy): void => {
    for (const warning of policy.warnings) {
      if (warned.has(warning)) continue;
      if (warned.size >= MAX_REMEMBERED) warned.clear();
      warned.add(warning);
      logger.warn(warning);
    }
  };

  const refuse = (why: readonly string[]): void => {
    successful = false;
    logger.error('the policy file is refused, the rules read before stand', { path, rules: rules.length, why });
  };

  const reload = async (): Promise<void> => {
    if (path === undefined) return;
    let text: string;
    try {
      seen = await files.version(path);
      text = await files.read(path);
    } catch (error) {
      return refuse([error instanceof Error ? error.message : String(error)]);
    }
    const file = parsePolicyFile(text);
    if (!file.ok) return refuse(file.problems.map(({ line, what }) => `line ${line}: ${what}`));
    rules = file.rules;
    successful = true;
    resolved.clear();
    logger.info('the policy file was read', { path, rules: rules.length });
  };

  return {
    policyOf(container) {
      const known = resolved.get(container.id);
      if (known !== undefined && sameAs(known.container, container)) return known.policy;
      const policy = resolvePolicy(container, rules, defaults);
      warn(policy);
      if (resolved.size >= MAX_REMEMBERED) resolved.clear();
      resolved.set(container.id, { container, policy });
      return policy;
    },

    reload,

    async watch(signal) {
      if (path === undefined) return;
      // Not yet seen: the file may have changed since the agent read it at its start.
      while (!signal.aborted) {
        await clock.sleep(LOOK_EVERY_MS, signal);
        let version = await files.version(path);
        if (version === seen || signal.aborted) continue;
        for (let settled = false; !settled && !signal.aborted; ) {
          await clock.sleep(SETTLE_MS, signal);
          const next = await files.version(path);
          settled = next === version;
          version = next;
        }
        if (signal.aborted) return;
        if (version === seen) continue;
        seen = version;
        await reload();
      }
    },

    lastReloadSuccessful: () => successful,
  };
}

/** Of one container only these change: it may be renamed, and its image lose its tag. */
function sameAs(a: ContainerRef, b: ContainerRef): boolean {
  return a === b || (a.name === b.name && a.image === b.image);
}
