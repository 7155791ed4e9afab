import { findEmails, findUserinfo } from './addresses.ts';
import { type Assignment, findAssignments } from './assignments.ts';
import { JWT, KEYS, PASSWORD_HASH, WEBHOOK } from './keys.ts';
import { isMask } from './masks.ts';
import { findPemBlocks } from './pem.ts';
import type { Span } from './spans.ts';

/*
 * Every pattern here is linear in the length of the text: it starts at a fixed word or where a run of token
 * characters begins (the lookbehinds), and repeats one class of characters at a time, most with an upper
 * bound. test/redact has hostile lines for each.
 */

const BEARER = /(\b(?:Bearer|Token|ApiKey)[ \t]{1,4}["']?)([A-Za-z0-9._~+/=-]{8,8192})/gi;
const BASIC = /(\bBasic[ \t]{1,4})([A-Za-z0-9+/_-]{6,4096}={0,2})/gi;

/** The name of a header or field, its separator and what may open its value; as JSON, written out, or bare. */
const field = (name: string) =>
  `\\b${name}(?:\\\\{0,3}["'])?[ \\t]{0,8}(?::|=>|=)[ \\t]{0,8}(?:\\[[ \\t]?)?(?:\\\\{0,3}["'])?`;
const AUTHORIZATION = new RegExp(
  `(${field('(?:proxy-)?authorization')}(?:(?:Basic|Bearer|Token|Negotiate|NTLM|ApiKey|Key)[ \\t]{1,4})?)([^\\s"'\\\\,;]{6,8192})`,
  'gi',
);
/** Schemes whose credentials are a list of parameters, to the end of the line. */
const AUTHORIZATION_LIST = new RegExp(
  `(${field('(?:proxy-)?authorization')}(?:Digest|AWS4-HMAC-SHA256|OAuth|Hawk)[ \\t]{1,4})([^\\r\\n]{6,8192})`,
  'gi',
);
const COOKIE = new RegExp(
  `(${field('(?:set-)?cookies?2?')})([^\\r\\n"'\\\\;=,{}[\\]]{1,128}=[^\\r\\n"'\\\\]{1,8192})`,
  'gi',
);

/** SQL that sets a password, and `--password value` on a command line. */
const SQL_PASSWORD =
  /(\b(?:IDENTIFIED[ \t]+(?:WITH[ \t]+\w{1,64}[ \t]+)?(?:BY|AS)|PASSWORD)[ \t]+E?')([^'\r\n]{1,512})(?=')/gi;
const FLAG =
  /((?<![\w-])--?(?:[a-z0-9]{1,20}-){0,3}(?:password|passwd|pass|secret|token|api-?key|secret-key|access-key|requirepass)[ \t]{1,4}["']?)([^\s"'-][^\s"']{2,1024})/gi;
const REDIS_AUTH = /((?:\brequirepass|\bmasterauth|(?<![\w-])AUTH)[ \t]{1,4}["']?)([^\s"']{4,512})/g;

/** A user's password given to a program on its command line, as `set -x` prints it. */
const PROGRAM_FLAG =
  /(\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump)\b[^\n]{0,200}?[ \t]-p["']?|\bsshpass[ \t]+-p[ \t]*["']?|\bcurl\b[^\n]{0,200}?[ \t](?:-u|--user)[ \t=]["']?[^\s:"']{1,64}:)([^\s"']{3,512})/g;
/** What programs that make one up say at their first start: `Password for the elastic user: …`. */
const TOLD_PASSWORD = /(\bpassword\b[^\n:=]{1,60}:[ \t]{1,4})(\S{12,128})/gi;

/** `<password>…</password>` */
const XML =
  /(<(?:[\w.-]{1,40}:)?[\w.-]{0,40}?(?:password|passwd|secret|token|apikey|api-key|api_key)>[ \t]{0,8})([^<\r\n]{1,2048})(?=<\/)/gi;

/** Signatures and credentials in signed addresses: they are the permission itself. */
const SIGNED_URL =
  /([?&;](?:sig|signature|x-amz-signature|x-amz-credential|x-amz-security-token|x-goog-signature|x-goog-credential|awsaccesskeyid|sas|code|key)=)([A-Za-z0-9%+/=_.~-]{16,4096})/gi;

const PLAIN_WORD = /^[a-z]{1,19}$/;

/** Stretches of `text` that are secret by their form or by what stands before them. */
export function findSecrets(text: string): Span[] {
  const spans: Span[] = [];
  const whole = (pattern: RegExp) => {
    for (const match of text.matchAll(pattern)) spans.push({ start: match.index, end: match.index + match[0].length });
  };
  /** The second group is the secret, right behind the first. */
  const behind = (pattern: RegExp, isSecret: (secret: string, before: string) => boolean = () => true) => {
    for (const match of text.matchAll(pattern)) {
      const [, before = '', secret = ''] = match;
      if (!isSecret(secret, before)) continue;
      const start = match.index + before.length;
      spans.push({ start, end: start + secret.trimEnd().length });
    }
  };

  whole(KEYS);
  whole(JWT);
  whole(PASSWORD_HASH);
  behind(WEBHOOK);
  behind(BEARER, (secret, before) => looksRandom(secret) || (/bearer/i.test(before) && secret.length >= 20));
  behind(BASIC, isBasicCredentials);
  behind(AUTHORIZATION, isCredentialHeader);
  behind(AUTHORIZATION_LIST);
  behind(COOKIE);
  behind(SQL_PASSWORD);
  behind(FLAG, (secret) => !PLAIN_WORD.test(secret) && !isMask(secret));
  behind(PROGRAM_FLAG, (secret) => !isMask(secret));
  behind(TOLD_PASSWORD, (secret) => looksRandom(secret) && /\d/.test(secret) && /[A-Za-z]/.test(secret));
  behind(REDIS_AUTH, looksRandom);
  behind(XML, (secret) => !isMask(secret));
  behind(SIGNED_URL, looksRandom);
  const userinfo = findUserinfo(text);
  spans.push(...userinfo, ...findEmails(text, userinfo), ...findPemBlocks(text));
  // `…-token:secret@host` reads as a pair, too; the address knows better where the secret ends.
  const starts = new Set(userinfo.map((span) => span.start));
  spans.push(...findAssignments(text, isSecretValue).filter((span) => !starts.has(span.start)));
  return spans;
}

function isBasicCredentials(secret: string): boolean {
  const decoded = Buffer.from(secret, 'base64').toString('latin1');
  return /^[\x20-\x7e]*:[\x20-\x7e\x80-\xff]*$/.test(decoded);
}

function isCredentialHeader(value: string, before: string): boolean {
  if (/^(?:Digest|OAuth|Hawk|AWS4)/i.test(value)) return false;
  return /[ \t]$/.test(before) && /(?:Basic|Bearer|Token|Key)[ \t]+$/i.test(before)
    ? !isMask(value) && !PLAIN_WORD.test(value.toLowerCase())
    : looksRandom(value);
}

/** Has what words of prose do not have: digits, mixed case or base64's signs. */
function looksRandom(value: string): boolean {
  // `name=value` is a pair of its own.
  if (isMask(value) || value.length < 4 || /=[^=]/.test(value)) return false;
  return /\d/.test(value) || (/[a-z][A-Z]/.test(value) && value.length >= 12) || value.length >= 32;
}

/** Words that stand where a value would, and say something about it. */
const NO_VALUES = new Set(
  `null none nil undefined true false yes no on off empty unset set not_set missing required optional invalid valid
  incorrect wrong expired revoked rejected denied accepted ok redacted hidden masked filtered removed protected changed
  unchanged reset updated string str text bytes number int integer object array bool boolean char varchar secret password
  token value default disabled enabled authentication failed failure error mismatch must cannot is was for the a an not
  and or may has too should unknown anonymous sha256 sha512 sha1 md5 bearer basic jwt oauth oauth2 scram-sha-256 trust peer`.split(
    /\s+/,
  ),
);

function isSecretValue({ word, value, quoted, separator, after }: Assignment): boolean {
  const bare = value.trim();
  if (bare === '' || isMask(bare) || NO_VALUES.has(bare.toLowerCase().replace(/[.,;:!]+$/, ''))) return false;
  if (word === 'strong') {
    // "password: must be …": prose, if it is a plain word and the sentence goes on with another.
    const prose =
      separator === ':' &&
      !quoted &&
      PLAIN_WORD.test(bare.toLowerCase()) &&
      /^[ \t]+[A-Za-z]+(?![\w]*[=:])/.test(after);
    return !prose;
  }
  // "token", "secret", "session", "auth" stand for many things: only what looks like a key is one.
  if (/^\d{1,9}$/.test(bare) || bare.length < 6) return false;
  if (/^(?:\/|\.\/|[A-Za-z]:\\)[\w./\\-]+$/.test(bare)) return false;
  return quoted && word === 'weak'
    ? !/^[A-Za-z]+(?:[ _-][A-Za-z]+)*$/.test(bare) || bare.length >= 32
    : looksRandom(bare) || /[^\w.,:;()-]/.test(bare);
}
