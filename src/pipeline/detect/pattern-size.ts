/** An upper bound of the size of a pattern's program, without compiling it: RE2 copies a repeated part for each repetition. */

/** A counted repetition; the larger count is what RE2 copies. */
const COUNT = /\{(\d+)(?:,(\d*))?\}/y;

/**
 * Returns about how many instructions RE2 would need: one for each character or class, times the counts of the groups
 * around it. For an invalid pattern the result has no meaning.
 */
export function estimatedSize(pattern: string): number {
  const outer: number[] = [];
  let total = 0;
  let last = 0;
  let i = 0;
  const atom = (size: number, length: number): void => {
    total += last;
    last = size;
    i += length;
  };
  while (i < pattern.length) {
    COUNT.lastIndex = i;
    const count = COUNT.exec(pattern);
    const character = pattern[i];
    if (count !== null) {
      last *= Math.max(1, Number(count[1]), Number(count[2] || 0));
      i += count[0].length;
    } else if (pattern.startsWith('\\Q', i)) {
      const end = pattern.indexOf('\\E', i + 2);
      const length = (end === -1 ? pattern.length : end + 2) - i;
      total += last + length;
      atom(1, length);
    } else if (character === '\\') atom(1, pattern[i + 1] === 'p' || pattern[i + 1] === 'P' ? 3 : 2);
    else if (character === '[') atom(1, classLength(pattern, i));
    else if (character === '(') {
      outer.push(total + last);
      total = 0;
      last = 0;
      i += 1;
    } else if (character === ')') {
      const group = total + last + 2;
      total = outer.pop() ?? 0;
      last = group;
      i += 1;
    } else if (character === '*' || character === '+' || character === '?') {
      last += 1;
      i += 1;
    } else atom(1, 1);
  }
  return outer.reduce((sum, size) => sum + size, total + last);
}

/** The length of the class that begins at `start`. A bracket at its beginning belongs to it. */
function classLength(pattern: string, start: number): number {
  let i = start + 1;
  if (pattern[i] === '^') i += 1;
  if (pattern[i] === ']') i += 1;
  while (i < pattern.length && pattern[i] !== ']') {
    const named = /\[:\^?\w+:\]/y;
    named.lastIndex = i;
    i += named.exec(pattern)?.[0].length ?? (pattern[i] === '\\' ? 2 : 1);
  }
  return i + 1 - start;
}
