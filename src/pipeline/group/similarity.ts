/**
 * Decides when two problems whose words differ are reported as one. Merging hides a problem, splitting costs one
 * request, so the limits are strict. test/fixtures/detect/pairs.json has the pairs that they are tested with.
 */
import type { ProblemKey } from './fingerprint.ts';
import { isMask } from './mask.ts';
import { looksLikeName } from './templates.ts';

/**
 * Smallest share of tokens that both messages have in common, in order, if they have no location in the code: about one
 * differing name in 14 words.
 */
const SAME_MESSAGE = 0.93;
/** The same, if one statement of the program logged both. */
const SAME_SITE = 0.7;

/** Returns 0 if the two must stay separate; otherwise the share of tokens in common, above 0 and at most 1. */
export function similarity(a: ProblemKey, b: ProblemKey): number {
  if (a.kind !== b.kind || a.kind === 'stack' || a.site !== b.site) return 0;
  if (a.types.length !== b.types.length || a.types.some((type, at) => type !== b.types[at])) return 0;
  const common = commonTokens(a.tokens, b.tokens);
  const share = (2 * common.length) / (a.tokens.length + b.tokens.length);
  if (a.kind === 'site') return share >= SAME_SITE ? share : 0;
  if (share < SAME_MESSAGE) return 0;
  return namesOnly(a.tokens, common) && namesOnly(b.tokens, common) ? share : 0;
}

/** Returns the longest common subsequence. */
function commonTokens(a: readonly string[], b: readonly string[]): string[] {
  let front = 0;
  while (front < a.length && front < b.length && a[front] === b[front]) front++;
  let back = 0;
  while (back < a.length - front && back < b.length - front && a[a.length - 1 - back] === b[b.length - 1 - back])
    back++;
  const middleA = a.slice(front, a.length - back);
  const middleB = b.slice(front, b.length - back);
  const common = a.slice(0, front);
  if (middleA.length > 0 && middleB.length > 0) {
    const width = middleB.length + 1;
    const table = new Uint16Array((middleA.length + 1) * width);
    for (let i = middleA.length - 1; i >= 0; i--) {
      for (let j = middleB.length - 1; j >= 0; j--) {
        table[i * width + j] =
          middleA[i] === middleB[j]
            ? (table[(i + 1) * width + j + 1] as number) + 1
            : Math.max(table[(i + 1) * width + j] as number, table[i * width + j + 1] as number);
      }
    }
    for (let i = 0, j = 0; i < middleA.length && j < middleB.length; ) {
      if (middleA[i] === middleB[j]) {
        common.push(middleA[i] as string);
        i++;
        j++;
      } else if ((table[(i + 1) * width + j] as number) >= (table[i * width + j + 1] as number)) i++;
      else j++;
    }
  }
  common.push(...a.slice(a.length - back));
  return common;
}

/**
 * Whether all tokens that are not in common are names (`ts-seat-service`, `<id>`), never plain words: `refused` is not
 * `reset`.
 */
function namesOnly(tokens: readonly string[], common: readonly string[]): boolean {
  let at = 0;
  for (const token of tokens) {
    if (at < common.length && token === common[at]) at++;
    else if (!isMask(token) && !looksLikeName(token)) return false;
  }
  return true;
}
