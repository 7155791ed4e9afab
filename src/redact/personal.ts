/** Finds personal data: e-mail addresses, card numbers, bank accounts, phone numbers and IP addresses of clients. */
import { isIPv6 } from 'node:net';
import { isMask } from './masks.ts';
import type { Span } from './spans.ts';

/** The part before an `@`: a word, also with letters beyond ASCII, or quoted text. */
const LOCAL_PART = /(?:[\p{L}\p{N}._%+-]{1,64}|"[^"\n@]{1,64}")$/u;
const DOMAIN = /(?:[\p{L}\p{N}-]{1,63}\.){1,6}\p{L}{2,24}(?![\p{L}\p{N}-])/uy;
const LONGEST_LOCAL_PART = 66;
/** File extensions and types of systemd units that look like top-level domains: `icon@2x.png`. */
const NO_DOMAINS = new Set(
  'png jpg jpeg gif svg webp ico js mjs cjs ts css map json html txt log service socket timer target mount scope slice'.split(
    ' ',
  ),
);

/** Not people: users of Git over SSH, and nodes of Erlang clusters. */
const NO_USERS = new Set(['git', 'rabbit', 'ejabberd', 'couchdb', 'emqx', 'nonode', 'vernemq', 'hg', 'svn']);

/** Finds e-mail addresses. `userinfo`: the credentials in URLs; the `@` after them is not part of an e-mail address. */
export function findEmails(text: string, userinfo: readonly Span[]): Span[] {
  const spans: Span[] = [];
  const hosts = new Set(userinfo.map((span) => span.end));
  for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', at + 1)) {
    const user = LOCAL_PART.exec(text.slice(Math.max(0, at - LONGEST_LOCAL_PART), at))?.[0];
    if (user === undefined || hosts.has(at)) continue;
    DOMAIN.lastIndex = at + 1;
    const domain = DOMAIN.exec(text)?.[0];
    if (domain === undefined) continue;
    const start = at - user.length;
    const last = domain.slice(domain.lastIndexOf('.') + 1).toLowerCase();
    // `https://user@host` is a user name and a host.
    const inUrl = text.startsWith('://', start - 3);
    if (inUrl || NO_USERS.has(user) || NO_DOMAINS.has(last) || isMask(user) || isAlgorithm(`${user}@${domain}`))
      continue;
    spans.push({ start, end: at + 1 + domain.length });
  }
  return spans;
}

/** SSH names ciphers and other algorithms like this: `aes256-gcm@openssh.com`. */
function isAlgorithm(address: string): boolean {
  return (
    /@(?:openssh\.com|libssh\.org|ssh\.com|lysator\.liu\.se|putty\.projects\.tartarus\.org)$/.test(address) &&
    /[\d-]/.test(address)
  );
}

const CARD = /(?<![\d.-])(?:\d[ -]?){12,18}\d(?![\d.-]\d|\d)/g;
const IBAN = /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])/g;
/** International, or in the form (212) 555-0100. */
const PHONE =
  /(?<![\w+])\+\d{1,3}[ .-]?(?:\(\d{1,5}\)[ .-]?)?\d{1,5}(?:[ .-]?\d{2,5}){1,5}(?![\w-])|(?<![\w-])\(\d{3}\) ?\d{3}-\d{4}(?!\d)/g;
const NAMED_PHONE =
  /(?<=\b(?:phone|tel|telephone|mobile|fax|msisdn|sms|cell)(?:_?(?:number|no))?["']?[ \t]{0,4}[:=][ \t]{0,4}["']?)\+?\d[\d ().-]{5,20}\d/gi;
const IPV4 = /(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.])/g;
const IPV6 =
  /(?<![\w:.])(?:[\da-f]{1,4}:){2,7}(?::?[\da-f]{1,4}){1,7}(?![\w:])|(?<![\w:.])(?:[\da-f]{1,4}:){1,7}:(?![\w:])/gi;
/** Unspecified, loopback, private, shared (RFC 6598), link-local and multicast: of machines, not of people. */
const OWN_IPV4 =
  /^(?:0\.|10\.|127\.|169\.254\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|22[4-9]\.|23\d\.|255\.)/;
const OWN_IPV6 = /^(?:fe[89ab]|f[cd]|ff|::1?$)/i;
/** Text before the address of a client, which is personal even if it is private. */
const CLIENT_BEFORE =
  /(?:client(?:_?(?:ip|addr(?:ess)?))?|remote_?(?:ip|addr(?:ess)?|host)|x-(?:forwarded-for|real-ip)|forwarded|user_?ip|ip_?addr(?:ess)?|peer|from ip|rip)["']?[ \t]{0,4}[:= ]{1,3}["'[]{0,2}$/i;

/** Finds card numbers, IBANs, phone numbers, and IP addresses that are public or a client's. */
export function findPersonal(text: string): Span[] {
  const spans: Span[] = [];
  const collect = (pattern: RegExp, isPersonal: (found: string, at: number) => boolean): void => {
    for (const match of text.matchAll(pattern))
      if (isPersonal(match[0], match.index)) spans.push({ start: match.index, end: match.index + match[0].length });
  };
  const isClient = (at: number): boolean =>
    CLIENT_BEFORE.test(text.slice(Math.max(0, at - 40), at)) || isLogHead(text, at);
  collect(CARD, (found) => hasLuhn(found.replace(/\D/g, '')));
  collect(IBAN, (found) => isIban(found.replaceAll(' ', '')));
  collect(PHONE, (found) => found.replace(/\D/g, '').length >= 8);
  collect(NAMED_PHONE, () => true);
  collect(IPV4, (found, at) => !OWN_IPV4.test(found) || (isClient(at) && !/^(?:127|0)\./.test(found)));
  collect(IPV6, (found, at) => isIPv6(found) && (!OWN_IPV6.test(found) || isClient(at)));
  return spans;
}

/** An access log begins with the client: `1.2.3.4 - - [`. */
function isLogHead(text: string, at: number): boolean {
  return (at === 0 || text[at - 1] === '\n') && /^[\da-f.:]{3,45} \S+ \S+ \[/i.test(text.slice(at, at + 120));
}

function hasLuhn(digits: string): boolean {
  if (!/^(?:4|5[1-5]|2[2-7]|3[4-7689]|6)/.test(digits) || /^(\d)\1+$/.test(digits)) return false;
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    let digit = Number(digits[digits.length - 1 - i]);
    if (i % 2 === 1) digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
    sum += digit;
  }
  return sum % 10 === 0;
}

function isIban(iban: string): boolean {
  if (iban.length < 15 || iban.length > 34) return false;
  const moved = iban.slice(4) + iban.slice(0, 4);
  let rest = 0;
  for (const char of moved) rest = Number(`${rest}${Number.parseInt(char, 36)}`) % 97;
  return rest === 1;
}
