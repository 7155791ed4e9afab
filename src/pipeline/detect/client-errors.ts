/**
 * Recognises mistakes of a client that a program logs as errors: a refused credential, a missing file, a bad request, a
 * broken incoming connection. A single one is no reason to wake anybody; many are.
 */
import { namesRequest, statusOf } from './http-status.ts';

const IP = String.raw`\[?(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){1,6}:[0-9a-fA-F]{1,4})`;
/** An IP address that the text labels as the client's. */
const CLIENT_ADDRESS = new RegExp(
  String.raw`\b(?:client|remote[_ -]?(?:ip|addr(?:ess)?|host)?|from|ip|peer|addr(?:ess)?|r?host|source|src|visitor|by)(?:[_ -]?(?:ip|addr(?:ess)?))?["':=\[( ]{1,5}(?:[\w.-]{1,80}\[)?${IP}`,
  'i',
);
const USER = /\b(?:user(?:[_ -]?(?:name|id))?|account|login|e-?mail)\b["':=[( ]{1,4}\S|\buser(?:name)?\b/i;

const LOGIN = String.raw`pass(?:word|wd|code|phrase)|credentials?|log(?:[ -]?(?:in|on))|sign[ -]?in|authenticat\w+|[12m]fa|t?otp|captcha`;
const CREDENTIAL = String.raw`${LOGIN}|authori[sz]\w+|auth|tokens?|session|jwt|cookie|csrf|xsrf|api[ -]?key|signature|invit\w+|link|user(?:name)?|account`;
const REFUSED = String.raw`(?:invalid|incorrect|wrong|bad|unknown|mismatch\w*|unsuccessful|fail(?:ed|ure|s)?|reject\w*|denied|refused|not (?:found|match|authori[sz]ed|allowed|permitted|valid|exist)|unauthori[sz]ed|unauthenticated|forbidden|expired|does(?:n't| not) (?:exist|match)|missing|no such|disabled|locked|banned|blocked|exceeded|too many)`;
const refused = (what: string): RegExp =>
  new RegExp(String.raw`\b(?:${what})\b.{0,40}?\b${REFUSED}\b|\b${REFUSED}\b.{0,40}?\b(?:${what})\b`, 'i');
const REFUSED_CREDENTIAL = refused(CREDENTIAL);
const REFUSED_LOGIN = refused(LOGIN);

const MISSING_OR_BAD =
  /\bno such file or directory\b|\b(?:file|page|route|resource|path|url|document|asset) (?:was )?not found\b|\bnot found\b|\bfavicon\b|\bno route (?:found|matches)\b|\bis forbidden\b|\bforbidden by rule\b|\bbad request\b|\bmalformed\b|\binvalid (?:request|http|host|header|method|url|uri|json|parameter|character|version)\b|\btoo (?:large|long) (?:body|header|uri|request)\b|\brequest (?:\w+ )?(?:is )?too (?:large|long|big)\b|\bclient (?:intended|sent|prematurely|closed|disconnected)\b|\bmethod not allowed\b|\bvalidation (?:failed|errors?)\b|\bunprocessable\b|\bunsupported media type\b|\blink (?:has )?expired\b|\baccess denied\b/i;

const BROKEN_BY_PEER =
  /\b(?:TLS|SSL) handshak\w+|\bSSL_(?:do_handshake|accept)\b|\bhandshake (?:failed|error|failure)\b|\bconnection reset by peer\b|\bbroken pipe\b|\bclient (?:closed|disconnected|aborted)\b|\bclosed (?:keepalive )?connection\b|\blost connection after\b|\bunexpected eof\b|\b(?:bad|unknown) certificate\b|\bno shared cipher\b|\bwrong version number\b|\bHTTP request (?:was sent )?to an? HTTPS\b/i;

/** The program was itself the client, so the failure is its own. */
const OUTBOUND =
  /\bupstream\b|\bbackend\b|\bdial(?:ing)?\b|\bconnect(?:ing|ion)? (?:to|failed|refused|timed|timeout)\b|\b(?:could|can) ?not connect\b|\b(?:unable|failed) to (?:connect|fetch|query|send|push|pull|reach|download|upload|load|sync\w*|refresh|renew|obtain|get)\b|\btime[ -]?d?[ -]?out\b|\bconnect\(\)|\bSQLSTATE\b|\bdatabase\b|\bldap\b|\bsmtp\b|\bimap\b|\bbroker\b|\bmysql\b|\bpostgres\w*|\bmongo\w*|\bredis\b|\bamqp\b|\bkafka\b|\bregistry\b|connection refused|ECONNREFUSED|\baccess denied for user\b|\bprovider\b|\bno space\b|\bout of memory\b|\binternal server error\b|\b(?:GET|POST|PUT|PATCH|DELETE|HEAD) "?https?:/i;

/** Exceptions with which web frameworks answer a client's mistake, at whatever level they are logged. */
const ANSWERED_BY_FRAMEWORK =
  /\b(?:NotFoundHttpException|MethodNotAllowedHttpException|RoutingError|InvalidAuthenticityToken|TokenMismatchException|DisallowedHost|SuspiciousOperation|SuspiciousFileOperation|NoResourceFoundException|NoHandlerFoundException|HttpRequestMethodNotSupportedException|HttpMessageNotReadableException|ClientAbortException|BadCredentialsException|UsernameNotFoundException|InvalidCsrfTokenException|BadHttpRequestException|Http404)\b/;

/** A mail server's refusal: `reject: RCPT from …`. */
const REFUSED_MAIL = /\breject: (?:CONNECT|HELO|EHLO|MAIL|RCPT|DATA|BDAT|AUTH|VRFY|ETRN|END-OF-MESSAGE)\b/;

/** A client that the text names, and that is gone. */
const NAMED_CLIENT_LEFT =
  /\bclient [^,:;]{1,80}?[ ,]+(?:has )?(?:been )?disconnect(?:ed|ing)\b|\b(?:disconnect(?:ed|ing)|kick(?:ed|ing)|dropp(?:ed|ing)) client\b/i;

/** Characters of a record that are examined. */
const EXAMINED_LENGTH = 1_500;

/** Whether the text of an ERROR, or a message without a level, is a client's mistake. */
export function isClientError(record: string): boolean {
  const text = record.length > EXAMINED_LENGTH ? record.slice(0, EXAMINED_LENGTH) : record;
  if (ANSWERED_BY_FRAMEWORK.test(text) || REFUSED_MAIL.test(text)) return true;
  if (NAMED_CLIENT_LEFT.test(text) && !OUTBOUND.test(text)) return true;
  const address = CLIENT_ADDRESS.test(text);
  const request = namesRequest(text);
  if (!address && !request) return USER.test(text) && REFUSED_LOGIN.test(text) && !OUTBOUND.test(text);
  if (OUTBOUND.test(text)) return false;
  if (request) {
    const status = statusOf(text);
    if (status >= 500) return false;
    if (status >= 400) return true;
  }
  return REFUSED_CREDENTIAL.test(text) || MISSING_OR_BAD.test(text) || (address && BROKEN_BY_PEER.test(text));
}

/** Whether the text is a client's mistake even if the program calls it fatal. */
export function isFatalClientError(record: string): boolean {
  const text = record.length > EXAMINED_LENGTH ? record.slice(0, EXAMINED_LENGTH) : record;
  return (
    ANSWERED_BY_FRAMEWORK.test(text) || (BROKEN_BY_PEER.test(text) && CLIENT_ADDRESS.test(text) && !OUTBOUND.test(text))
  );
}
