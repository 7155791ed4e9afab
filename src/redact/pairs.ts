/** Finds `name = value` in every notation if the name says that the value is secret. */
import { isSecretValue, looksLikePassword } from './judge.ts';
import { isMask } from './masks.ts';
import { FOREIGN_PASSWORDS } from './name-words.ts';
import { type Secrecy, secrecyOf } from './names.ts';
import { looksLikeKey } from './random.ts';
import type { Span } from './spans.ts';
import { matchAt, readValues, type Value } from './values.ts';

const NAME = /[A-Za-z0-9_@$][\w.$-]*/g;
/** A name from its first letter beyond ASCII on. BEFORE_FOREIGN finds the part before it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
const FOREIGN_NAME = /[^\u0000-\u007f][\p{L}\p{M}\p{N}_.$-]*/gu;
/** A word for “password”, or letters that look like Latin ones. */
const FOREIGN = new RegExp(`${FOREIGN_PASSWORDS.source}|[\\u0370-\\u04ff\\uff01-\\uff5e]`, 'iu');
const BEFORE_FOREIGN = /[\p{L}\p{M}\p{N}_.$-]{0,40}$/u;

/** What closes the name, the separator, and the spaces around it. */
const SEPARATOR =
  /(?<close>["'](?::"[\w\\]{1,80}")?:(?:protected|private)\]|\\{0,15}["'`](?=;s:\d)|\\{0,15}["'`]|["'`]?\]|["'`]?\)|[”’»])?[^\S\n]{0,64}(?<separator>;s:\d{1,6}:(?=\\{0,3}")|=>|:=|==|=|:(?!:)|：|＝|%3[dD]|%3[aA])[^\S\n]{0,64}/y;
