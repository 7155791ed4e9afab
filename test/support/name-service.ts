import dns from 'node:dns';

/**
 * Makes this process resolve a host name to the loopback address between `resolve` and `lose`. At other times the
 * system resolves it and does not find a name under `.invalid`, as if DNS were down. `release` undoes the change.
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
