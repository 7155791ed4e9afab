/** Whether a run of characters looks random: less likely as words and identifiers than as the work of chance. */
import { DIGIT, EDGE, SYMBOLS, symbolOf } from './symbols.ts';
import { PAIR_COSTS } from './word-model.ts';

const COSTS = Float32Array.from(
  PAIR_COSTS.flatMap((row) =>
    [...row].map((letter) => '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'.indexOf(letter) / 5),
  ),
);

/**
 * Bits a character above which a run is random. Measured: of 16 random characters of base62, 99.9 % cost more than
 * 5.6, of base36 99 % more than 5.3, and of 20 lower-case letters 99 % more than 5.8; identifiers cost 3.5 to 5,
 * words of other languages up to 5.4, those with many acronyms up to 5.9.
 */
const MIXED = 5.9;
const ONE_CASE = 5.75;
const LETTERS_ALONE = 6.2;
/** Lower-case letters alone: below it a name that nobody can pronounce is likelier. */
export const FEWEST_LETTERS = 20;

/** Mean bits a character as a word. Capitals alone are read as small letters. */
export function costOf(text: string): number {
  const capitals = !/[a-z]/.test(text);
  let previous = EDGE;
  let bits = 0;
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const symbol = symbolOf(capitals && code >= 0x41 && code <= 0x5a ? code + 32 : code);
    // A number costs what its first digit does.
    if (symbol !== EDGE && !(symbol === DIGIT && previous === DIGIT)) {
      bits += COSTS[previous * SYMBOLS + symbol] as number;
      count++;
    }
    previous = symbol;
  }
  return count === 0 ? 0 : bits / count;
}

/** `text`: letters, digits and the signs of base64. At least 12 characters. */
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
  // Numbers with a word at their end or beginning: ORA00942, x86.
  if (text.replace(/\D/g, '').length > text.length * 0.7) return false;
  return cost > (lower && upper ? MIXED : ONE_CASE);
}

/** For a value behind a name that may mean a secret: what is at least so long and no word, path or number. */
export function looksLikeKey(value: string, shortest: number): boolean {
  if (value.length < shortest || !/^[A-Za-z0-9+=_~-][A-Za-z0-9+/=_.~-]+$/.test(value)) return false;
  const compact = value.replace(/[-_]/g, '');
  if (/^[\da-f]+$/i.test(compact)) return compact.length >= shortest && /\d/.test(value) && /[a-f]/i.test(value);
  return isRandom(value);
}

export function isHexadecimal(text: string): boolean {
  return /^(?:0x)?(?:[\da-f]+|[\dA-F]+)$/.test(text.replace(/[-_]/g, ''));
}

/** An alphabet written out, or one character again and again. */
function isSequence(text: string): boolean {
  let steps = 0;
  for (let i = 1; i < text.length; i++) {
    const step = text.charCodeAt(i) - text.charCodeAt(i - 1);
    if (step === 0 || step === 1) steps++;
  }
  return steps > text.length * 0.5;
}
