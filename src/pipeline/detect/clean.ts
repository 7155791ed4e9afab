/** Text as a record keeps it. */

/** A record's text in UTF-8 bytes; what is above is cut out of the middle. */
export const MAX_RECORD = 65_536;

const ESC = String.fromCharCode(0x1b);
const BEL = String.fromCharCode(0x07);
const CSI = String.raw`(?:${ESC}\[|\u009b)`;
/** ECMA-48: CSI, OSC and string sequences, and those of two characters; of one that breaks off, what there is. */
const SEQUENCES = new RegExp(
  [
    `${CSI}[0-?]*[ -/]*[@-~]`,
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
/** Backspaces, and sequences that move the cursor within the line or erase part of it. */
const EDIT = new RegExp(String.raw`\u0008|${CSI}(\d{0,5})(?:;\d*)*([CDGKPX])`, 'g');
const HAS_EDIT = new RegExp(EDIT.source);
/** A cursor that is sent further than this stays there. */
const MAX_COLUMN = 1_000;
/** In longer lines cursor movements are only removed: what draws bars is short. */
const MAX_EDITED = 4_096;
/** Carriage returns that are looked behind. */
const MAX_RETURNS = 100;

/**
 * One line as a terminal shows it in the end: what was written over or erased is gone, and so are colours and
 * control characters (tabs stay). The same string where there are none.
 */
export function cleanLine(text: string): string {
  if (!HAS_CONTROL.test(text)) return text;
  let line = lastWritten(text);
  if (line.length <= MAX_EDITED && HAS_EDIT.test(line)) line = edited(line);
  return line.replace(SEQUENCES, '').replace(/\n/g, ' ').replace(CONTROLS, '');
}

/**
 * Behind the last carriage return that something follows. What a longer text before it would leave standing at the
 * end is of no use to a reader.
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

/** Cursor movements and erasures carried out. */
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

/** Erase in line: from the cursor on, up to it, or all. */
function erase(cells: string[], column: number, mode: string): void {
  if (mode === '1') cells.fill(' ', 0, Math.min(cells.length, column + 1));
  else if (mode === '2') cells.length = 0;
  else cells.length = Math.min(cells.length, column);
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
