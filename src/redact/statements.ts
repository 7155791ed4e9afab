/** Finds secrets in SQL statements, calls with positional arguments, and the dialogues of mail and file servers. */
import { looksLikePassword, looksRandom } from './judge.ts';
import { isMask } from './masks.ts';
import { isSecretName } from './names.ts';
import { looksLikeKey } from './random.ts';
import type { Span } from './spans.ts';

/** SQL that sets a password. */
const SQL_PASSWORD =
  /(\bIDENTIFIED[ \t]+(?:WITH[ \t]+["'`]?\w{1,64}["'`]?[ \t]+)?(?:BY|AS)[ \t]+(?:PASSWORD[ \t]+|VALUES[ \t]+)?|\bPASSWORD(?:[ \t]+|[ \t]{0,4}=[ \t]{0,4}|[ \t]{0,4}\([ \t]{0,4})[EN]?(?=')|\bSET[ \t]+PASSWORD(?:[ \t]+FOR[ \t]+\S{1,128})?[ \t]{0,4}=[ \t]{0,4}(?=')|\bOLD_PASSWORD[ \t]{0,4}=[ \t]{0,4}[EN]?(?='))('[^'\r\n]{1,512}'|"[^"\r\n]{1,512}")/gi;
const SQL_IDENTIFIED_BARE = /(\bIDENTIFIED[ \t]+BY[ \t]+(?:VALUES[ \t]+)?)([^\s'";,]{3,128})/gi;
const INSERT =
  /\bINSERT[ \t]+(?:IGNORE[ \t]+)?INTO[ \t]+[^\s(]{1,128}[ \t]{0,4}\(([^()]{1,2000})\)[ \t\n]{0,8}VALUES?[ \t\n]{0,8}\(/gi;
/** One value of an INSERT, with the comma or the parenthesis after it. */
const SQL_VALUE = /\s{0,4}(?:[EN]?'((?:[^'\n]|''){0,512})'|"([^"\n]{0,512})"|([^,()'"\s]{1,128}))\s{0,4}(,|\))/y;

/** Functions with a password as a positional argument, and its position, from 1. */
const CALLS: readonly (readonly [RegExp, number])[] = [
  [
    /(?:->__construct|new PDO|PDO\.connect|DriverManager\.getConnection|mysqli?_p?connect|mysqli->(?:__construct|real_connect)|new mysqli|pymysql\.connect|MySQLdb\.connect|imap_open|ldap_bind|ftp_login|ssh2_auth_password|oci_connect|pg_connect_user)\(/g,
    3,
  ],
  [
    /(?:\.|->|::)(?:login|authenticate|logIn|auth|bind|basic_auth|basicAuth|setBasicAuth|set_basic_auth|SetBasicAuth|simple_bind_s|simple_bind|HTTPBasicAuth|credentials|setCredentials)\(/g,
    2,
  ],
  [
    /(?:UsernamePasswordCredentials|PasswordAuthentication|UsernamePasswordAuthenticationToken|HTTPBasicAuth|BasicAuthentication|NetworkCredential|AuthTokens\.basic|basic_auth|BasicAuth)\(/g,
    2,
  ],
];
/** A cheap check: the end of a function's name and the beginning of its arguments. */
const CALL =
  /(?:nnect|onstruct|ogin|PDO|nection|uth|bind|word|open|ntials?|oken|basic_s|ential|_s|ICate|icate|logIn)\((?=\s{0,8}[bBuUrR]?["'$\w])/;
const ARGUMENT = /\s{0,8}(?:[bBuUrR]?(["'])((?:(?!\1)[^\n\\]|\\.){0,256})\1|([^,()"'\n]{0,128}))\s{0,8}(,|\)|$)/y;

/** Mail servers: `AUTH PLAIN <base64>`, and the answer to `334 UGFzc3dvcmQ6` (“Password:”). */
const AUTH_PLAIN = /(\bAUTH(?:ENTICATE)?[ \t]+(?:PLAIN|XOAUTH2|OAUTHBEARER|LOGIN)[ \t]+)([A-Za-z0-9+/=]{8,2048})/gi;
const AUTH_LOGIN_ANSWER =
  /(\b334[ \t]+UGFzc3dvcmQ6[^A-Za-z0-9]{0,40}(?:\b[CS]:[ \t]{0,4}|[<>]{1,3}[ \t]{0,4})?)([A-Za-z0-9+/]{4,512}={0,2})/g;
const IMAP_LOGIN =
  /(\b[a-zA-Z]{0,4}\d[a-zA-Z0-9.]{0,12}[ \t]+LOGIN[ \t]+(?:"[^"\n]{1,128}"|[^\s"]{1,128})[ \t]+)("[^"\n]{1,256}"|[^\s"]{3,256})/g;
const PASS_COMMAND = /((?<![\w.-])PASS[ \t]{1,4}:?)([^\s"'<>]{4,256})/g;
const REDIS_AUTH =
  /((?:\brequirepass|\bmasterauth|(?<![\w-])AUTH|"AUTH")[ \t,]{1,4}(?:["']?[\w.-]{1,32}["']?[ \t]{1,4})?["']?)([^\s"']{4,512})/g;

/** Programs that generate a password print it at their first start: `Password for the elastic user: …`. */
const ANNOUNCED_PASSWORD = /(\b(?:password|passphrase)\b[^\n:=]{1,60}:[ \t]{1,4})(\S{12,128})/gi;

/** The same with the password alone on a later line. */
const ANNOUNCED_BELOW =
  /(\b(?:password|passphrase)\b[^\n=]{0,80}:[ \t]{0,4}\n{1,2}[ \t]{0,8})([A-Za-z\d+/=_-]{12,128})(?=[ \t]{0,4}(?:\n|$))/gi;
/** Characters. */
const SHORTEST_GENERATED = 12;
/** A generated password after the name of its user: `Created admin account: admin / …`. */
const ANNOUNCED_LOGIN =
  /(\b(?:log[ -]?in|account|credentials?|user)\b[^\n:=/]{0,40}[ \t:=]{1,4}(?:admin(?:istrator)?|root|superuser|user|guest|demo|default|[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,64})[ \t]?[:/][ \t]?)([^\s"'/]{12,128})/gi;
/** PowerShell, `net use` of Windows, and the Italian “parola d'ordine”, whose apostrophe no name can have. */
const WINDOWS =
  /(\bConvertTo-SecureString[ \t]+(?:-String[ \t]+)?|\bnet use\b[^\n]{0,120}\/user:\S{1,64}[ \t]+|\bparola d['’]ordine["']?[ \t]{0,4}[:=][ \t]{0,4})("[^"\n]{3,256}"|'[^'\n]{3,256}'|[^\s"'/$-][^\s"']{3,256})/gi;
/** Expect, the extension of Tcl. */
const EXPECT_SEND = /(\bsend(?:_user)?[ \t]+(?:--[ \t]+)?")([^"\\\n]{6,128})(?=\\[rn]")/g;

/** The seed phrase of a wallet. */
const MNEMONIC =
  /(\b(?:mnemonic|(?:seed|recovery|secret|backup)[ _-]?(?:phrase|words)|seed)\b["']?[^\n:=]{0,30}[:=][ \t]{0,4}["']?)((?:[a-z]{3,8}[ ,]){11,23}[a-z]{3,8})/gi;

export function findStatements(text: string): Span[] {
  const spans: Span[] = [];
  /** The second group of the pattern is the secret, possibly in quotes. It directly follows the first. */
  const collect = (pattern: RegExp, isSecret: (secret: string) => boolean = () => true): void => {
    for (const match of text.matchAll(pattern)) {
      const [, before = '', quoted = ''] = match;
      const quote = /^["']/.test(quoted) && quoted.length > 2 && quoted.endsWith(quoted[0] as string) ? 1 : 0;
      const start = match.index + before.length + quote;
      const secret = quoted.slice(quote, quoted.length - quote);
      if (secret !== '' && !isMask(secret) && isSecret(secret)) spans.push({ start, end: start + secret.length });
    }
  };
  collect(SQL_PASSWORD);
  collect(MNEMONIC);
  collect(ANNOUNCED_BELOW, (secret) => /\d/.test(secret) && /[A-Za-z]/.test(secret));
  collect(WINDOWS);
  collect(EXPECT_SEND, looksLikePassword);
  collect(SQL_IDENTIFIED_BARE, (secret) => !/^(?:PASSWORD|VALUES|EXTERNALLY|GLOBALLY)$/i.test(secret));
  collect(AUTH_PLAIN, (secret) => /\d|[A-Z].*[a-z].*[A-Z]|=$/.test(secret));
  collect(AUTH_LOGIN_ANSWER);
  if (text.includes(' LOGIN ')) collect(IMAP_LOGIN, looksRandom);
  collect(PASS_COMMAND, looksRandom);
  collect(REDIS_AUTH, (secret) => looksRandom(secret) && !/^(?:PLAIN|LOGIN)$/.test(secret));
  collect(ANNOUNCED_PASSWORD, (secret) => looksRandom(secret) && /\d/.test(secret) && /[A-Za-z]/.test(secret));
  collect(ANNOUNCED_LOGIN, (secret) => looksLikeKey(secret, SHORTEST_GENERATED));
  return [...spans, ...inInserts(text), ...inCalls(text)];
}

/** `INSERT INTO users (name, password) VALUES ('bob', '…')`: columns and values, in their order. */
function inInserts(text: string): Span[] {
  const spans: Span[] = [];
  for (const match of text.matchAll(INSERT)) {
    const columns = (match[1] as string).split(',').map((column) => column.trim().replace(/["'`[\]]/g, ''));
    const isSecret = columns.map(isSecretName);
    if (!isSecret.includes(true)) continue;
    let at = match.index + match[0].length;
    for (let i = 0; i < columns.length; i++) {
      SQL_VALUE.lastIndex = at;
      const value = SQL_VALUE.exec(text);
      if (value === null) break;
      const shown = value[1] ?? value[2] ?? '';
      if (isSecret[i] && shown !== '' && !isMask(shown)) {
        const start = at + value[0].indexOf(shown);
        spans.push({ start, end: start + shown.length });
      }
      at = SQL_VALUE.lastIndex;
      if (value[4] === ')') break;
    }
  }
  return spans;
}

function inCalls(text: string): Span[] {
  const spans: Span[] = [];
  if (!CALL.test(text)) return spans;
  for (const [pattern, position] of CALLS)
    for (const match of text.matchAll(pattern)) {
      let at = match.index + match[0].length;
      for (let i = 1; i <= position; i++) {
        ARGUMENT.lastIndex = at;
        const argument = ARGUMENT.exec(text);
        if (argument === null) break;
        const value = argument[2];
        if (i === position && value !== undefined && value.length >= 3 && !isMask(value)) {
          const start = at + argument[0].indexOf(value, 1);
          spans.push({ start, end: start + value.length });
        }
        at = ARGUMENT.lastIndex;
        if (argument[4] !== ',') break;
      }
    }
  return spans;
}
