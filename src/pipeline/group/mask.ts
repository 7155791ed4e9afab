/**
 * Masking replaces what varies between two messages of one log statement with the name of its kind; the words stay. The
 * scanner is written by hand because it runs for every error, also in a storm.
 */

/** Characters of a message that are used: what distinguishes two problems comes first. */
const MASK_LENGTH = 1_200;
/** Words and masks of a message that are used. */
const MAX_TOKENS = 120;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const UUID_WITHIN = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
const HEX_PART = /^[0-9a-f]{4,}$/;
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

/**
 * Classes of characters, as bits: 1 separates words (blanks and controls do, too), 2 is a digit, 4 needs a closer
 * check.
 */
const KIND = new Uint8Array(128).fill(1, 0, 0x21);
for (const mark of '([{<"\'`=,;|)]}>!?') KIND[mark.charCodeAt(0)] = 1;
for (const digit of '0123456789') KIND[digit.charCodeAt(0)] = 2;
// A path, an address, or a name.
for (const mark of '/@\\%:') KIND[mark.charCodeAt(0)] = 4;

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
    if (kinds === 1) {
      at++;
      continue;
    }
    let end = at + 1;
    for (; end < text.length; end++) {
      const next = text.charCodeAt(end);
      const kind = next < 0x80 ? (KIND[next] as number) : 0;
      if (kind === 1) break;
      kinds |= kind;
    }
    let token = text.slice(at, end);
    if ((kinds & 4) !== 0 && token.includes('://')) {
      while (end < text.length && text.charCodeAt(end) > 0x20 && !URL_ENDS.includes(text.charAt(end))) end++;
      token = text.slice(at, end);
    }
    at = end;
    if (token === HIDDEN) token = '<value>';
    else if (kinds !== 0) token = maskToken(token);
    else if (token.endsWith(':') || token.endsWith('.')) token = token.slice(0, -1);
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

function maskToken(token: string): string {
  if (token === '::' || token === '::1') return '<ip>';
  let core = token;
  while (core.length > 1 && (core.endsWith('.') || core.endsWith(':'))) core = core.slice(0, -1);
  const first = core.charCodeAt(0);
  if (UUID.test(core)) return '<id>';
  if (NUMBER.test(core)) return IPV4.test(core) ? '<ip>' : '<num>';
  if (URL.test(core)) return '<url>';
  if (DOMAIN.test(core)) return '<host>';
  if (core.includes('@')) {
    if (EMAIL.test(core)) return '<email>';
    const at = core.indexOf('@');
    if (/@[0-9a-f]{4,}$/i.test(core)) return `${maskWord(core.slice(0, at))}@<id>`; // Java's Object.toString
  }
  if (
    first === 0x2f ||
    (first === 0x2e && core.includes('/')) ||
    /^[A-Za-z]:\\/.test(core) ||
    (first === 0x7e && core.charCodeAt(1) === 0x2f)
  ) {
    return IPV4.test(core) ? '<ip>' : '<path>';
  }
  if (DURATION.test(core)) return '<duration>';
  if (SIZE.test(core)) return '<size>';
  if (HEX.test(core) && (/\d/.test(core) || core.length >= 8)) return '<id>';
  if (IPV4.test(core)) return '<ip>';
  if (core.includes(':')) {
    if (IPV6.test(core) && /::|\d/.test(core)) return '<ip>';
    if (HOST.test(core)) return '<host>';
    // key:value, a::b, file:line
    const parts = core.split(':');
    if (parts.length <= 6) return parts.map((part) => (part === '' ? '' : maskPart(part))).join(':');
  }
  return maskPart(core);
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
  if (UUID.test(word)) return '<id>';
  if (NUMBER.test(word)) return '<num>';
  if (HEX.test(word)) return '<id>';
  if (DURATION.test(word)) return '<duration>';
  if (/^[A-Za-z_$.]{3,}\d+$/.test(word)) return word.replace(/\d+$/, '<n>');
  if (/[-_.#]/.test(word)) {
    const parts = word.replace(UUID_WITHIN, '0').split(/([-_.#])/);
    const hex = parts.length >= 5;
    return parts
      .map((part) => (/\d/.test(part) || (hex && HEX_PART.test(part)) ? '<n>' : part))
      .join('')
      .replace(/([-_.#])[-_.#]+<n>/g, '$1<n>')
      .replace(/<n>(?:[-_.]<n>)+/g, '<n>');
  }
  const digits = word.replace(/\D/g, '').length;
  if (/^[A-Z]{1,2}\d{2,}$/.test(word)) return '<id>';
  // log4j, base64url: one small number within a word is part of the word.
  return digits <= 2 && word.length >= 4 && digits * 2 < word.length && !/\d[A-Za-z]+\d/.test(word) ? word : '<id>';
}
