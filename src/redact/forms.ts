/** Finds secrets that can be recognized by their form alone. */
import { INNER_FORMS, KEY_FORMS } from './key-forms.ts';
import { costOf } from './random.ts';
import type { Span } from './spans.ts';

/** By the first two characters of `start`. */
const BY_START = new Map<string, { readonly start: string; readonly rest: RegExp }[]>();
for (const [, start, rest] of KEY_FORMS) {
  const key = start.slice(0, 2);
  const forms = BY_START.get(key) ?? [];
  forms.push({ start, rest: new RegExp(rest, 'y') });
  BY_START.set(key, forms);
}

/** 1 if a form begins with two ASCII characters, whose codes are the index. */
const STARTS = new Uint8Array(128 * 128);
for (const key of BY_START.keys()) STARTS[key.charCodeAt(0) * 128 + key.charCodeAt(1)] = 1;

/** Characters. Prefixes up to this length, such as `test_`, also begin ordinary names. */
const LONGEST_AMBIGUOUS = 7;
/** Bits per character. Words cost less, see random.ts. */
const WORDY = 5;
const MORE = /[A-Za-z0-9_-]*={0,2}/y;

/** JSON Web Tokens: two to five base64url parts, the first a JSON object. */
const JWT = /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){0,3}/g;

/** Password hashes (crypt(3), Apache, Argon2, Django, PostgreSQL): not the password, but enough to guess it offline. */
const PASSWORD_HASH =
  /\$(?:2[abxy]|argon2(?:id|i|d)|apr1|[156]|y|scrypt|pbkdf2[a-z0-9-]*)\$[A-Za-z0-9./+=$,-]{20,255}|\bpbkdf2_sha\d{1,3}\$\d{1,8}\$[A-Za-z0-9./+=$-]{20,255}|\bSCRAM-SHA-\d{1,3}\$\d{1,8}:[A-Za-z0-9/+=$:]{20,255}|\{(?:SSHA|SHA|SMD5|CRYPT)\d{0,3}\}[A-Za-z0-9./+=$]{20,255}/g;

/** Webhook and ping URLs, whose path is secret. */
const WEBHOOK =
  /((?:hooks\.slack(?:-gov)?\.com\/(?:services|workflows|triggers)\/|discord(?:app)?\.com\/api\/(?:v\d{1,2}\/)?webhooks\/|\.webhook\.office\.com\/webhookb2\/|\.logic\.azure\.com(?::443)?\/workflows\/|api\.telegram\.org\/(?:file\/)?bot|hooks\.zapier\.com\/hooks\/(?:catch|standard)\/|hook\.(?:[a-z0-9]{2,6}\.)?make\.com\/|hooks?\.integromat\.com\/|maker\.ifttt\.com\/trigger\/[\w-]{1,64}\/(?:json\/)?with\/key\/|hc-ping\.com\/|open\.feishu\.cn\/open-apis\/bot\/v\d\/hook\/|open\.larksuite\.com\/open-apis\/bot\/v\d\/hook\/|push\.statuspage\.io\/|ntfy\.sh\/(?=\w{16})|webhook\.site\/|events\.pagerduty\.com\/integration\/|api\.opsgenie\.com\/v1\/json\/|outlook\.office(?:365)?\.com\/webhook\/|hooks\.airtable\.com\/workflows\/v1\/genericWebhook\/|uptime\.betterstack\.com\/api\/v1\/heartbeat\/|uptime\.betteruptime\.com\/api\/v1\/heartbeat\/|cronitor\.link\/(?:p\/)?|rpc\.infura\.io\/v3\/|\.infura\.io\/v3\/|\.alchemy\.com\/v2\/|\.quiknode\.pro\/|api\.pushover\.net\/1\/glances\/|alert\.victorops\.com\/integrations\/generic\/\d{1,10}\/alert\/|qyapi\.weixin\.qq\.com\/cgi-bin\/webhook\/send\?key=|oapi\.dingtalk\.com\/robot\/send\?access_token=))([^\s"'<>\\)\]]{8,512})/;

/** The end of a host name before a path. WEBHOOK is matched around it. */
const HOST_END = /\.(?:com|cn|net|io|link|pro|site|sh)(?::\d{1,5})?\//g;
const LONGEST_HOST = 60;
const LONGEST_WEBHOOK = 700;

export function findForms(text: string): Span[] {
  const spans: Span[] = [];
  const whole = (pattern: RegExp): void => {
    for (const match of text.matchAll(pattern)) spans.push({ start: match.index, end: match.index + match[0].length });
  };
  whole(JWT);
  whole(PASSWORD_HASH);
  for (const { holds, pattern } of INNER_FORMS) if (text.includes(holds)) whole(pattern);
  for (const { index } of text.matchAll(HOST_END)) {
    const from = Math.max(0, index - LONGEST_HOST);
    const match = WEBHOOK.exec(text.slice(from, index + LONGEST_WEBHOOK));
    if (match === null || from + match.index > index) continue;
    const end = from + match.index + match[0].length;
    spans.push({ start: end - (match[2] as string).length, end });
  }
  // A form begins at a letter or digit that does not follow another one.
  let inside = false;
  for (let at = 0; at + 1 < text.length; at++) {
    const code = text.charCodeAt(at);
    const begins = !inside;
    inside = isAlphanumeric(code);
    if (!begins || !inside || STARTS[code * 128 + (text.charCodeAt(at + 1) & 127)] === 0) continue;
    const forms = BY_START.get(text.slice(at, at + 2));
    const end = forms === undefined ? undefined : longest(forms, text, at);
    if (end === undefined) continue;
    spans.push({ start: at, end });
    at = end - 1;
    inside = isAlphanumeric(text.charCodeAt(at));
  }
  return spans;
}

function isAlphanumeric(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || (code >= 0x30 && code <= 0x39);
}

function longest(
  forms: readonly { readonly start: string; readonly rest: RegExp }[],
  text: string,
  at: number,
): number | undefined {
  let end: number | undefined;
  for (const { start, rest } of forms) {
    if (!text.startsWith(start, at)) continue;
    rest.lastIndex = at + start.length;
    const match = rest.exec(text);
    if (match === null || match[0] === '') continue;
    // After a short prefix, words are no key: `test_connection_pool`.
    if (start.length <= LONGEST_AMBIGUOUS && !/[\da-f]{16}/i.test(match[0]) && costOf(match[0]) < WORDY) continue;
    end = Math.max(end ?? 0, rest.lastIndex);
  }
  if (end === undefined) return undefined;
  // Further characters of keys that follow directly belong to the secret.
  MORE.lastIndex = end;
  return end + (MORE.exec(text)?.[0].length ?? 0);
}
