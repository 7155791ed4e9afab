/** Character classes for reading log heads, by UTF-16 code unit. */

export function isLetter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);
}

export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

export function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Returns the index after the letters that begin at `at`, at most `limit`. */
export function wordEnd(text: string, at: number, limit: number): number {
  let end = at;
  while (end < limit && isLetter(text.charCodeAt(end))) end++;
  return end;
}

/**
 * Returns the index after the blanks, bars, dashes, colons and closing brackets that separate a head from its message.
 */
export function skipSeparators(text: string, at: number, limit: number): number {
  let end = at;
  while (end < limit) {
    const code = text.charCodeAt(end);
    if (!isSpace(code) && code !== 0x7c && code !== 0x2d && code !== 0x3a && code !== 0x5d) break;
    end++;
  }
  return end;
}
