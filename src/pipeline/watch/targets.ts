/** Which containers are watched. */
import type { ContainerRef } from '../../domain.ts';
import { globToRegExp } from '../../lib/glob.ts';

/** A container with this label set to `false` is left alone. */
export const ENABLE_LABEL = 'container-doctor.enable';

export interface Targets {
  /** As they were written; empty: every container. */
  readonly patterns: readonly string[];
  matches(containerName: string): boolean;
  /** The patterns that none of these names matches. */
  missing(containerNames: Iterable<string>): readonly string[];
}

/** Reads `TARGET_CONTAINERS`: names or globs (`*` any characters, `?` one), comma separated. */
export function parseTargets(text: string): Targets {
  const written = text.split(',').map((part) => part.trim().replace(/^\//, ''));
  const patterns = [...new Set(written.filter((part) => part !== ''))];
  const matchers = patterns.map((pattern) => ({ pattern, matcher: globToRegExp(pattern) }));
  return {
    patterns,
    matches: (name) => matchers.length === 0 || matchers.some(({ matcher }) => matcher.test(name)),
    missing(containerNames) {
      const names = [...containerNames];
      return matchers.filter(({ matcher }) => !names.some((name) => matcher.test(name))).map(({ pattern }) => pattern);
    },
  };
}

/** `ownId`: our own container's id, or the first 12 digits of it or more. */
export function createWatchFilter(targets: Targets, ownId?: string): (container: ContainerRef) => boolean {
  const own = ownId !== undefined && ownId.length >= 12 ? ownId : undefined;
  return ({ id, name, labels }) =>
    !(own !== undefined && id.startsWith(own)) &&
    labels[ENABLE_LABEL]?.trim().toLowerCase() !== 'false' &&
    targets.matches(name);
}
