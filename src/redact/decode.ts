/**
 * Text as it reads once its escapes are resolved: percent signs, HTML entities, backslashes, and the colours that a
 * program wrote out. Secrets are searched in it, too, and found again in the text as it stands.
 */

export interface Decoded {
  readonly text: string;
  /** Where each character came from; one more than there are characters. */
  readonly origin: Int32Array;
}

const ESCAPE =
  /%(?:25)*([0-9A-Fa-f]{2})|&(?:#(\d{1,6})|#[xX]([0-9A-Fa-f]{1,6})|(quot|amp|lt|gt|apos|nbsp|equals|colon|lbrace|rbrace|sol|commat|period|lowbar|num|excl|dollar));|\\(?:u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\}|x([0-9A-Fa-f]{2})|(033|e)(?=\[)|([nrtbf"'/\\`]))|(#033|\^\[)(?=\[)/g;
const ENTITIES: Readonly<Record<string, string>> = {
  quot: '"', amp: '&', lt: '<', gt: '>', apos: "'", nbsp: ' ', equals: '=', colon: ':', lbrace: '{', rbrace: '}', sol: '/', commat: '@', period: '.', lowbar: '_', num: '#', excl: '!', dollar: '$',
};
const BACKSLASHED: Readonly<Record<string, string>> = { n: '\n', r: '\n', t: '\t', b: '', f: ' ' };
/** Colours, once their escape is resolved. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for them
const ANSI = /\u001b\[[0-?]*[ -/]*[@-~]/g;

/** Undefined: there is nothing to resolve. */
export function decode(text: string): Decoded | undefined {
  const builder = createBuilder(text.length);
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

/** `outer` after `inner`: positions of the outermost text. */
export function compose(inner: Decoded, outer: Decoded): Decoded {
  return { text: outer.text, origin: outer.origin.map((at) => inner.origin[at] as number) };
}

function resolved(match: RegExpExecArray): string | undefined {
  const [, percent, decimal, hex, entity, unicode, braced, byte, escape, plain, literal] = match;
  if (percent !== undefined) return fromCode(Number.parseInt(percent, 16));
  if (decimal !== undefined) return fromCode(Number(decimal));
  const code = hex ?? unicode ?? braced ?? byte;
  if (code !== undefined) return fromCode(Number.parseInt(code, 16));
  if (entity !== undefined) return ENTITIES[entity];
  if (escape !== undefined || literal !== undefined) return '\u001b';
  return plain === undefined ? undefined : (BACKSLASHED[plain] ?? plain);
}

/** Bytes of UTF-8 above ASCII stand for themselves: passwords and names are found all the same. */
function fromCode(code: number): string {
  if (code === 0x1b) return '\u001b';
  if (code === 0x0a || code === 0x0d) return '\n';
  if (code < 0x20 || code === 0x7f || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return ' ';
  return String.fromCodePoint(code);
}

function withoutColours(decoded: Decoded): Decoded {
  if (!decoded.text.includes('\u001b')) return decoded;
  const builder = createBuilder(decoded.text.length);
  let from = 0;
  for (const match of decoded.text.matchAll(ANSI)) {
    builder.copy(decoded.text, from, match.index);
    from = match.index + match[0].length;
  }
  builder.copy(decoded.text, from, decoded.text.length);
  return compose(decoded, builder.done(decoded.text.length));
}

function createBuilder(length: number) {
  const parts: string[] = [];
  const origin = new Int32Array(length + 1);
  let size = 0;
  return {
    copy(text: string, from: number, to: number): void {
      if (to <= from) return;
      parts.push(text.slice(from, to));
      for (let i = from; i < to; i++) origin[size++] = i;
    },
    add(chars: string, at: number): void {
      parts.push(chars);
      for (let i = 0; i < chars.length; i++) origin[size++] = at;
    },
    done(end: number): Decoded {
      origin[size] = end;
      return { text: parts.join(''), origin: origin.subarray(0, size + 1) };
    },
  };
}
