/** Hides by default what looks random: tokens of sixteen characters and more that are no words, ids or digests. */
import { isHarmless, isHarmlessForm, isNamedHarmless } from './harmless.ts';
import { costOf, isHexadecimal, isRandom } from './random.ts';
import type { Span } from './spans.ts';

/** What keys are made of. A dot ends a token: it ends sentences and separates names. */
const TOKEN = /[A-Za-z0-9_+~/=-]{16,}/g;
/** Shorter runs say nothing of chance. */
const SHORTEST = 16;
const SHORTEST_PIECE = 12;
/** Keys are shorter; longer runs are data, looked at in their first part and hidden as a whole. */
const LONGEST_LOOKED_AT = 512;
/** Bits a character below which a piece is a word. */
const WORD_COST = 5;

/**
 * `inside`: whether the token is base64 of a text with a secret in it; false where it is base64 of harmless text,
 * undefined where it is no base64 of text.
 */
export function findRandomTokens(text: string, inside: (token: string) => boolean | undefined): Span[] {
  const spans: Span[] = [];
  for (const match of text.matchAll(TOKEN)) {
    const token = match[0].slice(match[0].replace(/=+$/, '').lastIndexOf('=') + 1);
    const secretInside = inside(token);
    if (secretInside !== undefined) {
      const end = match.index + match[0].length;
      if (secretInside) spans.push({ start: end - token.length, end });
      continue;
    }
    const found = inToken(match[0], match.index);
    // Named at its beginning, where only a part of it looks random.
    if (found.length === 0 || isHarmlessForm(match[0]) || isNamedHarmless(text, match.index)) continue;
    for (const span of found)
      if (span.end - span.start >= SHORTEST && !isHarmless(text, span.start, span.end)) spans.push(span);
  }
  return spans;
}

function inToken(token: string, at: number): Span[] {
  // `name=token`, `a=b=c`: what follows the last sign that is no padding.
  const unpadded = token.replace(/=+$/, '');
  const cut = unpadded.lastIndexOf('=') + 1;
  const value = token.slice(cut);
  const spans: Span[] = cut >= SHORTEST ? inValue(token.slice(0, cut - 1), at) : [];
  return value.length >= SHORTEST ? [...spans, ...inValue(value, at + cut)] : spans;
}

function inValue(value: string, at: number): Span[] {
  const looked = value.slice(0, LONGEST_LOOKED_AT);
  // Nothing else has a plus within or ends in padding.
  const base64 = /\w\+\w|=$/.test(looked);
  // Base64 has slashes and pluses, so have paths and sums: each piece by itself, then what belongs to it.
  const pieces: { start: number; end: number; random: boolean }[] = [];
  let from = 0;
  for (let i = 0; i <= looked.length; i++) {
    if (i < looked.length && looked[i] !== '/' && looked[i] !== '+') continue;
    if (i > from) pieces.push({ start: from, end: i, random: isRandomPiece(looked.slice(from, i)) });
    from = i + 1;
  }
  const spans: Span[] = [];
  for (let i = 0; i < pieces.length; i++) {
    if (!pieces[i]?.random) continue;
    let first = i;
    let last = i;
    while (first > 0 && belongs(looked, pieces[first - 1] as Span, base64)) first--;
    while (last + 1 < pieces.length && belongs(looked, pieces[last + 1] as Span, base64)) last++;
    const end = (pieces[last] as Span).end;
    const start = (pieces[first] as Span).start;
    // A slash at the beginning of base64 is its own, not a path's.
    spans.push({ start: at + start, end: at + (end === looked.length ? value.length : end) });
    i = last;
  }
  if (spans.length > 0 || pieces.length < 3) return spans;
  // Many short pieces: base64 that happens to have many of these signs.
  const compact = looked.replace(/[/+=]/g, '');
  const words = pieces.filter((piece) => piece.end - piece.start >= 3 && !belongs(looked, piece, base64)).length;
  return words === 0 && compact.length >= 24 && isRandom(compact) ? [{ start: at, end: at + value.length }] : [];
}

/** A piece without a slash or a plus: its parts between `-`, `_` and `~` that are no words, taken together. */
function isRandomPiece(piece: string): boolean {
  if (piece.length < SHORTEST_PIECE) return false;
  if (isHexadecimal(piece.replace(/=+$/, ''))) return false;
  const parts = piece.split(/[-_~=]+/).filter((part) => part !== '');
  if (parts.length === 1) return isRandom(parts[0] as string);
  const odd = parts.filter((part) => !isOrdinary(part));
  const rest = odd.join('-');
  return rest.length >= SHORTEST_PIECE && isRandom(rest);
}

/** Numbers, hexadecimals, words, and the short suffixes that names of pods and jobs have. */
function isOrdinary(part: string): boolean {
  if (part.length <= 5 || /^\d+$/.test(part)) return true;
  if (isHexadecimal(part)) return true;
  if (/^[bcdfghjklmnpqrstvwxz2456789]{8,10}$/.test(part) && part.length <= 10) return true;
  return costOf(part) < WORD_COST;
}

/** Whether a piece beside a random one is part of the same base64. */
function belongs(text: string, { start, end }: Span, base64: boolean): boolean {
  const piece = text.slice(start, end);
  if (base64) return piece.length <= 6 || costOf(piece) > WORD_COST;
  if (piece.length <= 3) return !/^[a-z]{2,3}$|^v\d$/.test(piece);
  return costOf(piece) > WORD_COST && !/^[a-z]+$/.test(piece);
}
