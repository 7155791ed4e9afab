/** Access checks: the bearer token, and the Host header of requests to a loopback server. */
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

/**
 * Whether the Host header names this machine. With DNS rebinding, a web page can make its own host name resolve to
 * 127.0.0.1 and send requests to a loopback server through the user's browser. Such requests have the page's host name
 * in this header.
 */
export function namesThisMachine(hostHeader: string | undefined, host: string): boolean {
  const name = (hostHeader ?? '').toLowerCase().replace(/:\d+$/, '');
  return ['localhost', '127.0.0.1', '[::1]', host.toLowerCase(), `[${host.toLowerCase()}]`].includes(name);
}
