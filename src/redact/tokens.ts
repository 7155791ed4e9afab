/** Finds tokens of at least 16 characters that look random, unless they are known to be ids, digests or the like. */
import { endsHarmless, isHarmless, isHarmlessForm, isNamedHarmless } from './harmless.ts';
import { isIdName } from './names.ts';
import { costOf, FEWEST_LETTERS, isHexadecimal, isRandom } from './random.ts';
import type { Span } from './spans.ts';

/** Characters. Shorter tokens cannot be recognized as random. */
const SHORTEST = 16;
const SHORTEST_PIECE = 12;
/** Short parts are random together only with LONG_ENOUGH characters, or if one of them has LONG_PART characters. */
const LONG_ENOUGH = 22;
const LONG_PART = 10;
/** Characters. Keys are shorter. A longer value is data: its beginning is judged, and it is hidden as a whole. */
const LONGEST_EXAMINED = 512;
/** Bits per character below which a piece is a word. */
const WORD_COST = 5;
/** Bits per character above which a part that a dot separates from a random one is random, too. */
const DOTTED_COST = 5.5;

/**
 * `inside`: returns whether the text that a token encodes in base64 has a secret in it; undefined if the token is not
 * base64 of a text.
 */
export function findRandomTokens(text: string, inside: (token: string) => boolean | undefined): Span[] {
  const spans: Span[] = [];
  for (const { start, end } of runs(text)) {
    const run = text.slice(start, end);
    const token = run.slice(valueStart(run));
    const secretInside = inside(token);
    if (secretInside !== undefined) {
      if (secretInside) spans.push({ start: end - token.length, end });
      continue;
    }
    const found = inToken(run, start);
    // The whole run may be harmless although only a part of it looks random.
    if (found.length === 0 || isHarmlessForm(run) || isNamedHarmless(text, start)) continue;
    for (const span of found) {
      if (span.end - span.start < SHORTEST) continue;
      const isWhole = span.start === start && span.end === end;
      const harmless = isWhole ? endsHarmless(text, start, end) : isHarmless(text, span.start, span.end);
      if (!harmless) spans.push(withDotted(text, span));
    }
  }
  return spans;
}

/**
 * Yields the runs of characters of keys that mix letters with digits or both cases, or are long enough. A dot ends a
 * run, because it ends sentences and separates names.
 */
function* runs(text: string): Generator<Span> {
  let start = 0;
  let kinds = 0;
  for (let i = 0; i <= text.length; i++) {
    const kind = i < text.length ? (KINDS[text.charCodeAt(i)] ?? 0) : 0;
    if (kind !== 0) {
      kinds |= kind;
      continue;
    }
    // Letters of one case count if they are long enough to be random.
    if (i - start >= SHORTEST && (kinds & (kinds - 1) & 7) !== 0) yield { start, end: i };
    else if (i - start >= FEWEST_LETTERS && (kinds & 3) !== 0) yield { start, end: i };
    start = i + 1;
    kinds = 0;
  }
}

/** By character code: 1 for lower-case letters, 2 for upper-case letters, 4 for digits, 8 for symbols of keys. */
const KINDS = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  const char = String.fromCharCode(code);
  if (/[a-z]/.test(char)) KINDS[code] = 1;
  else if (/[A-Z]/.test(char)) KINDS[code] = 2;
  else if (/\d/.test(char)) KINDS[code] = 4;
  else if (/[_+~/=-]/.test(char)) KINDS[code] = 8;
}

/** Extends the span by the parts before and after it that look random, because dots separate the parts of some keys. */
function withDotted(text: string, { start, end }: Span): Span {
  const before = /(?<![\w.-])[\w-]{8,64}\.$/.exec(text.slice(Math.max(0, start - 66), start))?.[0];
  const after = /^\.[\w-]{8,64}(?![\w.-])/.exec(text.slice(end, end + 66))?.[0];
  return {
    start: before !== undefined && isDotted(before.slice(0, -1)) ? start - before.length : start,
    end: after !== undefined && isDotted(after.slice(1)) ? end + after.length : end,
  };
}

function isDotted(part: string): boolean {
  return /[a-z].*[A-Z]|[A-Z].*[a-z]|[a-z]\d+[a-z]/.test(part) && costOf(part) > DOTTED_COST;
}

/** Where the value begins in `name=value` and `a=b=value`: after the last `=` that is not padding. */
function valueStart(run: string): number {
  return run.replace(/=+$/, '').lastIndexOf('=') + 1;
}

function inToken(token: string, at: number): Span[] {
  const cut = valueStart(token);
  const value = token.slice(cut);
  const spans: Span[] = cut >= SHORTEST ? inValue(token.slice(0, cut - 1), at) : [];
  return value.length >= SHORTEST ? [...spans, ...inValue(value, at + cut)] : spans;
}

