import { isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import type { z } from 'zod';
import { messageOf } from '../../errors.ts';
import { compileRules } from '../../pipeline/detect/rules.ts';
import type { Rule } from '../../pipeline/policy/resolve.ts';
import { policyFileSchema, toRule } from './schema.ts';

export interface PolicyFileProblem {
  /** Counted from 1. */
  readonly line: number;
  /** The position (`rule 2, restart`) and the problem. */
  readonly what: string;
}

export type PolicyFile =
  | { readonly ok: true; readonly rules: readonly Rule[] }
  | { readonly ok: false; readonly problems: readonly PolicyFileProblem[] };

/** About ten times the size of a file with the maximum of a thousand rules. */
const MAX_CHARS = 1024 * 1024;
/** Characters of a value that a problem quotes. */
const LONGEST_QUOTE = 60;

/**
 * Parses a policy file. Reports all problems at once, each with its line. An empty file is a problem rather than a
 * policy without rules: a file is briefly empty while it is written, and without rules every `never` would be lifted.
 */
export function parsePolicyFile(text: string): PolicyFile {
  if (text.length > MAX_CHARS) return refused([{ line: 1, what: `longer than ${MAX_CHARS} characters` }]);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    return refused(
      document.errors.map((error) => ({
        line: lines.linePos(error.pos[0]).line,
        what: `invalid YAML: ${error.message}`,
      })),
    );
  }
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    return refused([{ line: 1, what: 'the file is empty; write "rules: []" for a policy without rules' }]);
  }
  const lineOf = (path: readonly PropertyKey[]): number => lineOfPath(document.contents as Node, path, lines);

  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return refused([{ line: 1, what: `invalid YAML: ${messageOf(error)}` }]);
  }
  const parsed = policyFileSchema.safeParse(content);
  if (!parsed.success) {
    const { issues } = parsed.error;
    // A mapping whose only key is misspelt has two issues: it has an unknown key and it sets nothing. Report the first
    // only.
    const misspelt = new Set(
      issues.flatMap(({ code, path }) => (code === 'unrecognized_keys' ? [path.join('.')] : [])),
    );
    const reported = issues.filter(({ code, path }) => code !== 'custom' || !misspelt.has(path.join('.')));
    const problems = reported.flatMap((issue) => problemsOf(issue, content, lineOf));
    return refused(problems.sort((a, b) => a.line - b.line));
  }
  const rules = parsed.data.rules.map(toRule);
  const badPatterns = rules.flatMap((rule, i) => {
    const problem = patternProblem(rule);
    return problem === undefined ? [] : [{ line: lineOf(['rules', i]), what: `rule ${i + 1}, ${problem}` }];
  });
  return badPatterns.length > 0 ? refused(badPatterns) : { ok: true, rules };
}

function refused(problems: readonly PolicyFileProblem[]): PolicyFile {
  return { ok: false, problems };
}

function problemsOf(
  issue: z.core.$ZodIssue,
  content: unknown,
  lineOf: (path: readonly PropertyKey[]) => number,
): PolicyFileProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      line: lineOf([...issue.path, key]),
      what: `${position(issue.path)}: unknown setting ${quote(key)}`,
    }));
  }
  const value = valueAt(content, issue.path);
  const given = value !== undefined && typeof value !== 'object' ? `${quote(value)}: ` : '';
  return [{ line: lineOf(issue.path), what: `${position(issue.path)}: ${given}${issue.message}` }];
}

/** `['rules', 1, 'restart']` → `rule 2, restart`. */
function position(path: readonly PropertyKey[]): string {
  const [first, index, ...rest] = path;
  if (first === undefined) return 'the file';
  if (first !== 'rules' || typeof index !== 'number') return path.map(String).join('.');
  return [`rule ${index + 1}`, ...(rest.length > 0 ? [rest.map(String).join('.')] : [])].join(', ');
}

function quote(value: unknown): string {
  const text = String(value);
  return JSON.stringify(text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text);
}

function valueAt(content: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    content,
  );
}

/** The line of the deepest part of `path` that is in the file. For an entry of a mapping, the line of its key. */
function lineOfPath(root: Node, path: readonly PropertyKey[], lines: LineCounter): number {
  let node: unknown = root;
  let offset = root.range?.[0] ?? 0;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => String(isScalar(item.key) ? item.key.value : item.key) === String(key));
      if (!pair) break;
      offset = (pair.key as Node | null)?.range?.[0] ?? offset;
      node = pair.value;
      continue;
    }
    const item: unknown = (node as { items?: unknown[] } | null)?.items?.[Number(key)];
    const start = (item as Node | undefined)?.range?.[0];
    if (start === undefined) break;
    offset = start;
    node = item;
  }
  return lines.linePos(offset).line;
}

function patternProblem({ set }: Rule): string | undefined {
  try {
    compileRules({ match: set.detectMatch ?? [], ignore: set.detectIgnore ?? [] });
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
