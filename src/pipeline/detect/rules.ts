/** The user's own patterns. RE2 runs them in time linear in the length of the text, whatever the pattern. */
import { RE2JS } from 're2js';

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

/** Characters. Longer patterns are refused: RE2's program grows with the pattern, and a label is no place for them. */
const MAX_PATTERN = 2000;

/** Throws an Error that names the invalid pattern and says what is wrong with it. */
export function compileRules(rules: DetectRules): CompiledRules {
  const match = rules.match.map((pattern) => compile('match', pattern));
  const ignore = rules.ignore.map((pattern) => compile('ignore', pattern));
  return {
    empty: match.length === 0 && ignore.length === 0,
    ignores: (text) => ignore.some((pattern) => pattern.matcher(text).find()),
    matches: (text) => match.some((pattern) => pattern.matcher(text).find()),
  };
}

function compile(rule: 'match' | 'ignore', pattern: string): RE2JS {
  if (pattern.trim() === '') throw new Error(`detect.${rule}: an empty pattern would find every line`);
  if (pattern.length > MAX_PATTERN) {
    throw new Error(
      `detect.${rule}: the pattern ${JSON.stringify(pattern.slice(0, 60))}… is longer than ${MAX_PATTERN} characters`,
    );
  }
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`detect.${rule}: ${JSON.stringify(pattern)} is no RE2 pattern: ${why}`, { cause: error });
  }
}
