/**
 * A first look at a line without a level: whether any of its words begins like one that could tell trouble,
 * and which. One walk over the characters: most lines of a quiet service end here, the others need only the
 * patterns of what was found.
 */

/**
 * By family: the beginnings of words (also within a camelCase name), of three or four letters, one of which a
 * pattern of that family needs.
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
  core: 'core abor buse ille floa trap',
  heap: 'smas doub mall free corr munm real',
  space: 'spac enos full quot edqu pers exha',
  files: 'many emfi enfi',
  terminate: 'term exit stop died clos',
  assertion: 'asse',
  address: 'alre eadd',
  exec: 'exec',
  deadlock: 'dead',
  signal: 'sign',
  cannot: "can' cann coul unab",
  crashed: 'cras',
  aborted: 'abor',
  corrupted: 'corr',
  exhausted: 'exha many quot',
  lost: 'lost',
  unexpected: 'unex unte unre unkn unsu unbo unab inva ille miss bad dupl not cann inte',
  alarm: 'wate alar desc read insu runn',
  time: 'time',
  phrase:
    'refu rese abor lost perm deni such rout unre only brok dead know reso cert mism exha unav gate econ etim ehos enet eacc eper enoe epip eaia enot erof',
} as const;

export type Family = keyof typeof FAMILIES;

const BITS = new Map<string, number>(Object.keys(FAMILIES).map((family, at) => [family, 1 << at]));
/** A status of 5xx stands in the line. */
const STATUS = 1 << 30;

export function familyBits(families: readonly Family[]): number {
  return families.reduce((bits, family) => bits | (BITS.get(family) as number), 0);
}

/** By the first letters in lower case: the families that they open. */
const OPENED = new Map<string, number>();
for (const [family, stems] of Object.entries(FAMILIES)) {
  for (const stem of stems.split(' ')) OPENED.set(stem, (OPENED.get(stem) ?? 0) | (BITS.get(family) as number));
}

const OTHER = 31;
const APOSTROPHE = 27;

/** Letters as 1–26 whatever their case, the apostrophe as 27, everything else as 31. */
const LETTER = new Uint8Array(128).fill(OTHER);
for (let i = 0; i < 26; i++) {
  LETTER[0x41 + i] = i + 1;
  LETTER[0x61 + i] = i + 1;
}
LETTER[0x27] = APOSTROPHE;

/** By the first three letters: which fourth ones make a stem, as bits. */
const FOURTH = new Uint32Array(1 << 15);
for (const stem of OPENED.keys()) {
  const [a, b, c, d] = [0, 1, 2, 3].map((at) => LETTER[stem.charCodeAt(at)] ?? OTHER) as [
    number,
    number,
    number,
    number,
  ];
  const key = (a << 10) | (b << 5) | c;
  FOURTH[key] = stem.length === 3 ? 0xffffffff : (FOURTH[key] as number) | (1 << d);
}

function letter(text: string, at: number): number {
  const code = text.charCodeAt(at); // NaN behind the end
  return code < 128 ? (LETTER[code] as number) : OTHER;
}

function opened(text: string, at: number): number {
  return (
    (OPENED.get(text.slice(at, at + 4).toLowerCase()) ?? 0) | (OPENED.get(text.slice(at, at + 3).toLowerCase()) ?? 0)
  );
}

/** The families that the words of a text open, as bits. */
export function familiesIn(text: string): number {
  const length = text.length;
  let bits = 0;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    const kind = code < 128 ? (LETTER[code] as number) : OTHER;
    if (kind >= APOSTROPHE) {
      // A status of 5xx, as in access logs.
      if (code === 0x35 && isFiveHundred(text, i)) bits |= STATUS;
      continue;
    }
    const mask = FOURTH[(kind << 10) | (letter(text, i + 1) << 5) | letter(text, i + 2)] as number;
    if (mask !== 0 && (mask & (1 << letter(text, i + 3))) !== 0) bits |= opened(text, i);
    // On to the next word, or the next hump of a camelCase name.
    let lower = code >= 0x61;
    for (i++; i < length; i++) {
      const next = text.charCodeAt(i);
      if (next >= 0x61 && next <= 0x7a) lower = true;
      else if (next >= 0x41 && next <= 0x5a) {
        if (lower) {
          i--;
          break;
        }
      } else {
        i--;
        break;
      }
    }
  }
  return bits;
}

/** Whether a number from 500 to 599 begins at `at`, behind a blank, a quote or a separator. */
export function isFiveHundred(text: string, at: number): boolean {
  const before = at === 0 ? 0x20 : text.charCodeAt(at - 1);
  if (before !== 0x20 && before !== 0x22 && before !== 0x3d && before !== 0x3a && before !== 0x7c) return false;
  const second = text.charCodeAt(at + 1);
  const third = text.charCodeAt(at + 2);
  const fourth = text.charCodeAt(at + 3);
  return second >= 0x30 && second <= 0x39 && third >= 0x30 && third <= 0x39 && !(fourth >= 0x30 && fourth <= 0x39);
}
