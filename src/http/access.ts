/** The bearer token. */
import { createHash, timingSafeEqual } from 'node:crypto';

/** Whether an Authorization header contains `token`. Takes the same time for wrong tokens as for the right one. */
export function hasToken(authorization: string | undefined, token: string): boolean {
  const [, given = ''] = /^Bearer +(.+)$/i.exec(authorization ?? '') ?? [];
  // Hashes have equal length, so the time depends on neither the content nor the length of the given token.
  return timingSafeEqual(sha256(given), sha256(token));
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
