/** Helpers for text from outside the agent. Imports nothing. */

const ESC = String.fromCharCode(27);
/** ECMA-48 control sequences (colours, cursor moves) and operating system commands (titles, links). */
const ANSI = new RegExp(`${ESC}\\[[0-?]*[ -/]*[@-~]|${ESC}\\][^${ESC}\\n\\u0007]{0,4096}(?:\\u0007|${ESC}\\\\)`, 'g');

/**
 * Characters that people cannot see but programs read: control, format (bidirectional, zero-width, tags), private-use
 * and surrogate characters, blank letters and variation selectors.
 */
const INVISIBLE =
  /\p{Cc}|\p{Cf}|\p{Co}|\p{Cs}|[\u115F\u1160\u2800\u3164\uFFA0]|\u034F|\u17B4|\u17B5|[\u{E0100}-\u{E01EF}]/gu;
const LINE_SEPARATORS = /\r\n?|[\u0085\u2028\u2029]/g;
/** Stacks of combining marks. No language puts more than four on a letter, and more can cover neighbouring lines. */
const STACKED_MARKS = /(\p{M}{4})\p{M}+/gu;

/** Removes everything but printable characters, tabs and line feeds. */
export function plainText(text: string): string {
  return text
    .toWellFormed()
    .replace(ANSI, '')
    .replace(LINE_SEPARATORS, '\n')
    .replace(INVISIBLE, (char) => (char === '\n' || char === '\t' ? char : ''))
    .replace(STACKED_MARKS, '$1');
}

/** Cuts a text to at most `max` code points, including the `…` that then ends it. */
export function cutEnd(text: string, max: number): string {
  if (text.length <= max) return text;
  const points = [...text];
  return points.length <= max ? text : `${points.slice(0, max - 1).join('')}…`;
}

/** Cuts a text to about `max` characters: its start, a note of how many characters were cut, and its end. */
export function cutMiddle(text: string, max: number): string {
  if (text.length <= max) return text;
  const mark = ` …[${text.length - max} characters cut]… `;
  const head = Math.ceil((max - mark.length) * 0.6);
  const tail = max - mark.length - head;
  return `${text.slice(0, head)}${mark}${text.slice(text.length - tail)}`.toWellFormed();
}
