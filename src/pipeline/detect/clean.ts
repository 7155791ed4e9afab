/** Cleans and shortens the text that records keep. */

/** The most UTF-8 bytes of a record's text; longer text is cut in the middle. */
export const MAX_RECORD = 65_536;

const ESC = String.fromCharCode(0x1b);
const BEL = String.fromCharCode(0x07);
const CSI = String.raw`(?:${ESC}\[|\u009b)`;
/**
 * ECMA-48 escape sequences: CSI, OSC, other strings and two-character ones. An incomplete sequence matches as far as it
 * goes.
 */
const SEQUENCES = new RegExp(
  [
    `${CSI}[0-?]*[ -/]*[@-~]`,
    String.raw`${ESC}\][^${BEL}${ESC}]*(?:${BEL}|${ESC}\\)?`,
    String.raw`${ESC}[PX^_][^${ESC}]*(?:${ESC}\\)?`,
    `${ESC}(?:[ -/]*[0-~])?`,
  ].join('|'),
  'g',
);
/** Control characters except the tab: they would act on a terminal or break the line. */
export const CONTROL = String.raw`[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]`;
const CONTROLS = new RegExp(CONTROL, 'g');
const HAS_CONTROL = new RegExp(CONTROL);
/** Backspaces, and sequences that move the cursor within the line or erase part of it. */
const EDIT = new RegExp(String.raw`\u0008|${CSI}(\d{0,5})(?:;\d*)*([CDGKPX])`, 'g');
const HAS_EDIT = new RegExp(EDIT.source);
/** Cursor movements end at this column. */
const MAX_COLUMN = 1_000;
/** In lines with more characters, cursor movements are removed without being carried out: progress bars are short. */
const MAX_EDITED = 4_096;
/** The most segments between carriage returns that are examined. */
const MAX_RETURNS = 100;

/**
 * Returns the line as a terminal finally shows it: overwritten and erased text is gone, and so are colours and control
 * characters (tabs stay). A line without control characters is returned unchanged.
 */
export function cleanLine(text: string): string {
  if (!HAS_CONTROL.test(text)) return text;
  let line = lastWritten(text);
  if (line.length <= MAX_EDITED && HAS_EDIT.test(line)) line = edited(line);
  return line.replace(SEQUENCES, '').replace(/\n/g, ' ').replace(CONTROLS, '');
}

/**
 * Returns the last segment between carriage returns that has visible text. If it is shorter than the text it
 * overwrites, the rest of that text is dropped: it is of no use to a reader.
 */
function lastWritten(text: string): string {
  let end = text.length;
  for (let returns = 0; end > 0 && returns < MAX_RETURNS; ) {
    while (text.charCodeAt(end - 1) === 0x0d) end--;
    const start = text.lastIndexOf('\r', end - 1) + 1;
    const part = text.slice(start, end);
    if (part !== '') {
      returns++;
      if (/\S/.test(part.replace(SEQUENCES, '').replace(CONTROLS, ''))) return part;
    }
    end = start - 1;
  }
  return text;
}

/** Carries out cursor movements and erasures. */
function edited(text: string): string {
  const cells: string[] = [];
  let column = 0;
  let from = 0;
  const write = (part: string): void => {
    for (const char of part.replace(SEQUENCES, '')) {
      while (cells.length < column) cells.push(' ');
      cells[column++] = char;
    }
  };
  for (const match of text.matchAll(EDIT)) {
    write(text.slice(from, match.index));
    from = match.index + match[0].length;
    const count = Math.min(MAX_COLUMN, Number(match[1] ?? '') || 1);
    switch (match[2]) {
      case undefined: // backspace
        column = Math.max(0, column - 1);
        break;
      case 'C':
        column = Math.min(Math.max(MAX_COLUMN, column), column + count);
        break;
      case 'D':
        column = Math.max(0, column - count);
        break;
      case 'G':
        column = count - 1;
        break;
      case 'K':
        erase(cells, column, match[1] ?? '');
        break;
      case 'P':
        cells.splice(column, count);
        break;
      case 'X':
        cells.fill(' ', column, Math.min(cells.length, column + count));
        break;
    }
  }
  write(text.slice(from));
  return cells.join('').trimEnd();
}

/** Erase in line: from the cursor to the end, from the start to the cursor (1), or everything (2). */
function erase(cells: string[], column: number, mode: string): void {
  if (mode === '1') cells.fill(' ', 0, Math.min(cells.length, column + 1));
  else if (mode === '2') cells.length = 0;
  else cells.length = Math.min(cells.length, column);
}

/** Returns at most MAX_RECORD bytes. Longer text is cut in the middle, with a note of how much is missing. */
export function capText(text: string): string {
  if (text.length * 3 <= MAX_RECORD) return text;
  const bytes = Buffer.byteLength(text);
  if (bytes <= MAX_RECORD) return text;
  // Half of the UTF-16 units that fit at this text's average bytes per unit, less room for the note.
  const half = Math.floor(((MAX_RECORD - 64) / 2) * (text.length / bytes));
  const widest = Math.min(half, text.length >> 1);
  for (let keep = widest; ; keep = Math.floor(keep * 0.9)) {
    const note = `[… ${text.length - 2 * keep} characters cut …]`;
    const cut = `${text.slice(0, keep)}\n${note}\n${text.slice(text.length - keep)}`.toWellFormed();
    if (Buffer.byteLength(cut) <= MAX_RECORD) return cut;
  }
}