function inValue(value: string, at: number): Span[] {
  const examined = value.slice(0, LONGEST_EXAMINED);
  // Only base64 has a plus inside or ends in padding.
  const base64 = /\w\+\w|=$/.test(examined);
  // Base64 has slashes and pluses, but so do paths and sums: each piece is judged alone, then joined with others.
  const pieces: { start: number; end: number; random: boolean }[] = [];
  let from = 0;
  for (let i = 0; i <= examined.length; i++) {
    if (i < examined.length && examined[i] !== '/' && examined[i] !== '+') continue;
    if (i > from) pieces.push({ start: from, end: i, random: isRandomPiece(examined.slice(from, i)) });
    from = i + 1;
  }
  const spans: Span[] = [];
  for (let i = 0; i < pieces.length; i++) {
    if (!pieces[i]?.random) continue;
    let first = i;
    let last = i;
    while (first > 0 && belongs(examined, pieces[first - 1] as Span, base64)) first--;
    while (last + 1 < pieces.length && belongs(examined, pieces[last + 1] as Span, base64)) last++;
    const end = (pieces[last] as Span).end;
    const start = (pieces[first] as Span).start;
    spans.push({ start: at + start, end: at + (end === examined.length ? value.length : end) });
    i = last;
  }
  if (spans.length > 0 || pieces.length < 2) return spans;
  // Only short pieces: base64 that happens to have many slashes and pluses.
  const compact = examined.replace(/[/+=]/g, '');
  if (base64 && compact.length >= SHORTEST && !examined.startsWith('/') && isRandom(compact))
    return [{ start: at, end: at + value.length }];
  const words = pieces.filter((piece) => piece.end - piece.start >= 3 && !belongs(examined, piece, base64)).length;
  return words === 0 && compact.length >= 24 && isRandom(compact) ? [{ start: at, end: at + value.length }] : [];
}

/** Issuers put a short prefix such as `sqx_` before a hexadecimal key. The prefixes of ids and digests are words. */
const PREFIXED_HEX = /^([a-z]{2,4})_[\da-f]{30,128}$/;
/** Signing keys of Mailgun, keys of Mailchimp. */
const HEX_PARTS = /^[a-f\d]{32}-(?:[a-f\d]{8}-[a-f\d]{8}|us\d{1,2})$/;
const MARKED = /(?:^|[_-])(?:live|test|prod|sandbox|secret|sk|pat|key|token|tkn|sec)[_-]([A-Za-z\d]{16,128})$/;

function isPrefixed(piece: string): boolean {
  const prefix = PREFIXED_HEX.exec(piece)?.[1];
  if (prefix !== undefined) return !isIdName(prefix) && !SHORT_WORDS.has(prefix);
  const marked = MARKED.exec(piece)?.[1];
  return (
    marked !== undefined &&
    (isHexadecimal(marked) ? marked.length >= 24 && /[a-f].*\d|\d.*[a-f]/.test(marked) : isRandom(marked))
  );
}

/** Prefixes of hexadecimal ids. */
const SHORT_WORDS: ReadonlySet<string> = new Set(
  'tmp temp img pic file dir log logs db app apps web dev prd idx vol net ns svc pv pvc lb vm rev etl var arg fn cls css js bin ts blk blob run req res msg doc obj row col tbl job jobs task user org team acc act evt ev ctx conn sub pub grp ref src dst in out old new bak data lib pkg mod cfg env ci cd build step node host pod rs ds sts cm dag wf sc cur cmd tag set map part seg shard page post item cart inv ord cust prod sku'.split(
    ' ',
  ),
);

/** Judges a piece without slashes and pluses by all its parts between `-`, `_`, `~` and `=` that are not ordinary. */
function isRandomPiece(piece: string): boolean {
  if (piece.length < SHORTEST_PIECE) return false;
  if (HEX_PARTS.test(piece)) return true;
  if (isHexadecimal(piece.replace(/=+$/, ''))) return false;
  if (isPrefixed(piece)) return true;
  const parts = piece.split(/[-_~=]+/).filter((part) => part !== '');
  if (parts.length === 1) return isRandom(parts[0] as string);
  // Names of packages, hosts and pods have lower-case letters and hyphens: one part must be random by itself.
  if (!/[A-Z]/.test(piece)) return parts.some((part) => part.length >= SHORTEST_PIECE && isRandom(part));
  const odd = parts.filter((part) => !isOrdinary(part));
  const rest = odd.join('-');
  if (rest.length < LONG_ENOUGH && Math.max(...odd.map((part) => part.length), 0) < LONG_PART) return false;
  return rest.length >= SHORTEST_PIECE && isRandom(rest);
}

/** Decimal and hexadecimal numbers, words, and the short suffixes in names of pods and jobs. */
function isOrdinary(part: string): boolean {
  if (/^\d+$/.test(part)) return true;
  if (part.length <= 5) return !/[a-z].*[A-Z]|[A-Z]{2}.*[a-z]|[A-Z]\d|\d[A-Z]/.test(part);
  if (isHexadecimal(part)) return true;
  if (/^[bcdfghjklmnpqrstvwxz2456789]{8,10}$/.test(part)) return true;
  return costOf(part) < WORD_COST;
}

/** Whether a piece next to a random one is part of the same base64. */
function belongs(text: string, { start, end }: Span, base64: boolean): boolean {
  const piece = text.slice(start, end);
  if (base64) return piece.length <= 10 || costOf(piece) > WORD_COST;
  if (piece.length <= 3) return !/^(?:[a-z]{1,3}|v\d|\d+)$/.test(piece);
  return costOf(piece) > WORD_COST && /[A-Z]|[a-z]\d+[a-z]/.test(piece);
}
