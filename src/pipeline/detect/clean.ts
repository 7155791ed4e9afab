/** Text as a record keeps it. */

/** A record's text in UTF-8 bytes; what is above is cut out of the middle. */
export const MAX_RECORD = 65_536;

const ESC = String.fromCharCode(0x1b);
const BEL = String.fromCharCode(0x07);
/** ECMA-48: CSI, OSC and string sequences, and those of two characters; of one that breaks off, what there is. */
const ANSI = new RegExp(
  [
    String.raw`${ESC}\[[0-?]*[ -/]*[@-~]`,
    String.raw`\u009b[0-?]*[ -/]*[@-~]`,
    String.raw`${ESC}\][^${BEL}${ESC}]*(?:${BEL}|${ESC}\\)?`,
    String.raw`${ESC}[PX^_][^${ESC}]*(?:${ESC}\\)?`,
    `${ESC}(?:[ -/]*[0-~])?`,
  ].join('|'),
  'g',
);
/** All but the tab: they would draw on a terminal, or end a line where there is none. */
const CONTROL = String.raw`[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]`;
const CONTROLS = new RegExp(CONTROL, 'g');
const HAS_CONTROL = new RegExp(CONTROL);

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
    const note = `[… ${text.length - 2 * keep} characters cut …]`;
    const cut = `${text.slice(0, keep)}\n${note}\n${text.slice(text.length - keep)}`.toWellFormed();
    if (Buffer.byteLength(cut) <= MAX_RECORD) return cut;
  }
}
