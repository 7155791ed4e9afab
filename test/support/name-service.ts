import dns from 'node:dns';

/**
 * A host name that this process alone can find, at loopback, and only while it is told to: else the system is asked,
 * which finds no name under `.invalid`, as when the name service is down.
 */
export function takeName(host: string): { resolve(): void; lose(): void; release(): void } {
  const real = dns.lookup;
  let found = false;
  const lookup = (name: string, ...rest: unknown[]): void => {
    (real as (...args: unknown[]) => void)(name === host && found ? '127.0.0.1' : name, ...rest);
  };
  dns.lookup = Object.assign(lookup, real) as typeof dns.lookup;
  return {
    resolve() {
      found = true;
    },
    lose() {
      found = false;
    },
    release() {
      dns.lookup = real;
    },
  };
}
