/** Text as a record keeps it. */

/** A record's text in UTF-16 units and in UTF-8 bytes; what is above is cut out of the middle. */
export const MAX_RECORD = 65_536;

// biome-ignore lint/suspicious/noControlCharactersInRegex: stripping them is the purpose
const ANSI =
  /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])?|\x9b[0-?]*[ -/]*[@-~]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: stripping them is the purpose
const CONTROLS = /[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: stripping them is the purpose
const HAS_CONTROL = /[\0-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]/;

/** One line without colours and control characters (tabs stay). The same string where there are none. */
export function cleanLine(text: string): string {
  return HAS_CONTROL.test(text) ? text.replace(ANSI, '').replace(/\n/g, ' ').replace(CONTROLS, '') : text;
}

/** At most MAX_RECORD, cut in the middle, with a note of how much is missing. */
export function capText(text: string): string {
  if (text.length * 3 <= MAX_RECORD) return text;
  const bytes = Buffer.byteLength(text);
  if (bytes <= MAX_RECORD) return text;
  // Half of the units that fit at this text's own bytes-per-unit ratio, less room for the note.
  const half = Math.floor(((MAX_RECORD - 64) / 2) * (text.length / bytes));
  const widest = Math.min(half, text.length >> 1);
  for (let keep = widest; ; keep = Math.floor(keep * 0.9)) {
    const cut = `${text.slice(0, keep)}\n[… ${text.length - 2 * keep} characters cut …]\n${text.slice(text.length - keep)}`;
    if (Buffer.byteLength(cut) <= MAX_RECORD) return cut.isWellFormed() ? cut : cut.toWellFormed();
  }
}