/** These separators count only in the context that readPair checks. */
const COMMA = /(?<close>\\{0,7}["'`])?[^\S\n]{0,2},[^\S\n]{0,2}(?=(?:<<)?\\{0,7}["'`])/y;
const TAG = /(?:[^\S\n][^<>\n]{0,200})?>\s{0,64}(?:<!\[CDATA\[)?/y;
const CELL = /[^\S\n]{0,32}\|[^\S\n]{0,32}/y;
const OPTION = /[^\S\n]{1,4}(?!-)/y;
/** `name="password"` in a multipart form, up to and including the empty line before the value. */
const FORM_FIELD = /["']?(?:;[^\n]{0,200})?\n(?:Content-[^\n]{0,200}\n){0,3}\n/y;
/** `password (…)`, `password "…"`, `the passphrase was …`, `password …`. */
const PROSE =
  /[^\S\n]{1,2}(?:(?:is|was|set to|of|to|set|value|for|as|with)[^\S\n])?(?:(?<paren>\(["']?)|(?<quote>["'`“‘«]))?/y;

/** Characters. Only the end of a longer name is read. */
const LONGEST_NAME = 80;
/** How many characters of a value are judged if its name is not certain. If they are secret, so is the rest. */
const LONGEST_KEY = 512;
/** After the host of a URL: its port. */
const PORT = /:\d{1,5}(?![\w.@:-])/y;
const LINE_HEAD = /(?:^|\n)[^\S\n]*$|\blogin \S{1,64} $/;
const REST = /[^\s"'`<>&‹›]*/y;
const LONGEST_NESTED = 96;
const LONGEST_PROSE = 128;
/** Words that name a secret only together with the word before them: `API key`. */
const HEADS = /^(?:key|token|code|phrase|passe)s?$/i;

export function findPairs(text: string): Span[] {
  const spans: Span[] = [];
  const secrecies = new Map<string, Secrecy | undefined>();
  const classify = (name: string): Secrecy | undefined => {
    if (secrecies.has(name)) return secrecies.get(name);
    const secrecy = secrecyOf(name);
    if (secrecies.size < 20_000) secrecies.set(name, secrecy);
    return secrecy;
  };
  /** The end of the brackets that were read. Values within them are read less far, to bound the cost. */
  let within = 0;
  /** Reads the pair whose name is at `[at, end)`. Returns where to continue. */
  const examine = (at: number, end: number): number => {
    // `https://auth:8443/keys`: a host, whatever its name.
    if (text.startsWith('://', at - 3) && matchAt(PORT, text, end) !== undefined) return end;
    let name = end - at > LONGEST_NAME ? text.slice(end - LONGEST_NAME, end) : text.slice(at, end);
    if (HEADS.test(name)) name = withWordBefore(text, at, name);
    const secrecy = classify(name);
    if (secrecy === undefined) return end;
    const found = readPair(text, at, end, secrecy, at < within, (to) => {
      within = Math.max(within, to);
    });
    for (const value of found) spans.push({ start: value.start, end: value.end });
    const last = found.at(-1);
    if (last === undefined) return end;
    // Brackets may contain further names.
    return last.nested ? end : last.end;
  };
  const name = new RegExp(NAME);
  for (let match = name.exec(text); match !== null; match = name.exec(text))
    name.lastIndex = Math.max(name.lastIndex, examine(match.index, match.index + match[0].length));
  if (FOREIGN.test(text)) {
    const foreign = new RegExp(FOREIGN_NAME);
    for (let match = foreign.exec(text); match !== null; match = foreign.exec(text)) {
      const before = BEFORE_FOREIGN.exec(text.slice(Math.max(0, match.index - 40), match.index))?.[0].length ?? 0;
      foreign.lastIndex = Math.max(foreign.lastIndex, examine(match.index - before, match.index + match[0].length));
    }
  }
  return spans;
}

/** Adds the word before (`API key`), or the two words before `passe` (`mot de passe`). */
function withWordBefore(text: string, at: number, name: string): string {
  if (text[at - 1] !== ' ') return name;
  const before = /(?:([A-Za-z]{2,15}) )?([A-Za-z]{2,15}) $/.exec(text.slice(Math.max(0, at - 33), at));
  if (before === null) return name;
  return name.toLowerCase() === 'passe' ? `${before[1] ?? ''} ${before[2]} ${name}` : `${before[2]} ${name}`;
}

function readPair(
  text: string,
  at: number,
  end: number,
  secrecy: Secrecy,
  nested: boolean,
  onBrackets: (end: number) => void,
): Value[] {
  const before = text[at - 1] ?? '\n';
  const options = {
    query: before === '?' || before === '&',
    json: before === '"',
    ...(nested ? { longest: LONGEST_NESTED } : secrecy === 'certain' ? {} : { longest: LONGEST_KEY }),
  };
  const separator = matchAt(SEPARATOR, text, end);
  if (separator !== undefined) {
    const from = end + separator[0].length;
    const colon = /^(?::|：|%3a)$/i.test(separator.groups?.separator ?? '') ? ':' : '=';
    const json = options.json && colon === ':';
    // “`password=`”: the quote after the separator closes the one before the name.
    if (/["'`]/.test(before) && separator.groups?.close === undefined && text[from] === before) return [];
    const values = readValues(text, from, { ...options, json });
    const last = values.at(-1);
    if (last?.nested) onBrackets(last.end);
    // auth=('user', 'password')
    const second = values.length === 2 && secrecy === 'likely' && text[from] === '(' ? values[1] : undefined;
    return second === undefined ? accepted(text, values, secrecy, colon) : accepted(text, [second], 'certain', colon);
  }
  const parenthesis = inParentheses(text, end, secrecy);
  if (parenthesis.length > 0) return parenthesis;
  if (before === '<' || (before === ':' && text.lastIndexOf('<', at) > at - 40)) {
    const tag = matchAt(TAG, text, end);
    if (tag !== undefined) return untilTag(text, end + tag[0].length, secrecy);
  }
  if (secrecy === 'possible') return [];
  if (/["'`({,]/.test(before) || (before === ':' && /[{[(,]/.test(text[at - 2] ?? ''))) {
    const comma = matchAt(COMMA, text, end);
    if (comma !== undefined) {
      const [value] = readValues(text, end + comma[0].length, options);
      return value !== undefined && looksLikePassword(text.slice(value.start, value.end)) ? [value] : [];
    }
  }
  if (before === '"' || before === "'" || before === '=') {
    const field = matchAt(FORM_FIELD, text, end);
    if (field !== undefined && /name=["']?$/.test(text.slice(Math.max(0, at - 8), at)))
      return accepted(text, restOfLine(text, end + field[0].length), secrecy, '=');
  }
  if (before === '-') {
    const option = matchAt(OPTION, text, end);
    if (option !== undefined) return optionValue(text, end + option[0].length);
  }
  const cell = /\|[^\S\n]{0,32}$/.test(text.slice(Math.max(0, at - 33), at)) ? matchAt(CELL, text, end) : undefined;
  if (cell !== undefined) return accepted(text, untilCell(text, end + cell[0].length), secrecy, '=');
  return inProse(text, at, end, secrecy);
}

function accepted(text: string, values: readonly Value[], secrecy: Secrecy, separator: ':' | '=' | ' '): Value[] {
  return values
    .map((value) => trimmed(text, value))
    .filter((value) =>
      isSecretValue({
        value: text.slice(value.start, value.end),
        quoted: value.quoted,
        nested: value.nested,
        // The outer name does not describe a value with its own name: {"password": {"rule": "minLength"}}.
        secrecy: value.named && secrecy === 'certain' ? 'likely' : secrecy,
        separator,
        after: text.slice(value.end, value.end + 40),
      }),
    )
    .map((value) => (value.end - value.start < LONGEST_NESTED ? value : withRest(text, value)));
}

/** An unquoted value may have been read only up to a limit: extends it to the next space or quote. */
function withRest(text: string, value: Value): Value {
  REST.lastIndex = value.end;
  return value.quoted ? value : { ...value, end: value.end + (REST.exec(text)?.[0].length ?? 0) };
}

/** Removes the spaces around a value, and punctuation that ends the sentence. */
function trimmed(text: string, value: Value): Value {
  let { start, end } = value;
  while (start < end && /\s/.test(text[start] as string)) start++;
  while (end > start && /\s/.test(text[end - 1] as string)) end--;
  if (!value.quoted && end - start > 4 && /[.,;:]/.test(text[end - 1] as string) && /^\s/.test(text[end] ?? '\n'))
    end--;
  return { ...value, start, end };
}

function inParentheses(text: string, end: number, secrecy: Secrecy): Value[] {
  const open = matchAt(/[^\S\n]?\(\\{0,3}["'`]/y, text, end);
  if (open === undefined) return [];
  return accepted(text, readValues(text, end + open[0].length - 1, { query: false, json: true }), secrecy, '=');
}

function untilTag(text: string, start: number, secrecy: Secrecy): Value[] {
  const window = text.slice(start, start + 2048);
  const end = window.search(/<\/|\]\]>/);
  if (end <= 0) return [];
  const value = window.slice(0, end).trim();
  if (value === '' || isMask(value) || value.includes('<')) return [];
  const found: Value = { start, end: start + end, quoted: true, nested: false };
  return secrecy === 'possible' ? accepted(text, [found], secrecy, '=') : [found];
}

function untilCell(text: string, start: number): Value[] {
  const end = text.slice(start, start + 512).search(/[^\S\n]{0,32}(?:\||\n)/);
  return end <= 0 ? [] : [{ start, end: start + end, quoted: false, nested: false }];
}

function restOfLine(text: string, start: number): Value[] {
  const end = text.indexOf('\n', start);
  const to = end === -1 ? text.length : end;
  return to > start && to - start < 1024 ? [{ start, end: to, quoted: true, nested: false }] : [];
}

/** `--password x`, unless `x` is a plain word, which may describe the option: `--token expired`. */
function optionValue(text: string, start: number): Value[] {
  const [value] = readValues(text, start, { query: false, json: false });
  if (value === undefined) return [];
  const shown = text.slice(value.start, value.end);
  return shown.length < 3 || /^[a-z]{1,19}$/.test(shown) || isMask(shown) ? [] : [value];
}

/** A value that a sentence names, if it looks like a password or a key. */
function inProse(text: string, at: number, end: number, secrecy: Secrecy): Value[] {
  const lead = matchAt(PROSE, text, end);
  if (lead === undefined) return [];
  const from = end + lead[0].length;
  const quote = lead.groups?.quote;
  const values =
    quote === undefined
      ? readValues(text, from, { query: false, json: lead.groups?.paren !== undefined })
      : readValues(text, from - 1, { query: false, json: true });
  const [value] = values.map((found) => trimmed(text, found));
  if (value === undefined || value.end - value.start > LONGEST_PROSE) return [];
  if (text.slice(value.start, value.end).includes('://')) return [];
  const shown = text.slice(value.start, value.end).replace(/[)\]},.;:]+$/, '');
  const to = { ...value, end: value.start + shown.length };
  // As in .netrc: `password x` alone on its line, or after `login x`.
  if (quote === undefined && secrecy === 'certain' && standsAlone(text, at, value.end) && isSetting(shown)) return [to];
  if (secrecy === 'certain' && quote !== undefined)
    return isSecretValue({ value: shown, quoted: true, secrecy: 'likely', separator: ' ', after: '' }) ? [to] : [];
  if (/^v?\d{1,5}(?:[.:]\d+)+/.test(shown)) return [];
  if (secrecy !== 'certain') return looksLikeKey(shown, 16) && !/^[\da-f-]{16,31}$/i.test(shown) ? [to] : [];
  return looksLikePassword(shown) ? [to] : [];
}

/** Whether the name at `at` begins its line, or follows `login x`, and the value that ends at `end` ends it. */
function standsAlone(text: string, at: number, end: number): boolean {
  return (
    /^[^\S\n]{0,20}(?:\n|$)/.test(text.slice(end, end + 21)) && LINE_HEAD.test(text.slice(Math.max(0, at - 120), at))
  );
}

function isSetting(value: string): boolean {
  const candidate = { value, quoted: false, secrecy: 'certain', separator: '=', after: '' } as const;
  return value.length >= 6 && !/^[a-z]{1,12}$/.test(value) && isSecretValue(candidate);
}
