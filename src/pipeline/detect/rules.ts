/**
 * The user's own patterns. RE2 runs them in time linear in the length of the text, whatever the pattern; the factor is
 * the size of its program, which is limited here, as is the text.
 */
import { RE2JS, RE2Set } from 're2js';
import { estimatedSize } from './pattern-size.ts';

/** RE2 syntax. */
export interface DetectRules {
  /** A record that contains a match of one of these is always an error. */
  readonly match: readonly string[];
  /** A record that contains a match of one of these is never an error. Takes precedence over `match`. */
  readonly ignore: readonly string[];
}

export interface CompiledRules {
  readonly empty: boolean;
  ignores(text: string): boolean;
  matches(text: string): boolean;
}

/** The most that the patterns of one setting may be. docs/policy.md has these numbers. */
export const PATTERN_LIMITS = {
  /** Characters of a pattern. */
  length: 1000,
  /** Patterns of a setting. */
  count: 100,
  /** Instructions of the programs of all patterns of a setting together: about their characters, times repetitions. */
  size: 1000,
  /** Characters of a record, from its beginning, that are searched. Larger programs search less: see `searched`. */
  text: 8192,
} as const;

/**
 * Instructions times characters, for the patterns of a setting. In the worst case, RE2JS needs some 15 ns for each: a
 * record takes 6 ms, and a multiple if RE2's cache of states does not help.
 */
const STEPS = 400_000;

/** Bytes that a setting's patterns may use for RE2's cache of states, for each container. */
const MAX_CACHE = 512 * 1024;

/**
 * Before anything is compiled, the product of all counts in a pattern must be below this. It does not depend on how
 * `estimatedSize` reads the pattern.
 */
const MAX_COUNTS = 20_000;

/** Characters of a pattern in a message. */
const LONGEST_QUOTE = 60;

/** Throws an Error that names the invalid pattern and says what is wrong with it. */
export function compileRules(rules: DetectRules): CompiledRules {
  const match = compile('match', rules.match);
  const ignore = compile('ignore', rules.ignore);
  return {
    empty: rules.match.length === 0 && rules.ignore.length === 0,
    ignores: ignore,
    matches: match,
  };
}

/** Returns what is wrong with the patterns of one setting; undefined if nothing is. */
export function problemOfPatterns(patterns: readonly string[]): string | undefined {
  const measured = measure(patterns);
  return 'problem' in measured ? measured.problem : undefined;
}

function compile(rule: 'match' | 'ignore', patterns: readonly string[]): (text: string) => boolean {
  if (patterns.length === 0) return () => false;
  const measured = measure(patterns);
  if ('problem' in measured) throw new Error(`detect.${rule}: ${measured.problem}`);
  const set = new RE2Set(RE2Set.UNANCHORED, 0, MAX_CACHE);
  for (const pattern of patterns) set.add(pattern);
  set.compile();
  const searched = Math.min(PATTERN_LIMITS.text, Math.floor(STEPS / measured.size));
  return (text) => set.match(text.length > searched ? text.slice(0, searched) : text).length > 0;
}

/** Instructions of all programs together, at least 1. */
function measure(patterns: readonly string[]): { readonly size: number } | { readonly problem: string } {
  if (patterns.length > PATTERN_LIMITS.count) {
    return { problem: `${patterns.length} patterns; at most ${PATTERN_LIMITS.count} are allowed` };
  }
  let size = 1;
  for (const pattern of patterns) {
    const problem = problemBeforeCompiling(pattern);
    if (problem !== undefined) return { problem };
    try {
      size += RE2JS.compile(pattern).programSize();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { problem: `${quote(pattern)} is no RE2 pattern: ${why}` };
    }
    if (size > PATTERN_LIMITS.size) {
      return { problem: `${quote(pattern)} makes the patterns too expensive: ${tooExpensive}` };
    }
  }
  return { size };
}

const tooExpensive = `together at most ${PATTERN_LIMITS.size} characters and classes are allowed, where a repetition such as {50} counts as often as it repeats`;

function problemBeforeCompiling(pattern: string): string | undefined {
  if (pattern.trim() === '') return 'an empty pattern would find every line';
  if (pattern.length > PATTERN_LIMITS.length) {
    return `the pattern ${quote(pattern)} is longer than ${PATTERN_LIMITS.length} characters`;
  }
  const counts = [...pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/g)].map(([, least, most]) =>
    Math.max(1, Number(least), Number(most || 0)),
  );
  const repeated = counts.reduce((product, count) => product * count, 1);
  return repeated > MAX_COUNTS || estimatedSize(pattern) > 2 * PATTERN_LIMITS.size
    ? `${quote(pattern)} is too expensive: ${tooExpensive}`
    : undefined;
}

function quote(pattern: string): string {
  return pattern.length > LONGEST_QUOTE
    ? `${JSON.stringify(pattern.slice(0, LONGEST_QUOTE))}…`
    : JSON.stringify(pattern);
}
