/**
 * Helpers for collections in memory: bounded maps, an index from a key to several values, and short keys for long
 * texts.
 */

/** Removes the oldest entries until at most `most` are left. */
export function dropOldest(map: Map<unknown, unknown>, most: number): void {
  for (const oldest of map.keys()) {
    if (map.size <= most) return;
    map.delete(oldest);
  }
}

/** Maps each key to a set of values. Keys without values take no memory. */
export class Index<Key, Value> {
  readonly #values = new Map<Key, Set<Value>>();

  get(key: Key): ReadonlySet<Value> {
    return this.#values.get(key) ?? new Set();
  }

  add(key: Key, value: Value): void {
    const values = this.#values.get(key);
    if (values === undefined) this.#values.set(key, new Set([value]));
    else values.add(value);
  }

  delete(key: Key, value: Value): void {
    const values = this.#values.get(key);
    if (values?.delete(value) && values.size === 0) this.#values.delete(key);
  }
}

/** A 53-bit hash of a text: cyrb53 by bryc (public domain). Not secure: collisions can be constructed. */
export function fingerprintOf(text: string): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    a = Math.imul(a ^ char, 2654435761);
    b = Math.imul(b ^ char, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return 4294967296 * (2097151 & b) + (a >>> 0);
}
