import type { ContainerRef } from '../../domain/containers.ts';
import { matches } from './match.ts';

/** Selects the containers whose alerts a receiver gets. */
export interface Filter {
  /** As configured. */
  readonly text: string;
  readonly include: readonly Term[];
  readonly exclude: readonly Term[];
}

interface Term {
  /** `any`: the name, the service or the compose project. */
  readonly field: 'any' | 'name' | 'service' | 'project';
  readonly glob: string;
}

/** For error messages and the documentation; completes "must be …". */
export const FILTER_FORM =
  'container or project names or globs (* and ?), separated by commas; name:, service: or project: in front of one compares with that alone, ! excludes';

const TERM = /^(!)?(?:(name|service|project):)?([\w.*?\-/]+)$/;

/** Reads `shop, project:billing, !*-test`; undefined if it is not a filter. */
export function parseFilter(text: string): Filter | undefined {
  const include: Term[] = [];
  const exclude: Term[] = [];
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '') continue;
    const [, not, field = 'any', glob] = TERM.exec(part) ?? [];
    if (glob === undefined) return undefined;
    (not ? exclude : include).push({ field: field as Term['field'], glob });
  }
  if (include.length + exclude.length === 0) return undefined;
  return { text: text.trim(), include, exclude };
}

/** Without a filter, every container passes. With exclusions only, all others do. */
export function passes(filter: Filter | undefined, container: ContainerRef): boolean {
  if (filter === undefined) return true;
  const { include, exclude } = filter;
  if (exclude.some((term) => isMatch(term, container))) return false;
  return include.length === 0 || include.some((term) => isMatch(term, container));
}

function isMatch({ field, glob }: Term, container: ContainerRef): boolean {
  const fields = field === 'any' ? (['name', 'service', 'project'] as const) : [field];
  return fields.some((each) => matches({ [each]: [glob] }, container));
}
