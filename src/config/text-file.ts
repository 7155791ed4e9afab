/** Reads the files that settings name. */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';

/** The message completes the sentence "must be …" or says what is wrong. */
export class UnusableFileError extends Error {}

/** Far more than a secret or a policy file needs. */
const MAX_BYTES = 1024 * 1024;

/**
 * Returns the text of a regular file, without a byte order mark. Throws an `UnusableFileError` for anything else, and the
 * system's error if the file cannot be opened. Never waits: a pipe is not opened for reading.
 */
export function readTextFile(path: string): string {
  // O_NONBLOCK: opening a pipe without a writer would block the process. O_NOCTTY: a terminal must not take it over.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw new UnusableFileError(`must be a regular file, not ${kindOf(stats)}`);
    const bytes = Buffer.alloc(MAX_BYTES + 1);
    let length = 0;
    for (;;) {
      const read = readSync(file, bytes, length, bytes.length - length, null);
      length += read;
      if (read === 0 || length > MAX_BYTES) break;
    }
    if (length > MAX_BYTES) throw new UnusableFileError('must not be larger than 1 MiB');
    return decode(bytes.subarray(0, length));
  } finally {
    closeSync(file);
  }
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UnusableFileError('must be UTF-8 text');
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a pipe';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}
