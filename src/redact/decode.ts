/**
 * Resolves the escapes in a text: percent encoding, HTML entities, backslash escapes, and colour codes whose escape
 * character is written out. The resolved text is searched for secrets, too; `origin` maps their positions back.
 */

export interface Decoded {
  readonly text: string;
  /** Maps a position in `text` to its position in the original text. The end of `text` maps to the end. */
  origin(at: number): number;
}

const ESCAPE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it must match them
  /%(?:25)*([0-9A-Fa-f]{2})|&(?:#(\d{1,6})|#[xX]([0-9A-Fa-f]{1,6})|(quot|amp|lt|gt|apos|nbsp|equals|colon|lbrace|rbrace|sol|commat|period|lowbar|num|excl|dollar));|\\(?:u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\}|x([0-9A-Fa-f]{2})|(033|e)(?=\[)|([nrtbf"'/\\`]))|(#033|\^\[|\u001b)(?=\[)/g;
const ENTITIES: Readonly<Record<string, string>> = {
  quot: '"',
  amp: '&',
  lt: '<',
  gt: '>',
  apos: "'",
  nbsp: ' ',
  equals: '=',
  colon: ':',
  lbrace: '{',
  rbrace: '}',
  sol: '/',
  commat: '@',
  period: '.',
  lowbar: '_',
  num: '#',
  excl: '!',
  dollar: '$',
};
const BACKSLASHED: Readonly<Record<string, string>> = { n: '\n', r: '\n', t: '\t', b: '', f: ' ' };
/** Colour codes and other terminal sequences, after their escape character is resolved. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it must match them
const ANSI = /\u001b\[[0-?]*[ -/]*[@-~]/g;

/** Returns undefined if the text has no escapes. */
export function decode(text: string): Decoded | undefined {
  const builder = createBuilder();
  let from = 0;
  for (const match of text.matchAll(ESCAPE)) {
    const char = resolved(match);
    if (char === undefined) continue;
    builder.copy(text, from, match.index);
    builder.add(char, match.index);
    from = match.index + match[0].length;
  }
  if (from === 0) return undefined;
  builder.copy(text, from, text.length);
  return withoutColours(builder.done(text.length));
}

/** `outer` was decoded from `inner.text`: returns its text with positions in the text that `inner` was decoded from. */
export function compose(inner: Decoded, outer: Decoded): Decoded {
  return { text: outer.text, origin: (at) => inner.origin(outer.origin(at)) };
}

function resolved(match: RegExpExecArray): string | undefined {
  const [, percent, decimal, hex, entity, unicode, braced, byte, escaped, plain, literal] = match;
  if (percent !== undefined) return fromCode(Number.parseInt(percent, 16));
  if (decimal !== undefined) return fromCode(Number(decimal));
  const code = hex ?? unicode ?? braced ?? byte;
  if (code !== undefined) return fromCode(Number.parseInt(code, 16));
  if (entity !== undefined) return ENTITIES[entity];
  if (escaped !== undefined || literal !== undefined) return '\u001b';
  return plain === undefined ? undefined : (BACKSLASHED[plain] ?? plain);
}

/** Each byte of UTF-8 above ASCII becomes a separate character. That is enough to find names and passwords. */
function fromCode(code: number): string {
  if (code === 0x1b) return '\u001b';
  if (code === 0x0a || code === 0x0d) return '\n';
  if (code < 0x20 || code === 0x7f || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return ' ';
  return String.fromCodePoint(code);
}

function withoutColours(decoded: Decoded): Decoded {
  if (!decoded.text.includes('\u001b')) return decoded;
  const builder = createBuilder();
  let from = 0;
  for (const match of decoded.text.matchAll(ANSI)) {
    builder.copy(decoded.text, from, match.index);
    from = match.index + match[0].length;
  }
  builder.copy(decoded.text, from, decoded.text.length);
  return compose(decoded, builder.done(decoded.text.length));
}

/** Builds a text from copied parts of another text, and from characters that replace parts of it. */
export function createBuilder() {
  const parts: string[] = [];
  /** For each part: its start in the new text, its start in the old one, and whether it is a copy. */
  const starts: number[] = [];
  const origins: number[] = [];
  const copies: boolean[] = [];
  let size = 0;
  const push = (part: string, at: number, copied: boolean): void => {
    parts.push(part);
    starts.push(size);
    origins.push(at);
    copies.push(copied);
    size += part.length;
  };
  return {
    copy(text: string, from: number, to: number, offset = 0): void {
      if (to > from) push(text.slice(from, to), from + offset, true);
    },
    add(chars: string, at: number): void {
      if (chars !== '') push(chars, at, false);
    },
    done(end: number): Decoded {
      return {
        text: parts.join(''),
        origin(at) {
          if (at >= size) return end;
          const part = lastAtMost(starts, at);
          return (origins[part] as number) + (copies[part] ? at - (starts[part] as number) : 0);
        },
      };
    },
  };
}

/** Returns the index of the last of the ascending numbers that is not above `at`. */
function lastAtMost(numbers: readonly number[], at: number): number {
  let low = 0;
  let high = numbers.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((numbers[middle] as number) <= at) low = middle;
    else high = middle - 1;
  }
  return low;
}
