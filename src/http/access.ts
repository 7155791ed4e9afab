/** Who may ask: the bearer token, and the names under which a loopback server answers. */
import { createHash, timingSafeEqual } from 'node:crypto';

/** Whether an Authorization header bears `token`; takes as long for a wrong one as for a right one. */
export function bearsToken(authorization: string | undefined, token: string): boolean {
  const [, given = ''] = /^Bearer +(.+)$/i.exec(authorization ?? '') ?? [];
  // Hashes are equally long, whatever was given: neither content nor length shows in the time.
  return timingSafeEqual(sha256(given), sha256(token));
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/**
 * Whether the Host header names this machine. A web page whose name is made to resolve to 127.0.0.1 (DNS
 * rebinding) can ask a loopback server through the user's browser; its own name gives it away.
 */
export function namesUs(hostHeader: string | undefined, host: string): boolean {
  const name = (hostHeader ?? '').toLowerCase().replace(/:\d+$/, '');
  return ['localhost', '127.0.0.1', '[::1]', host.toLowerCase(), `[${host.toLowerCase()}]`].includes(name);
}
