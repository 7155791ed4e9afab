/** Credentials in HTTP headers, cookies and query strings. */
import { looksRandom, PLAIN_WORD } from './judge.ts';
import { isMask } from './masks.ts';
import type { Span } from './spans.ts';

const BEARER = /(\b(?:Bearer|Token|ApiKey)(?:[ \t]{1,4}|\+|%20)["']?)([A-Za-z0-9._~+/=-]{8,8192})/gi;
const BASIC = /(\bBasic(?:[ \t]{1,4}|\+|%20))([A-Za-z0-9+/_-]{6,4096}={0,2})/gi;

/** The name of a header or field, its separator and what may open its value; as JSON, written out, or bare. */
const field = (name: string) =>
  `\\b${name}(?:\\\\{0,3}["'])?[ \\t]{0,8}(?::|=>|=)[ \\t]{0,8}(?:\\[[ \\t]?)?(?:\\\\{0,3}["'])?`;
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
/** Signatures of a body, and proofs: the name says it, the value is a digest. */
const SIGNATURE = new RegExp(
  `(${field('(?:signature|hmac)(?:-?sha)?-?\\d{0,3}').slice(2)}(?:(?:sha\\d{1,3}|t|v\\d)=)?)([A-Za-z0-9+/=_,.-]{24,1024})`,
  'gi',
);
/** Browsers pass a token as a protocol. */
const WEBSOCKET_PROTOCOL =
  /(\bSec-WebSocket-Protocol[ \t]{0,4}:[ \t]{0,4}(?:[\w.-]{1,40},[ \t]{0,4})?)([A-Za-z0-9._~+/=-]{16,4096})/gi;
const DPOP = /(\bDPoP[ \t]{0,4}:[ \t]{0,4})([A-Za-z0-9._-]{16,8192})/g;

/** Signatures and credentials in signed addresses: they are the permission itself. */
const SIGNED_URL =
  /([?&;](?:amp;)?(?:sig|signature|x-amz-signature|x-amz-credential|x-amz-security-token|x-goog-signature|x-goog-credential|x-oss-signature|ossaccesskeyid|awsaccesskeyid|googleaccessid|key-pair-id|policy|sas|code|key|hash|hmac|ticket|samlresponse|samlrequest|assertion|_token|oobcode|access_key)=)([A-Za-z0-9%+/=_.~-]{16,8192})/gi;

/** Links that let in whoever has them: the part of the path behind these words. */
const LINK =
  /(\/(?:magic|magic-link|magiclink|invite|invites|invitation|invitations|join|reset|reset-password|password-reset|password_reset|resetpassword|verify|verify-email|verification|confirm|confirmation|activate|activation|unsubscribe|accept-invite|set-password|recover|recovery|unlock|impersonate|one-time|onetime|otl|otp|passwordless|login-link|signin-link|token|tokens|share|shared|webhook|webhooks|hook|hooks|incoming|callback-token)\/)([A-Za-z0-9_~=.-]{16,512})(?=[/?#"'\s,;)\]}>]|$)/gi;
const LINK_SECRET =
  /^(?=[^a-z]*[a-z]?)(?:[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}|(?=.*\d)(?:[\da-f]{20,}|[A-Za-z0-9_~=.-]{20,}))$/i;

/** Stretches that are secret by the header or parameter they stand in. */
export function findHeaders(text: string): Span[] {
  const spans: Span[] = [];
  /** The second group is the secret, right behind the first. */
  const behind = (pattern: RegExp, isSecret: (secret: string, before: string) => boolean = () => true): void => {
    for (const match of text.matchAll(pattern)) {
      const [, before = '', secret = ''] = match;
      if (!isSecret(secret, before)) continue;
      const start = match.index + before.length;
      spans.push({ start, end: start + secret.trimEnd().length });
    }
  };
  behind(BEARER, (secret, before) => looksRandom(secret) || (/bearer/i.test(before) && secret.length >= 20));
  behind(BASIC, isBasicCredentials);
  behind(AUTHORIZATION, isCredentialHeader);
  behind(AUTHORIZATION_LIST);
  behind(COOKIE);
  behind(SIGNATURE, (secret) => /\d/.test(secret) && !isMask(secret));
  behind(WEBSOCKET_PROTOCOL, looksRandom);
  behind(DPOP, looksRandom);
  behind(SIGNED_URL, looksRandom);
  behind(LINK, (secret) => LINK_SECRET.test(secret) && !/^[a-z]+(?:[-_.][a-z]+)*$/i.test(secret));
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
