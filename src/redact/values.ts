/** Reads the value after a name, in the notations of programs: quoted, wrapped, in brackets, as a block, or bare. */
import { beginsWithMask } from './masks.ts';
import type { Span } from './spans.ts';

export interface Value extends Span {
  readonly quoted: boolean;
  /** Within brackets, or an entry of a list. */
  readonly nested: boolean;
  /** Within braces, where it has its own name. */
  readonly named?: boolean;
}

interface ReadOptions {
  /** The name is in a query string: `&` ends the value. */
  readonly query: boolean;
  /** The name is in double quotes: a bare value is a number or a word of JSON. */
  readonly json: boolean;
  /** Characters; default 4096, within brackets 768. */
  readonly longest?: number;
}

/** Characters. Longer than any key. The limits bound the cost of a hostile line. */
const LONGEST_VALUE = 4096;
const LONGEST_BRACKETS = 768;
/** Levels of wrappers that are read. */
const DEEPEST = 4;

/** A quote with the prefix that some languages allow: b'…', N'…', $'…'. */
const QUOTE = /(?:[bBuUrRfFnNeELxX$@&]{1,2}|br|rb)?(\\{0,15}(?:"""|'''|["'`])|[“”„«»‘’‚「『])/y;
const CLOSING: Readonly<Record<string, string>> = {
  '“': '”',
  '”': '”',
  '„': '“”',
  '«': '»',
  '»': '«',
  '‘': '’',
  '’': '’',
  '‚': '‘’',
  '「': '」',
  '『': '』',
};
const BLANKS = /[^\S\n]{0,64}/y;
/** `string(13) "…"` of PHP, `<<"…">>` of Erlang, `@as 'x'`; may begin on the next line. */
const PHP_STRING = /\s{0,32}string\(\d{1,6}\)[^\S\n]?(?=")/y;
const ERLANG_BINARY = /<<(?=["'])/y;
/** `Some("…")`, `SecretStr('…')`, `new Secret(…`, `Value::String("…")`, `Just "…"`. */
const WRAPPER =
  /(?:(?:Just|Some|Ok|Right|Left)[^\S\n]|(?:new[^\S\n])?[A-Za-z_][\w.:]{0,60}(?:<[\w.:]{1,40}>)?(?:\(\s{0,40}|\{[^\S\n]?|\[))(?=(?:[bBuUrRnN$@&]?\\{0,7}["'`])|[A-Za-z_][\w.:]{0,40}[({[])/y;
const YAML_LIST = /[^\S\n]{0,8}\n[^\S\n]{1,40}- /y;
const YAML_ENTRY = /[^\S\n]{1,40}- ["']?([^\s"':{[][^\n"':]{2,200}?)(["']?[^\S\n]{0,8})(?=\n|$)/y;
const BLOCK_SCALAR = /[|>][+-]?\d?[^\S\n]{0,8}\n/y;

/** Returns the parts of the value at `at`: none if there is no value, several for arrays and objects. */
export function readValues(text: string, at: number, options: ReadOptions, depth = 0): Value[] {
  let start = skip(BLANKS, text, at);
  start = skip(PHP_STRING, text, start);
  start = skip(ERLANG_BINARY, text, start);
  const quote = matchAt(QUOTE, text, start);
  if (quote !== undefined) {
    const open = quote[1] as string;
    const from = start + quote[0].length;
    const end = from + lengthToClose(text, from, open, depth > 0 || options.json);
    return [{ start: from, end, quoted: true, nested: false }];
  }
  if (beginsWithMask(text.slice(start, start + 120))) return [];
  const list = matchAt(YAML_LIST, text, start);
  if (list !== undefined) return readList(text, start + 1);
  const block = matchAt(BLOCK_SCALAR, text, start);
  if (block !== undefined) return readBlock(text, at, start + block[0].length);
  if (depth < DEEPEST) {
    const wrapper = matchAt(WRAPPER, text, start);
    // A call that reads a variable or a file contains its name, not the secret.
    if (
      wrapper !== undefined &&
      /(?:require|import|getenv|environ|env|ENV|getProperty|config|get|fetch|open|read\w*|input|getpass|prompt|format|startsWith|indexOf|includes|join|split|filter|select|find\w*)[([{]/.test(
        wrapper[0],
      )
    )
      return [];
    if (wrapper !== undefined) {
      const inner = readValues(text, start + wrapper[0].length, options, depth + 1);
      if (inner.length > 0) return inner;
    }
    const char = text[start];
    if (char === '[' || char === '{' || char === '(') {
      const inside = readBrackets(text, start, options.longest ?? LONGEST_BRACKETS);
      if (inside !== undefined) return inside;
    }
  }
  return readBare(text, start, options);
}

/** Returns the strings within brackets, but not the keys of objects. Undefined: the bracket is part of a bare value. */
function readBrackets(text: string, open: number, longest: number): Value[] | undefined {
  const limit = Math.min(text.length, open + longest);
  const values: Value[] = [];
  const stack: string[] = [];
  let i = open;
  for (; i < limit; i++) {
    const char = text[i] as string;
    if (char === '[' || char === '{' || char === '(') stack.push(char);
    else if (char === ']' || char === '}' || char === ')') {
      stack.pop();
      if (stack.length === 0) break;
    } else if (char === '\n' && values.length === 0 && i - open > 200) return undefined;
    else {
      if (!/["'`\\“”„«»‘’‚「『]/.test(char)) continue;
      const quote = matchAt(QUOTE, text, i);
      if (quote === undefined) continue;
      const from = i + quote[0].length;
      const end = Math.min(limit, from + lengthToClose(text, from, quote[1] as string, true));
      i = end + (quote[1] as string).length - 1;
      if (!/^[^\S\n]{0,8}(?::(?!:)|=>|=)/.test(text.slice(i + 1, i + 12)))
        values.push({ start: from, end, quoted: true, nested: true, named: text[open] === '{' });
    }
  }
  if (values.length > 0) return values;
  // Brackets around a bare value: `[Bearer x]`, `{onOM5B;9aAzs}`.
  if (i >= limit || text.slice(open, i).includes('\n')) return undefined;
  if (/[=:][^=:]/.test(text.slice(open + 1, i))) return [];
  return i - open <= 1 ? [] : [{ start: open + 1, end: i, quoted: true, nested: true }];
}

/** The entries of a YAML list, one per line. */
function readList(text: string, from: number): Value[] {
  const values: Value[] = [];
  for (let at = from; values.length < 50; ) {
    const entry = matchAt(YAML_ENTRY, text, at);
    if (entry === undefined) break;
    const end = at + entry[0].length;
    const shown = entry[1] as string;
    values.push({
      start: end - (entry[2] as string).length - shown.length,
      end: end - (entry[2] as string).length,
      quoted: true,
      nested: true,
    });
    at = end + 1;
  }
  return values;
}

/** The following lines that are indented deeper than the line of the name. */
function readBlock(text: string, name: number, from: number): Value[] {
  const lineStart = text.lastIndexOf('\n', name - 1) + 1;
  const indent = /^[^\S\n]*(?:- )?/.exec(text.slice(lineStart, name))?.[0].length ?? 0;
  const limit = Math.min(text.length, from + LONGEST_VALUE);
  let end = from;
  for (let at = from; at < limit; ) {
    const next = text.indexOf('\n', at);
    const lineEnd = next === -1 ? text.length : next;
    const line = text.slice(at, Math.min(lineEnd, at + 400));
    if (line.trim() !== '' && line.length - line.trimStart().length <= indent) break;
    end = lineEnd;
    at = lineEnd + 1;
  }
  const start = from + (text.slice(from, end).length - text.slice(from, end).trimStart().length);
  return start < end ? [{ start, end, quoted: true, nested: false }] : [];
}

/**
 * Reads to the next space. A separator, a closing bracket or a quote ends the value only if it also ends the pair,
 * because passwords may contain it.
 */
function readBare(text: string, start: number, { query, json, longest = LONGEST_VALUE }: ReadOptions): Value[] {
  const limit = Math.min(text.length, start + longest);
  let i = start;
  for (; i < limit; i++) {
    const code = text.charCodeAt(i);
    if (code < 128 ? ORDINARY[code] === 1 : !/[\s‹›]/.test(text[i] as string)) continue;
    if (endsAt(text, i, text[i] as string, query, json)) break;
  }
  return i > start ? [{ start, end: i, quoted: false, nested: false }] : [];
}

/** By ASCII code: 1 for characters that never end a bare value. */
const ORDINARY = new Uint8Array(128);
for (let code = 0; code < 128; code++) if (!/[\s&#"'`,}\]);>|<\\]/.test(String.fromCharCode(code))) ORDINARY[code] = 1;

function endsAt(text: string, i: number, char: string, query: boolean, json: boolean): boolean {
  switch (char) {
    case '&':
      return query || ends(text, i + 1, /^(?:$|\s|[\w.[\]%-]{1,40}=)/);
    case '#':
      return query;
    case '"':
    case "'":
    case '`':
      return (query && char !== '`') || ends(text, i + 1, /^(?:$|[\s)\]}>,;:.\\])/);
    case ';':
    case ',':
      return (json && char === ',') || ends(text, i + 1, /^(?:$|[\s"'`\\]|[\w .%-]{1,40}[=:]|[)\]}])/);
    case ')':
    case ']':
    case '}':
    case '>':
      return (json && (char === ']' || char === '}')) || ends(text, i + 1, /^(?:$|[\s"'`)\]}>,;:.\\]|\w{1,40}[=:])/);
    case '<':
      return ends(text, i + 1, /^(?:\/|[a-zA-Z][\w.]{0,20}>)/);
    case '\\':
      return ends(text, i + 1, /^[nrt"'\\]/);
    case '|':
      return ends(text, i + 1, /^(?:$|\s)/);
    default:
      return true;
  }
}

function ends(text: string, at: number, what: RegExp): boolean {
  return what.test(text.slice(at, at + 44));
}

/**
 * Returns the length up to the closing quote, or to the end of the line if there is none. `bounded`: within brackets or
 * JSON, where a doubled quote is not an escape.
 */
function lengthToClose(text: string, from: number, open: string, bounded: boolean): number {
  const limit = Math.min(text.length, from + LONGEST_VALUE);
  const closing = CLOSING[open];
  const plain = open.length === 1;
  for (let i = from; i < limit; i++) {
    const char = text[i] as string;
    if ((char === '\n' || char === '\r') && open.length < 3) return i - from;
    if (closing !== undefined ? closing.includes(char) : text.startsWith(open, i)) {
      // SQL and ADO.NET escape a quote by doubling it.
      if (
        plain &&
        closing === undefined &&
        text[i + 1] === open &&
        text[i + 2] !== undefined &&
        /[^\s,;)\]}]/.test(text[i + 2] as string) &&
        i > from &&
        !bounded
      ) {
        i++;
        continue;
      }
      return i - from;
    }
    if (plain && closing === undefined && char === '\\') i++;
  }
  return limit - from;
}

function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return at + (pattern.exec(text)?.[0].length ?? 0);
}

export function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}
