/** Decides whether a run of characters looks random: more likely chance than words or an identifier. */
import { DIGIT, EDGE, SYMBOLS, symbolOf } from './symbols.ts';
import { PAIR_COSTS } from './word-model.ts';

const COSTS = Float32Array.from(
  PAIR_COSTS.flatMap((row) =>
    [...row].map((letter) => '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'.indexOf(letter) / 5),
  ),
);

/**
 * Bits per character above which a run is random. Measured: 99.9 % of runs of 16 random base62 characters cost more
 * than 5.6, 99 % of 16 base36 characters more than 5.3, and 99 % of 20 lower-case letters more than 5.8. Identifiers
 * cost 3.5 to 5, or up to 5.9 with many acronyms; words of other languages cost up to 5.4.
 */
const MIXED = 5.9;
const ONE_CASE = 5.75;
const LETTERS_ALONE = 6.2;
/** Characters. A shorter run of letters of one case is more likely an unpronounceable name. */
export const FEWEST_LETTERS = 20;

/** Returns the mean bits per character of the text as words. A text of capitals is read as lower case. */
export function costOf(text: string): number {
  const capitals = !/[a-z]/.test(text);
  let previous = EDGE;
  let bits = 0;
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const symbol = symbolOf(capitals && code >= 0x41 && code <= 0x5a ? code + 32 : code);
    // Only the first digit of a number counts.
    if (symbol !== EDGE && !(symbol === DIGIT && previous === DIGIT)) {
      bits += COSTS[previous * SYMBOLS + symbol] as number;
      count++;
    }
    previous = symbol;
  }
  return count === 0 ? 0 : bits / count;
}

/** `text`: at least 12 letters, digits and symbols of base64. */
export function isRandom(text: string): boolean {
  if (isHexadecimal(text) || isSequence(text)) return false;
  const lower = /[a-z]/.test(text);
  const upper = /[A-Z]/.test(text);
  const digit = /\d/.test(text);
  if (!lower && !upper) return false;
  if (new Set(text).size < Math.min(10, text.length / 2)) return false;
  const cost = costOf(text);
  if (!digit)
    return lower && upper ? cost > MIXED && text.length >= 16 : cost > LETTERS_ALONE && text.length >= FEWEST_LETTERS;
  // A number with a word before or after it: ORA00942, x86.
  if (text.replace(/\D/g, '').length > text.length * 0.7) return false;
  return cost > (lower && upper ? MIXED : ONE_CASE);
}

/** For a value whose name may mean a secret: has at least `shortest` characters, and is no word, path or number. */
export function looksLikeKey(value: string, shortest: number): boolean {
  if (value.length < shortest || !/^[A-Za-z0-9+=_~-][A-Za-z0-9+/=_.~-]+$/.test(value)) return false;
  const compact = value.replace(/[-_]/g, '');
  if (/^[\da-f]+$/i.test(compact)) return compact.length >= shortest && /\d/.test(value) && /[a-f]/i.test(value);
  return isRandom(value);
}

export function isHexadecimal(text: string): boolean {
  return /^(?:0x)?(?:[\da-f]+|[\dA-F]+)$/.test(text.replace(/[-_]/g, ''));
}

/** Mostly consecutive or repeated characters: an alphabet, or one character many times. */
function isSequence(text: string): boolean {
  let steps = 0;
  for (let i = 1; i < text.length; i++) {
    const step = text.charCodeAt(i) - text.charCodeAt(i - 1);
    if (step === 0 || step === 1) steps++;
  }
  return steps > text.length * 0.5;
}
