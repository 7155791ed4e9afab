/**
 * Merges the errors of one failure. The layer where it happened, the layer above and the code that gives up each log
 * one; consecutive related errors of a stream become one record.
 */
import { isDigit } from './chars.ts';
import { capText } from './clean.ts';
import type { LogError } from './log-error.ts';
import { areRelated, type Traits, traitsOf } from './relation.ts';

/** Longest time between the first and any later error of a burst, in ms, by the records' own timestamps. */
const BURST_MS = 1_000;
/** The most errors in one burst. */
const MAX_RECORDS = 10;
/** The most comparisons within BURST_MS. In a storm, errors beyond it are reported without trying to merge them. */
const MAX_COMPARED = 20;

export interface FoundError {
  readonly error: LogError;
  /** First and last line, counted from 1, inclusive. */
  readonly first: number;
  readonly last: number;
}

/** Whether the first lines are equal except for numbers. Such an error is a repeat: it is counted, not merged. */
function isRepeat(first: string, second: string): boolean {
  const a = first.slice(0, lineEnd(first));
  const b = second.slice(0, lineEnd(second));
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const code = a.charCodeAt(i);
    const other = b.charCodeAt(j);
    if (isDigit(code) && isDigit(other)) {
      while (isDigit(a.charCodeAt(i))) i++;
      while (isDigit(b.charCodeAt(j))) j++;
    } else if (code === other) {
      i++;
      j++;
    } else return false;
  }
  return i === a.length && j === b.length;
}

function lineEnd(text: string): number {
  const end = text.indexOf('\n');
  return end === -1 ? text.length : end;
}

/**
 * A record that is not an error but comes between two, such as a hint or a warning. It joins the burst if the next
 * error does.
 */
export interface Bridge {
  readonly text: string;
  readonly lines: number;
  readonly first: number;
  readonly last: number;
  /** Reports the record by itself; called if it joins no burst. */
  reportAlone(): void;
}

/** The most such records between two errors of a burst. */
const MAX_BRIDGES = 2;

export interface Bursts {
  /** Adds the next error of the stream. If it does not continue the open burst, that burst is emitted first. */
  push(found: FoundError): void;
  /**
   * Offers a record that is not an error. Returns false if it cannot join the open burst, which must then be flushed.
   */
  bridge(record: Bridge): boolean;
  /** Emits the open burst: an unrelated line arrived, or no line for a while. */
  flush(): void;
  readonly pending: boolean;
}

export function createBursts(emit: (found: FoundError) => void): Bursts {
  let open: FoundError | undefined;
  /** The errors of the open burst, latest last. */
  const parts: LogError[] = [];
  let bridges: Bridge[] = [];
  let traits: Traits | undefined;
  let compared = 0;
  let comparedSince = Number.NaN;

  function mayCompare(time: number): boolean {
    if (!(Math.abs(time - comparedSince) <= BURST_MS)) {
      comparedSince = time;
      compared = 0;
    }
    return ++compared <= MAX_COMPARED;
  }

  function flush(): void {
    if (open === undefined) return;
    const complete = open;
    const between = bridges;
    open = undefined;
    bridges = [];
    emit(complete);
    for (const bridge of between) bridge.reportAlone();
  }

  const lastLine = (): number => bridges[bridges.length - 1]?.last ?? open?.last ?? 0;

  function continues(found: FoundError): boolean {
    if (open === undefined || parts.length >= MAX_RECORDS || found.first !== lastLine() + 1) return false;
    const { time } = found.error.record;
    if (Math.abs(time - open.error.record.time) > BURST_MS || !mayCompare(time)) return false;
    if (parts.some(({ record }) => isRepeat(record.text, found.error.record.text))) return false;
    traits ??= traitsOf(parts[parts.length - 1] as LogError);
    const own = traitsOf(found.error);
    if (!areRelated(traits, own, bridges.length === 0)) return false;
    // The next error may share an identifier with any error of the burst.
    traits = { ...own, identifiers: new Set([...traits.identifiers, ...own.identifiers]) };
    return true;
  }

  return {
    push(found) {
      if (continues(found)) {
        open = merge(open as FoundError, found, bridges);
        bridges = [];
        parts.push(found.error);
      } else {
        flush();
        open = found;
        parts.length = 0;
        parts.push(found.error);
        traits = undefined;
      }
    },
    bridge(record) {
      if (open === undefined || bridges.length >= MAX_BRIDGES || record.first !== lastLine() + 1) return false;
      bridges.push(record);
      return true;
    },
    flush,
    get pending() {
      return open !== undefined;
    },
  };
}

function merge(a: FoundError, b: FoundError, bridges: readonly Bridge[]): FoundError {
  const between = bridges.map(({ text }) => `${text}\n`).join('');
  const level = a.error.record.level ?? b.error.record.level;
  return {
    first: a.first,
    last: b.last,
    error: {
      ...a.error,
      named: a.error.named ?? a.error.record.text,
      patterns: [...new Set([...a.error.patterns, ...b.error.patterns])],
      record: {
        ...a.error.record,
        ...(level === undefined ? {} : { level }),
        text: capText(`${a.error.record.text}\n${between}${b.error.record.text}`),
        lines: a.error.record.lines + b.error.record.lines + bridges.reduce((sum, { lines }) => sum + lines, 0),
      },
    },
  };
}
