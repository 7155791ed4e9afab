/**
 * One failure that is logged several times at once: by the layer where it happened, by the one above, and by the
 * one that gives up. Consecutive records of such a burst become one.
 */
import { isDigit } from './chars.ts';
import { capText } from './clean.ts';
import type { LogError } from './log-error.ts';
import { areRelated, type Traits, traitsOf } from './relation.ts';

/** Records further apart by their own time are no burst. */
const BURST_MS = 1_000;
/** So many records make one at most. */
const MAX_RECORDS = 10;
/** Comparisons within BURST_MS: in a storm nothing is merged, and nothing is spent on trying. */
const MAX_COMPARED = 20;
export interface FoundError {
  readonly error: LogError;
  /** Lines, counted from 1, both included. */
  readonly first: number;
  readonly last: number;
}

/** First lines equal but for numbers: the same statement again, which is counted and not merged. */
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

/** A record between two errors, which belongs to their burst where both do: a hint, a warning. */
export interface Bridge {
  readonly text: string;
  readonly lines: number;
  readonly first: number;
  readonly last: number;
  /** What becomes of it where it joins no burst. */
  alone(): void;
}

/** Records between two errors that are one burst. */
const MAX_BRIDGES = 2;

export interface Bursts {
  /** Takes the next error of the stream; what it does not continue is emitted. */
  push(found: FoundError): void;
  /** A record that is no error came: false where it ends the burst. */
  bridge(record: Bridge): boolean;
  /** Something else came, or nothing for a while. */
  flush(): void;
  readonly pending: boolean;
}

export function createBursts(emit: (found: FoundError) => void): Bursts {
  let open: FoundError | undefined;
  /** The records of the burst, the latest last. */
  let parts: LogError[] = [];
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
    for (const bridge of between) bridge.alone();
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
    // What the burst is about is what any of its records is about.
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
        parts = [found.error];
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
