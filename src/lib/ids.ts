import { randomBytes } from 'node:crypto';

/** Sorts by time and is short enough to be read aloud. */
export function newId(): string {
  return `${Date.now().toString(36)}-${randomBytes(5).toString('hex')}`;
}
