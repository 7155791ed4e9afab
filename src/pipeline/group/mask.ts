/**
 * Masking replaces what varies between two messages of one log statement with the name of its kind; the words stay. The
 * scanner is written by hand because it runs for every error, also in a storm.
 */

import { isDigit } from '../detect/chars.ts';

/** Characters of a message that are used: what distinguishes two problems comes first. */
const MASK_LENGTH = 1_200;
/** Words and masks of a message that are used. */
const MAX_TOKENS = 120;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const UUID_LENGTH = 36;
const UUID_WITHIN = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
/** The parts of a word that have a digit; and also those that look like hexadecimal numbers. */
const NUMBER_PARTS = /(?<![^-_.#])[^-_.#\d]*\d[^-_.#]*/g;
const HEX_PARTS = /(?<![^-_.#])(?:[^-_.#\d]*\d[^-_.#]*|[0-9a-f]{4,}(?![^-_.#]))/g;
const DOMAIN =
  /^(?:[\w-]+\.)+(?:com|net|org|edu|gov|mil|int|info|biz|arpa|local|internal|lan|home|svc|cluster|localdomain)\.?$|^(?!(?:com|org|net|io|java|javax|android)\.)(?:[a-z0-9-]+\.){2,}[a-z]{2}$/;
const DURATION =
  /^[+-]?\d+(?:[.,]\d+)?(?:ns|us|µs|ms|s|sec|secs|seconds?|m|min|mins|minutes?|h|hrs?|hours?|d|days?)(?:\d+(?:\.\d+)?(?:ms|s|m|h))*$/;
const SIZE = /^\d+(?:\.\d+)?(?:[kKMGTP]i?[bB]?|[bB]|bytes)$/;
const IPV4 = /^\/?\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?::\d+)?(?:\/\d+)?$/;
const IPV6 = /^\[?(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}\]?(?::\d+)?(?:%\w+)?$/i;
/** What is left of the port of an address in brackets. */
const PORT = /^:\d+$|^:<num>$/;
const NUMBER = /^[+-]?\d[\d.,_:/-]*%?$/;
const MONTH = /^(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)$/;
const WEEKDAY = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?$/;
const HEX = /^(?:0x[0-9a-f]+|#?[0-9a-f]{6,})$/i;
const EMAIL = /^[\w.+-]+@[\w-]+(?:\.[\w-]+)+$/;
const HOST = /^[\w-]+(?:\.[\w-]+)+:\d{2,5}$|^[a-z]+[\d-][a-z\d-]*:\d{2,5}$/;
const URL = /^[a-z][a-z0-9+.-]*:\/\//i;

/** Classes of characters, as bits. Blanks and controls separate words, too. */
const SEPARATOR = 1;
const DIGIT = 2;
const COLON = 4;
/** Of a path, an address or a name. */
const MARK = 8;
const KIND = new Uint8Array(128).fill(SEPARATOR, 0, 0x21);
for (const mark of '([{<"\'`=,;|)]}>!?') KIND[mark.charCodeAt(0)] = SEPARATOR;
for (const digit of '0123456789') KIND[digit.charCodeAt(0)] = DIGIT;
for (const mark of '/@\\%') KIND[mark.charCodeAt(0)] = MARK;
KIND[0x3a] = COLON;

const URL_ENDS = '"\'<>)]`';

/**
 * Returns the message as words and masks, separated by blanks. Equal for two messages of one statement that differ only
 * in values; adjacent repetitions (lists of any length) are folded into one.
 */
export function mask(message: string): string {
  return maskTokens(message).join(' ');
}

export function maskTokens(message: string): string[] {
  const text = hideQuoted(message.length > MASK_LENGTH ? message.slice(0, MASK_LENGTH) : message);
  const out: string[] = [];
  let at = 0;
  while (at < text.length && out.length < MAX_TOKENS) {
    const code = text.charCodeAt(at);
    let kinds = code < 0x80 ? (KIND[code] as number) : 0;
    if (kinds === SEPARATOR) {
      at++;
      continue;
    }
    let end = at + 1;
    for (; end < text.length; end++) {
      const next = text.charCodeAt(end);
      const kind = next < 0x80 ? (KIND[next] as number) : 0;
      if (kind === SEPARATOR) break;
      kinds |= kind;
    }
    let token = text.slice(at, end);
    if ((kinds & COLON) !== 0 && token.includes('://')) {
      while (end < text.length && text.charCodeAt(end) > 0x20 && !URL_ENDS.includes(text.charAt(end))) end++;
      token = text.slice(at, end);
      kinds = DIGIT | COLON | MARK;
    }
    at = end;
    if (token === HIDDEN) token = '<value>';
    else if (kinds !== 0) token = maskToken(token, kinds);
    else if (endsInPunctuation(token)) token = token.slice(0, -1);
    // [::]:80
    if (token === '' || (out[out.length - 1] === '<ip>' && PORT.test(token))) continue;
    // Thu Jun 16 2005: a date
    if (token === '<num>' && out.length > 0 && MONTH.test(out[out.length - 1] as string)) {
      out.pop();
      if (out.length > 0 && WEEKDAY.test(out[out.length - 1] as string)) out.pop();
    }
    const length = out.length;
    if (length > 0 && out[length - 1] === token) continue;
    // a b a b a b: a list of pairs
    if (length >= 3 && out[length - 2] === token && out[length - 1] === out[length - 3] && isMask(token)) {
      out.pop();
      continue;
    }
    out.push(token);
  }
  return out;
}

export function isMask(token: string): boolean {
  return token.charCodeAt(0) === 0x3c && token.charCodeAt(token.length - 1) === 0x3e;
}

/** Replaces a quoted value until the text is split into words. */
const HIDDEN = '\u2400';

const QUOTED = /"([^"\n]{0,80})"|(?<![A-Za-z])'([^'\n]{0,80})'(?![A-Za-z])|`([^`\n]{0,80})[`']/g;

/** Replaces quoted values of up to two words with one mask; longer quoted text counts as ordinary words. */
function hideQuoted(text: string): string {
  if (!text.includes('"') && !text.includes("'") && !text.includes('`')) return text;
  return text.replace(
    QUOTED,
    (whole, double: string | undefined, single: string | undefined, back: string | undefined) => {
      const inner = double ?? single ?? back ?? '';
      const words = inner.trim().split(/\s+/).length;
      return words <= 2 ? ` ${HIDDEN} ` : ` ${whole.slice(1, -1)} `;
    },
  );
}

/** `kinds`: classes of characters that the token may have. Few of the patterns below can match one that lacks them. */
function maskToken(token: string, kinds: number): string {
  if (token === '::' || token === '::1') return '<ip>';
  let core = token;
  while (core.length > 1 && endsInPunctuation(core)) core = core.slice(0, -1);
  const first = core.charCodeAt(0);
  const numeric = isNumeric(first);
  const marked = (kinds & MARK) !== 0;
  const colon = (kinds & COLON) !== 0 && core.includes(':');
  if (isUuid(core)) return '<id>';
  if (numeric && NUMBER.test(core)) return IPV4.test(core) ? '<ip>' : '<num>';
  if (colon && URL.test(core)) return '<url>';
  if (core.includes('.') && DOMAIN.test(core)) return '<host>';
  if (marked && core.includes('@')) {
    if (EMAIL.test(core)) return '<email>';
    const at = core.indexOf('@');
    if (/@[0-9a-f]{4,}$/i.test(core)) return `${maskWord(core.slice(0, at))}@<id>`; // Java's Object.toString
  }
  if (
    marked &&
    (first === 0x2f ||
      (first === 0x2e && core.includes('/')) ||
      /^[A-Za-z]:\\/.test(core) ||
      (first === 0x7e && core.charCodeAt(1) === 0x2f))
  ) {
    return IPV4.test(core) ? '<ip>' : '<path>';
  }
  if (numeric && DURATION.test(core)) return '<duration>';
  if (numeric && SIZE.test(core)) return '<size>';
  if (HEX.test(core) && (core.length >= 8 || /\d/.test(core))) return '<id>';
  if (numeric && IPV4.test(core)) return '<ip>';
  if (colon) {
    if (IPV6.test(core) && /::|\d/.test(core)) return '<ip>';
    if (HOST.test(core)) return '<host>';
    // key:value, a::b, file:line
    const parts = core.split(':');
    if (parts.length <= 6) return parts.map((part) => (part === '' ? '' : maskPart(part))).join(':');
  }
  return marked ? maskPart(core) : maskWord(core);
}

/** Whether the token ends in a full stop or a colon. */
function endsInPunctuation(token: string): boolean {
  const last = token.charCodeAt(token.length - 1);
  return last === 0x2e || last === 0x3a;
}

/** Whether the character begins a number: a digit or a sign. */
function isNumeric(code: number): boolean {
  return isDigit(code) || code === 0x2b || code === 0x2d;
}

function isUuid(word: string): boolean {
  return word.length === UUID_LENGTH && UUID.test(word);
}

function maskPart(core: string): string {
  if (core.includes('/')) {
    const slashes = core.split('/').length - 1;
    if (slashes >= 2 || /\.\w{1,5}$/.test(core)) return '<path>';
    return core
      .split('/')
      .map((part) => maskWord(part))
      .join('/');
  }
  return maskWord(core);
}

/** Ids with mixed letters and digits become `<id>`; a word with a number at its end keeps the word. */
function maskWord(word: string): string {
  if (!/\d/.test(word)) return word;
  const numeric = isNumeric(word.charCodeAt(0));
  if (isUuid(word)) return '<id>';
  if (numeric && NUMBER.test(word)) return '<num>';
  if (HEX.test(word)) return '<id>';
  if (numeric && DURATION.test(word)) return '<duration>';
  if (/^[A-Za-z_$.]{3,}\d+$/.test(word)) return word.replace(/\d+$/, '<n>');
  if (/[-_.#]/.test(word)) {
    const short = word.length > UUID_LENGTH ? word.replace(UUID_WITHIN, '0') : word;
    return short
      .replace(/[-_.#].*[-_.#]/s.test(short) ? HEX_PARTS : NUMBER_PARTS, '<n>')
      .replace(/([-_.#])[-_.#]+<n>/g, '$1<n>')
      .replace(/<n>(?:[-_.]<n>)+/g, '<n>');
  }
  const digits = word.replace(/\D/g, '').length;
  if (/^[A-Z]{1,2}\d{2,}$/.test(word)) return '<id>';
  // log4j, base64url: one small number within a word is part of the word.
  return digits <= 2 && word.length >= 4 && digits * 2 < word.length && !/\d[A-Za-z]+\d/.test(word) ? word : '<id>';
}
