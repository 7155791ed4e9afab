import { readFileSync } from 'node:fs';

/** Returns the version in package.json, which is one folder above both src and dist. */
export function readVersion(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;
}
