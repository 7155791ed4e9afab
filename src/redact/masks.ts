/** A value that is already hidden, or a variable of a template instead of a value. */
const MASK =
  '\\[[A-Za-z _-]{1,30}\\]|<[A-Za-z _-]{1,30}>|\\(\\w{1,30}\\)|' +
  '\\$\\{[^}\\n]{1,80}\\}|\\$\\([^)\\n]{1,80}\\)|\\{\\{[^}\\n]{1,80}\\}\\}|%\\{[^}\\n]{1,40}\\}|%\\(\\w{1,40}\\)s|' +
  '\\$[A-Z_][A-Z0-9_]{0,80}|%[sdv]|\\{\\w{0,40}\\}|\\?|:\\w{1,40}|[*•●]{2,}|‹secret:\\d{1,6}›';
const MASK_ALONE = new RegExp(`^(?:${MASK}|[*•●.x#_-]+)$`, 'i');
const MASK_FIRST = new RegExp(`^(?:${MASK})(?![\\w])`, 'i');

export function isMask(value: string): boolean {
  return MASK_ALONE.test(value);
}

/** Whether `text` begins with a mask that is not the beginning of a longer word. */
export function beginsWithMask(text: string): boolean {
  return MASK_FIRST.test(text);
}
