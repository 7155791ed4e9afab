/** Returns what is wrong around a secret; undefined if nothing is. Without it, a wrong secret would look like a right one. */
export function problemAround(text: string): string | undefined {
  if (text.trim() === '') return 'must not be only blanks';
  if (text !== text.trim()) return 'must not begin or end with a blank';
  if (/[\r\n]/.test(text)) return 'must be a single line';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
  if (/[\0-\x1f\x7f\ufeff]/.test(text)) return 'must not contain control characters';
  const last = CLOSING[text[0] ?? ''];
  if (text.length > 1 && last !== undefined && text.endsWith(last)) {
    return 'must not be in quotes: they would be part of the value';
  }
  return undefined;
}

const CLOSING: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  '`': '`',
  '\u201c': '\u201d',
  '\u201e': '\u201c',
  '\u2018': '\u2019',
  '\u00ab': '\u00bb',
};

/** Editors and `echo` end a file with a line break. Files from Windows end lines with two characters. */
export function withoutLineEnd(text: string): string {
  return text.replace(/[\r\n]+$/, '');
}
