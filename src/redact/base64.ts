/** Plain text inside base64. */

const BASE64 = /^[A-Za-z0-9+/_-]{16,}={0,2}$/;
/** Enough to tell text from bytes. */
const LONGEST = 16_384;

/** What the token says in base64, where that is text that can be read. */
export function textInBase64(token: string): string | undefined {
  if (token.length > LONGEST || !BASE64.test(token)) return undefined;
  const decoded = Buffer.from(token, 'base64');
  // Words written together are base64, too, of nothing that can be read.
  for (const byte of decoded)
    if (byte < 0x09 || (byte > 0x0d && byte < 0x20 && byte !== 0x1b) || byte === 0x7f) return undefined;
  const text = decoded.toString('utf8');
  return text.includes('\ufffd') || text.length < 8 ? undefined : text;
}

/** `user:password`, as Basic authentication and Docker's settings encode it. */
export function isUserAndPassword(text: string): boolean {
  return /^[^\s:"'{}<>()]{0,64}:[^\s]{3,128}$/.test(text) && !/^[a-z]+:\/\//i.test(text);
}
