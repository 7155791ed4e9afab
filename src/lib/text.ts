/** Plain functions on text that came from outside. Imports nothing. */

const ESC = String.fromCharCode(27);
/** ECMA-48 control sequences (colours, cursor moves) and operating system commands (titles, links). */
const ANSI = new RegExp(`${ESC}\\[[0-?]*[ -/]*[@-~]|${ESC}\\][^${ESC}\\n\\u0007]{0,4096}(?:\\u0007|${ESC}\\\\)`, 'g');

/**
 * Control, format (bidirectional, zero-width, tags), private-use and unassigned-surrogate characters, and
 * the blank letters and selectors that can hide text: all that a person cannot see but a machine reads.
 */
const INVISIBLE =
  /\p{Cc}|\p{Cf}|\p{Co}|\p{Cs}|[\u115F\u1160\u2800\u3164\uFFA0]|\u034F|\u17B4|\u17B5|[\u{E0100}-\u{E01EF}]/gu;
const LINE_SEPARATORS = /\r\n?|[\u0085\u2028\u2029]/g;
/** More than a few combining marks on one letter is no language but a way to paint over other lines. */
const STACKED_MARKS = /(\p{M}{4})\p{M}+/gu;

/** Only what a person can see: tabs, line feeds and printable characters. */
export function plainText(text: string): string {
  return text
    .toWellFormed()
    .replace(ANSI, '')
    .replace(LINE_SEPARATORS, '\n')
    .replace(INVISIBLE, (char) => (char === '\n' || char === '\t' ? char : ''))
    .replace(STACKED_MARKS, '$1');
}

/** At most `max` code points; where it was longer, the last of them is `…`. */
export function cutEnd(text: string, max: number): string {
  if (text.length <= max) return text;
  const points = [...text];
  return points.length <= max ? text : `${points.slice(0, max - 1).join('')}…`;
}

/** At most about `max` characters: head and tail kept, and said how much is missing between them. */
export function cutMiddle(text: string, max: number): string {
  if (text.length <= max) return text;
  const mark = ` …[${text.length - max} characters cut]… `;
  const head = Math.ceil((max - mark.length) * 0.6);
  const tail = max - mark.length - head;
  return `${text.slice(0, head)}${mark}${text.slice(text.length - tail)}`.toWellFormed();
}
