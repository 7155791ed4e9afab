/** Finds credentials in HTTP headers, cookies, query strings and links. */
import { looksRandom, PLAIN_WORD } from './judge.ts';
import { isMask } from './masks.ts';
import type { Span } from './spans.ts';

const BEARER = /(\b(?:Bearer|Token|ApiKey)(?:[ \t]{1,4}|\+|%20)["']?)([A-Za-z0-9._~+/=-]{8,8192})/gi;
const BASIC = /(\bBasic(?:[ \t]{1,4}|\+|%20))([A-Za-z0-9+/_-]{6,4096}={0,2})/gi;

/** A pattern for a header or field name, the separator, and what opens the value: bare, JSON, or escaped JSON. */
const field = (name: string, boundary = '\\b') =>
  `${boundary}${name}(?:\\\\{0,3}["'])?[ \\t]{0,8}(?::|=>|=)[ \\t]{0,8}(?:\\[[ \\t]?)?(?:\\\\{0,3}["'])?`;
const AUTHORIZATION = new RegExp(
  `(${field('(?:proxy-)?authorization')}(?:[A-Z][A-Za-z0-9-]{1,24}(?:[ \\t]{1,4}|\\+))?)([^\\s"'\\\\,;\`<]{6,8192})`,
  'gi',
);
/** Schemes whose credentials are a list of parameters, to the end of the line. */
const AUTHORIZATION_LIST = new RegExp(
  `(${field('(?:proxy-)?authorization')}(?:Digest|AWS4-HMAC-SHA256|AWS4-ECDSA-P256-SHA256|OAuth|Hawk|Signature|GoogleLogin|EG1-HMAC-SHA256|SAP|MAC)[ \\t]{1,4})([^\\r\\n]{6,8192})`,
  'gi',
);
const COOKIE = new RegExp(
  `(${field('(?:set-)?cookies?2?')})([^\\r\\n"'\\\\;=,{}[\\]]{1,128}=[^\\r\\n"'\\\\\\]]{1,8192})`,
  'gi',
);
/** Signatures of a request body. Only the header's name identifies them; the value is a digest. */
const SIGNATURE = new RegExp(
  `(${field('(?:signature|hmac)(?:-?sha)?-?\\d{0,3}', '')}(?:(?:sha\\d{1,3}|t|v\\d)=)?)([A-Za-z0-9+/=_,.-]{24,1024})`,
  'gi',
);
/** Browsers cannot set headers of a WebSocket: their token is passed as a protocol. */
const WEBSOCKET_PROTOCOL =
  /(\bSec-WebSocket-Protocol[ \t]{0,4}:[ \t]{0,4}(?:[\w.-]{1,40},[ \t]{0,4})?)([A-Za-z0-9._~+/=-]{16,4096})/gi;
const DPOP = /(\bDPoP[ \t]{0,4}:[ \t]{0,4})([A-Za-z0-9._-]{16,8192})/g;

/** Signatures and credentials in signed URLs: whoever has them has access. */
const SIGNED_URL =
  /([?&;](?:amp;)?(?:sig|signature|x-amz-signature|x-amz-credential|x-amz-security-token|x-goog-signature|x-goog-credential|x-oss-signature|ossaccesskeyid|awsaccesskeyid|googleaccessid|key-pair-id|policy|sas|code|key|hash|hmac|ticket|samlresponse|samlrequest|assertion|_token|oobcode|access_key)=)([A-Za-z0-9%+/=_.~-]{16,8192})/gi;

/** Links that give access to whoever has them: the path segment after one of these words. */
const LINK =
  /(\/(?:magic|magic-link|magiclink|invite|invites|invitation|invitations|join|reset|reset-password|password-reset|password_reset|resetpassword|verify|verify-email|verification|confirm|confirmation|activate|activation|unsubscribe|accept-invite|set-password|recover|recovery|unlock|impersonate|one-time|onetime|otl|otp|passwordless|login-link|signin-link|token|tokens|share|shared|webhook|webhooks|hook|hooks|incoming|callback-token)\/)([A-Za-z0-9_~=.-]{16,512})(?=[/?#"'\s,;)\]}>]|$)/gi;
const LINK_SECRET =
  /^(?=[^a-z]*[a-z]?)(?:[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}|(?=.*\d)(?:[\da-f]{20,}|[A-Za-z0-9_~=.-]{20,}))$/i;

/** Finds values that are secret because of their header, parameter or path. */
export function findHeaders(text: string): Span[] {
  const spans: Span[] = [];
  /** The second group of the pattern is the secret. It directly follows the first. */
  const collect = (pattern: RegExp, isSecret: (secret: string, before: string) => boolean = () => true): void => {
    for (const match of text.matchAll(pattern)) {
      const [, before = '', secret = ''] = match;
      if (!isSecret(secret, before)) continue;
      const start = match.index + before.length;
      spans.push({ start, end: start + secret.trimEnd().length });
    }
  };
  collect(BEARER, (secret, before) => looksRandom(secret) || (/bearer/i.test(before) && secret.length >= 20));
  collect(BASIC, isBasicCredentials);
  collect(AUTHORIZATION, isCredentialHeader);
  collect(AUTHORIZATION_LIST);
  collect(COOKIE);
  collect(SIGNATURE, (secret) => /\d/.test(secret) && !isMask(secret));
  collect(WEBSOCKET_PROTOCOL, looksRandom);
  collect(DPOP, looksRandom);
  collect(SIGNED_URL, looksRandom);
  collect(LINK, (secret) => LINK_SECRET.test(secret) && !/^[a-z]+(?:[-_.][a-z]+)*$/i.test(secret));
  return spans;
}

function isBasicCredentials(secret: string): boolean {
  const decoded = Buffer.from(secret, 'base64').toString('latin1');
  return /^[\x20-\x7e]*:[\x20-\x7e\x80-\xff]*$/.test(decoded);
}

function isCredentialHeader(value: string, before: string): boolean {
  if (/^(?:Digest|OAuth|Hawk|AWS4|Signature)/i.test(value)) return false;
  return /[ \t+]$/.test(before) && /(?:Basic|Bearer|Token|Key|Bot|Negotiate|NTLM|DPoP)[ \t+]+$/i.test(before)
    ? !isMask(value) && !PLAIN_WORD.test(value.toLowerCase())
    : looksRandom(value);
}
