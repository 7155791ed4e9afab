/** The symbols that the word model distinguishes: a to z, A to Z, any digit, and the edge of a word. */
export const SYMBOLS = 54;
export const DIGIT = 52;
export const EDGE = 53;

export function symbolOf(code: number): number {
  if (code >= 0x61 && code <= 0x7a) return code - 0x61;
  if (code >= 0x41 && code <= 0x5a) return code - 0x41 + 26;
  return code >= 0x30 && code <= 0x39 ? DIGIT : EDGE;
}
