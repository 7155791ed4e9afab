/** Decides which containers are watched. */
import type { ContainerRef, LabelOrigin } from '../../domain/containers.ts';
import { globToRegExp } from '../../lib/glob.ts';

function isFromImage(origin: LabelOrigin | undefined): boolean {
  return origin?.kind === 'known' && origin.fromImage.has(ENABLE_LABEL);
}

/** A container with this label set to `false` is not watched. */
const ENABLE_LABEL = 'container-doctor.enable';

export interface Targets {
  /** As written by the user; empty: every container. */
  readonly patterns: readonly string[];
  matches(containerName: string): boolean;
  /** The patterns that match none of these names. */
  missing(containerNames: Iterable<string>): readonly string[];
}

/** Parses `TARGET_CONTAINERS`: names or globs (`*` any characters, `?` one), comma separated. */
export function parseTargets(text: string): Targets {
  const parts = text.split(',').map((part) => part.trim().replace(/^\//, ''));
  const patterns = [...new Set(parts.filter((part) => part !== ''))];
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

/**
 * `ownId`: the id of the agent's own container, or at least its first 12 digits. `originOf`: which labels of a container
 * come from its image, which cannot exempt itself from being watched.
 */
export function createWatchFilter(
  targets: Targets,
  ownId?: string,
  originOf?: (containerId: string) => LabelOrigin,
): (container: ContainerRef) => boolean {
  const own = ownId !== undefined && ownId.length >= 12 ? ownId : undefined;
  return ({ id, name, labels }) =>
    !(own !== undefined && id.startsWith(own)) &&
    (labels[ENABLE_LABEL]?.trim().toLowerCase() !== 'false' || isFromImage(originOf?.(id))) &&
    targets.matches(name);
}
