/** SQLite's primary result codes (sqlite.org/rescode.html). */
const CODE = {
  error: 1,
  busy: 5,
  corrupt: 11,
  constraint: 19,
  mismatch: 20,
  misuse: 21,
  range: 25,
  notADatabase: 26,
} as const;

/** Errors in our SQL or our values, as opposed to errors of the file or the disk. */
const OUR_MISTAKES: ReadonlySet<number> = new Set([
  CODE.error,
  CODE.constraint,
  CODE.mismatch,
  CODE.misuse,
  CODE.range,
]);

/** Undefined if `error` does not come from SQLite. */
function primaryCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode & 0xff;
}

/** Whether the file cannot be read or written: disk full, no permission, I/O error, damage. */
export function isOutage(error: unknown): boolean {
  const code = primaryCode(error);
  return code !== undefined && !OUR_MISTAKES.has(code);
}

export function isCorruption(error: unknown): boolean {
  const code = primaryCode(error);
  return code === CODE.corrupt || code === CODE.notADatabase;
}

export function isBusy(error: unknown): boolean {
  return primaryCode(error) === CODE.busy;
}

/** An error with the code that SQLite uses for a damaged file. */
export function corruptionError(detail: string): Error {
  return Object.assign(new Error(detail), { errcode: CODE.corrupt });
}
