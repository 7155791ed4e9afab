/** Decodes base64 that contains plain text. */

const BASE64 = /^[A-Za-z0-9+/_-]{16,}={0,2}$/;
/** Characters. Longer tokens are not decoded, to bound the cost. */
const LONGEST = 16_384;

/** Returns the decoded token if it is base64 of readable text of at least 8 characters. */
export function textInBase64(token: string): string | undefined {
  if (token.length > LONGEST || !BASE64.test(token)) return undefined;
  const decoded = Buffer.from(token, 'base64');
  // Words written together are valid base64, too, but decode to unreadable bytes.
  for (const byte of decoded)
    if (byte < 0x09 || (byte > 0x0d && byte < 0x20 && byte !== 0x1b) || byte === 0x7f) return undefined;
  const text = decoded.toString('utf8');
  return text.includes('\ufffd') || text.length < 8 ? undefined : text;
}

/** Whether the text is `user:password`, which Basic authentication and Docker's config.json encode in base64. */
export function isUserAndPassword(text: string): boolean {
  return /^[^\s:"'{}<>()]{0,64}:[^\s]{3,128}$/.test(text) && !/^[a-z]+:\/\//i.test(text);
}
