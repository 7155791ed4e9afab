/** The Host header, as a defence against DNS rebinding. */
import { isIP } from 'node:net';

/**
 * Returns the host in a Host header: lower case, without port, brackets and trailing dot. Undefined if the header is
 * missing or malformed.
 */
export function hostNameIn(header: string | undefined): string | undefined {
  const [, bracketed, plain] = /^(?:\[([\da-f:.]+(?:%[\w.~-]+)?)\]|([\w.-]+))(?::\d{0,5})?$/i.exec(header ?? '') ?? [];
  // The name of a network interface, which only the sender knows.
  if (bracketed !== undefined) return isIP(withoutZone(bracketed)) === 6 ? withoutZone(bracketed) : undefined;
  return plain?.toLowerCase().replace(/\.$/, '') || undefined;
}

function withoutZone(address: string): string {
  return address.toLowerCase().replace(/%.*$/, '');
}

/**
 * Returns whether a Host header names this server: `localhost`, an IP address, or one of `names`.
 *
 * With DNS rebinding, a web page makes its own host name resolve to the address of this server, and reads the pages
 * through the user's browser as if they were its own. Such requests have the page's host name in this header. It is
 * never an IP address, because those are not resolved.
 */
export function createHostCheck(names: readonly string[]): (header: string | undefined) => boolean {
  const own = new Set(['localhost', ...names.map((name) => hostNameIn(name))]);
  return (header) => {
    const host = hostNameIn(header);
    return host !== undefined && (isIP(host) !== 0 || own.has(host));
  };
}
