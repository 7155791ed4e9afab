/** Credentials in addresses and connection strings. */
import { isMask } from './masks.ts';
import { looksLikeKey } from './random.ts';
import type { Span } from './spans.ts';

/** `user:password@tcp(host)`, the format of the Go MySQL driver: the start of the host, and what precedes it. */
const DSN_HOST = /@(?:tcp6?|unix)\(/g;
const DSN_USERINFO = /(?<![\w.-])[\w.-]{1,64}:([^\s"']{1,256})$/;
/** `user/password@`, the format of Oracle's JDBC drivers and command-line tools. */
const ORACLE =
  /((?:\bjdbc:oracle:(?:thin|oci8?):|\b(?:sqlplus|sqlldr|expdp|impdp|exp|imp|rman|sql)(?:64)?[ \t]{1,4}(?:-[SLs][ \t]{1,4}){0,2}["']?)[\w.-]{1,64}\/)([^\s@"']{1,256})(?=@)/gi;
/** A line of .pgpass, host:port:database:user:password, from the colon before the port on. */
const PGPASS = /:(?:\d{3,5}|\*):[\w*-]{1,64}:[A-Za-z*][\w.-]{0,63}:([^\s:"']{6,256})(?=[\s"']|$)/g;
const PGPASS_HOST = /(?:^|[^\w.:/-])[A-Za-z*][\w.-]{0,100}$/;
/** `user:password` that is piped to chpasswd. */
const CHPASSWD =
  /(\becho[ \t]{1,4}(?:-n[ \t]{1,4})?["']?[\w.-]{1,64}:)([^\s"'|]{3,256})(?=["']?[ \t]{0,4}\|[ \t]{0,4}(?:sudo[ \t]{1,4})?chpasswd)/g;
/** A password that is piped to a program. */
const PIPED =
  /(\b(?:echo|printf)[ \t]{1,4}(?:-n[ \t]{1,4})?["']?)([^\s"'|$]{3,256})(?=["']?[ \t]{0,4}\|[^\n|]{0,80}(?:sudo -S|--stdin|-stdin\b|cryptsetup|\bsu[ \t]|passwd\b))/g;
/** A secret part of an ADO.NET, ODBC or JDBC connection string: `Password=…;`. */
const CONNECTION_PART =
  /(\b(?:password|pwd|user password|accountkey|sharedaccesskey|sharedsecret|access ?key|trustStorePassword|keyStorePassword)[ \t]{0,4}=[ \t]{0,4})('(?:[^'\n]|''){1,256}'|"(?:[^"\n]|""){1,256}"|\{(?:[^}\n]|\}\}){1,256}\}|[^;"'\s{][^;\n]{0,255}?)(?=[ \t]{0,4}(?:;|$|["'\n]))/gim;

/** Finds the passwords and tokens in URLs, connection strings, .pgpass lines and text that is piped to a program. */
export function findUserinfo(text: string): Span[] {
  const spans = inUrls(text);
  for (const pattern of [ORACLE, CHPASSWD, PIPED])
    for (const match of text.matchAll(pattern)) {
      const [, before = '', secret = ''] = match;
      const start = match.index + before.length;
      if (!isMask(secret)) spans.push({ start, end: start + secret.length });
    }
  for (const match of text.matchAll(PGPASS)) {
    const secret = match[1] as string;
    const end = match.index + match[0].length;
    const host = PGPASS_HOST.test(text.slice(Math.max(0, match.index - 102), match.index));
    if (host && !/^[\d.a-f]+$/.test(secret) && !isMask(secret)) spans.push({ start: end - secret.length, end });
  }
  if (text.includes(';'))
    for (const match of text.matchAll(CONNECTION_PART)) {
      const [, before = '', secret = ''] = match;
      const start = match.index + before.length;
      const end = start + secret.length;
      if (isMask(secret) || (text[start - before.length - 1] ?? '\n') === '"') continue;
      // Only next to other parts of a connection string.
      if (/;/.test(text[end] ?? '') || /;[^\n]{0,100}$/.test(text.slice(Math.max(0, match.index - 101), match.index)))
        spans.push({ start, end });
    }
  for (const { index } of text.matchAll(DSN_HOST)) {
    const secret = DSN_USERINFO.exec(text.slice(Math.max(0, index - 330), index))?.[1];
    if (secret !== undefined) spans.push({ start: index - secret.length, end: index });
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
    // 512 characters: longer than any known credentials in a URL. The limit bounds the cost of a hostile line.
    const limit = Math.min(start + 512, next === -1 ? text.length : next);
    const rest = /^[^\s"'<>`]*/.exec(text.slice(start, limit))?.[0] ?? '';
    const authority = /^[^/?#]*/.exec(rest)?.[0] ?? '';
    let end = authority.lastIndexOf('@');
    const colon = authority.indexOf(':');
    const web = /https?$/i.test(text.slice(Math.max(0, at - 5), at));
    if (colon !== -1 && !(end === -1 && /^:\d{1,5}$/.test(authority.slice(colon))) && !(web && end !== -1)) {
      // The password may contain an unescaped `/`, `?` or `#`: it ends at the last @ that precedes a host.
      const last = /^.*(?=@[\w.-]+(?::\d+)?(?:[/?,;)]|$))/.exec(rest)?.[0].length ?? -1;
      end = Math.max(end, last);
    }
    if (end <= 0) continue;
    const userinfo = rest.slice(0, end);
    const separator = userinfo.indexOf(':');
    const secret = separator === -1 ? userinfo : userinfo.slice(separator + 1);
    const from = start + (separator === -1 ? 0 : separator + 1);
    // A user name alone is no secret, but a long random one is a token, as in the DSNs of error trackers.
    if (secret === '' || isMask(secret) || (separator === -1 && !looksLikeKey(secret, 16))) continue;
    spans.push({ start: from, end: from + secret.length });
  }
  return spans;
}
