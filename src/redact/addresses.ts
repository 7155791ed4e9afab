import { isMask } from './masks.ts';
import type { Span } from './spans.ts';

const EMAIL = /(?<![\w.%+-])[\w.%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,6}([A-Za-z]{2,24})(?![A-Za-z0-9-])/g;
/** What looks like a top-level domain behind an `@` but is a file or a unit. */
const NO_DOMAINS = new Set(
  'png jpg jpeg gif svg webp ico js mjs cjs ts css map json html txt log md service socket timer target mount scope slice'.split(
    ' ',
  ),
);

/** `user:password@tcp(host)`, as the Go MySQL driver writes it: what ends it, and what stands before that. */
const DSN_HOST = /@(?:tcp6?|unix)\(/g;
const DSN_USERINFO = /(?<![\w.-])[\w.-]{1,64}:([^\s@"']{1,256})$/;
/** `user/password@`, as Oracle's thin driver writes it. */
const ORACLE_THIN = /(\bjdbc:oracle:(?:thin|oci):[\w.-]{1,64}\/)([^\s@"']{1,256})(?=@)/gi;

/** The secret part of what stands before the `@` of an address: the password, or a token alone. */
export function findUserinfo(text: string): Span[] {
  const spans = inUrls(text);
  for (const match of text.matchAll(ORACLE_THIN)) {
    const [, before = '', secret = ''] = match;
    const start = match.index + before.length;
    spans.push({ start, end: start + secret.length });
  }
  for (const { index } of text.matchAll(DSN_HOST)) {
    const secret = DSN_USERINFO.exec(text.slice(Math.max(0, index - 330), index))?.[1];
    if (secret !== undefined) spans.push({ start: index - secret.length, end: index });
  }
  return spans;
}

/** E-mail addresses; `userinfo` tells which `@` are not theirs. */
export function findEmails(text: string, userinfo: readonly Span[]): Span[] {
  const spans: Span[] = [];
  const hosts = new Set(userinfo.map((span) => span.end));
  for (const match of text.matchAll(EMAIL)) {
    const [address, domain = ''] = match;
    const user = address.slice(0, address.indexOf('@'));
    // `https://user@host`: a user name alone is no address.
    const inUrl = text.startsWith('://', match.index - 3);
    const isAddress =
      !inUrl && !hosts.has(match.index + user.length) && user !== 'git' && !NO_DOMAINS.has(domain.toLowerCase());
    if (isAddress) spans.push({ start: match.index, end: match.index + address.length });
  }
  return spans;
}

/** `scheme://user:password@host`: the password; `scheme://token@host`: the token. */
function inUrls(text: string): Span[] {
  const spans: Span[] = [];
  for (let at = text.indexOf('://'); at !== -1; at = text.indexOf('://', at + 3)) {
    if (!/[A-Za-z0-9]/.test(text[at - 1] ?? '')) continue;
    const start = at + 3;
    const next = text.indexOf('://', start);
    // 512: longer than any credentials met in addresses; a bound keeps a hostile line cheap.
    const limit = Math.min(start + 512, next === -1 ? text.length : next);
    const rest = /^[^\s"'<>`]*/.exec(text.slice(start, limit))?.[0] ?? '';
    const authority = /^[^/?#]*/.exec(rest)?.[0] ?? '';
    let end = authority.lastIndexOf('@');
    const colon = authority.indexOf(':');
    const web = /https?$/i.test(text.slice(Math.max(0, at - 5), at));
    if (colon !== -1 && !(end === -1 && /^:\d{1,5}$/.test(authority.slice(colon))) && !(web && end !== -1)) {
      // A password with `/`, `?` or `#` in it, not escaped: up to the last @ before a host.
      const last = /^.*(?=@[\w.-]+(?::\d+)?(?:[/?,;)]|$))/.exec(rest)?.[0].length ?? -1;
      end = Math.max(end, last);
    }
    if (end <= 0) continue;
    const userinfo = rest.slice(0, end);
    const separator = userinfo.indexOf(':');
    const secret = separator === -1 ? userinfo : userinfo.slice(separator + 1);
    const from = start + (separator === -1 ? 0 : separator + 1);
    // A user name alone is shown; a long one is a token (as in error trackers' addresses).
    if (secret === '' || isMask(secret) || (separator === -1 && secret.length < 16)) continue;
    spans.push({ start: from, end: from + secret.length });
  }
  return spans;
}
