/**
 * A fast check for lines without a level: which of their words begin like a word that may indicate an error. It takes
 * one pass over the characters. Most lines of a quiet service have no such word; for the others only the patterns of
 * the families found are tried.
 */

/**
 * For each family, beginnings of words (also within a camelCase name), of three or four letters. Every pattern of the
 * family needs at least one of them.
 */
const FAMILIES = {
  error: 'err erro',
  fail: 'fail',
  exception: 'exce',
  fatal: 'fata',
  panic: 'pani',
  traceback: 'trac',
  uncaught: 'unca unha',
  killed: 'kill oom',
  memory: 'memo oom oute outo enom allo',
  segfault: 'segm segf sigs',
  core: 'core abor buse ille floa trap smas doub mall free corr munm real',
  space: 'spac enos full quot edqu pers exha',
  files: 'many emfi enfi',
  terminate: 'term exit stop died clos',
  assertion: 'asse dead',
  address: 'alre eadd',
  exec: 'exec',
  signal: 'sign',
  cannot: "can' cann coul unab",
  crashed: 'cras',
  aborted: 'abor',
  corrupted: 'corr',
  exhausted: 'exha many quot',
  lost: 'lost',
  unexpected: 'unex unte unre unkn unsu unbo inva ille bad dupl',
  alarm: 'wate alar desc only insu inod',
  access: 'writ read acce exec reac',
  time: 'time',
  phrase:
    'refu rese abor lost perm deni such rout unre only brok dead know reso cert mism exha unav gate econ etim ehos enet eacc eper enoe epip eaia enot erof',
} as const;

export type Family = keyof typeof FAMILIES;

// Two more bits are used for statuses.
if (Object.keys(FAMILIES).length > 29) throw new Error('there are more families than bits');

const BITS = new Map<string, number>(Object.keys(FAMILIES).map((family, at) => [family, 1 << at]));
/** The line has a number that may be a 5xx status. */
const FAILED_STATUS = 1 << 30;
/** The line has a number that may be a status below 500: not evidence by itself. */
export const OTHER_STATUS = 1 << 29;
export const ANY_STATUS = FAILED_STATUS | OTHER_STATUS;

export function familyBits(families: readonly Family[]): number {
  return families.reduce((bits, family) => bits | (BITS.get(family) as number), 0);
}

const OTHER = 31;
const APOSTROPHE = 27;

/** Letters as 1–26 whatever their case, the apostrophe as 27, everything else as 31. */
const LETTER = new Uint8Array(256).fill(OTHER);
const LOWER = 1;
const CAPITAL = 2;
/** LOWER, CAPITAL, or 0 if it is no letter. */
const LETTER_CASE = new Uint8Array(256);
for (let i = 0; i < 26; i++) {
  LETTER[0x41 + i] = i + 1;
  LETTER[0x61 + i] = i + 1;
  LETTER_CASE[0x61 + i] = LOWER;
  LETTER_CASE[0x41 + i] = CAPITAL;
}
LETTER[0x27] = APOSTROPHE;

/** For the first three letters: the fourth letters that complete a stem, as bits. */
const FOURTH = new Uint32Array(1 << 15);
/** The families of each stem, by its four letters; a stem of three has ANY_FOURTH as the last. */
const OPENED = new Map<number, number>();
const ANY_FOURTH = 0;
for (const [family, stems] of Object.entries(FAMILIES)) {
  for (const stem of stems.split(' ')) {
    const letters = Array.from(stem, (char) => LETTER[char.charCodeAt(0)] as number);
    const [a, b, c, d] = letters as [number, number, number, number?];
    const key = (a << 10) | (b << 5) | c;
    FOURTH[key] = d === undefined ? 0xffffffff : (FOURTH[key] as number) | (1 << d);
    const whole = (key << 5) | (d ?? ANY_FOURTH);
    OPENED.set(whole, (OPENED.get(whole) ?? 0) | (BITS.get(family as Family) as number));
  }
}

/**
 * Texts are scanned as bytes, which is faster than character by character. Longer texts are scanned only to this size.
 */
const SCRATCH = Buffer.alloc(4_096);

/** Returns the families of the words in a text as bits, and whether the text may have a status. */
export function familiesIn(text: string): number {
  // A character above U+00FF becomes an arbitrary byte: at worst that adds a family.
  const length = SCRATCH.write(text, 0, SCRATCH.length - 4, 'latin1');
  for (let i = 0; i < 4; i++) SCRATCH[length + i] = 0;
  let bits = 0;
  for (let i = 0; i < length; i++) {
    const code = SCRATCH[i] as number;
    const kind = LETTER[code] as number;
    if (kind >= APOSTROPHE) {
      if (
        code >= 0x31 &&
        code <= 0x35 &&
        mayPrecedeStatus(i === 0 ? 0x20 : (SCRATCH[i - 1] as number)) &&
        isStatus(text, i)
      )
        bits |= code === 0x35 ? FAILED_STATUS : OTHER_STATUS;
      continue;
    }
    const key =
      (kind << 10) | ((LETTER[SCRATCH[i + 1] as number] as number) << 5) | (LETTER[SCRATCH[i + 2] as number] as number);
    const mask = FOURTH[key] as number;
    if (mask !== 0) {
      const fourth = LETTER[SCRATCH[i + 3] as number] as number;
      if ((mask & (1 << fourth)) !== 0) {
        bits |= (OPENED.get((key << 5) | fourth) ?? 0) | (OPENED.get((key << 5) | ANY_FOURTH) ?? 0);
      }
    }
    // Skip to the next word, or to the next part of a camelCase name: capitals, then lower-case letters.
    while (LETTER_CASE[SCRATCH[i] as number] === CAPITAL) i++;
    while (LETTER_CASE[SCRATCH[i] as number] === LOWER) i++;
    i--;
  }
  return bits;
}

/** Whether the character is a blank, a quote or a separator. */
function mayPrecedeStatus(code: number): boolean {
  return code === 0x20 || code === 0x22 || code === 0x3d || code === 0x3a || code === 0x7c;
}

/** Whether the digit at `at` begins a number of three digits and follows a blank, a quote or a separator. */
export function isStatus(text: string, at: number): boolean {
  if (!mayPrecedeStatus(at === 0 ? 0x20 : text.charCodeAt(at - 1))) return false;
  const second = text.charCodeAt(at + 1);
  const third = text.charCodeAt(at + 2);
  const fourth = text.charCodeAt(at + 3);
  return second >= 0x30 && second <= 0x39 && third >= 0x30 && third <= 0x39 && !(fourth >= 0x30 && fourth <= 0x39);
}
