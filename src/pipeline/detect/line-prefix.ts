/** Prefixes that a supervisor, a worker or a logger repeats on each line of its output. */
import { isDigit, isSpace } from './chars.ts';

/** Blanks between head and message: two are padding after a level of four letters, more are indentation. */
const PADDING = 2;

/** Returns the index after the head and one blank if the message is indented, so that it keeps its indentation. */
export function indentedBodyAt(text: string, bodyAt: number): number {
  let at = bodyAt;
  while (at > 0 && isSpace(text.charCodeAt(at - 1))) at--;
  return bodyAt - at > PADDING ? at + 1 : bodyAt;
}

/**
 * Returns the index in `b` after the prefix `a.slice(0, aEnd)`; 0 if `b` does not begin with it. Numbers (times, ids)
 * may differ.
 */
export function repeatedPrefixEnd(a: string, aEnd: number, b: string): number {
  let i = 0;
  let j = 0;
  while (i < aEnd) {
    const code = a.charCodeAt(i);
    const other = b.charCodeAt(j);
    if (isDigit(code) && isDigit(other)) {
      while (i < aEnd && isDigit(a.charCodeAt(i))) i++;
      while (isDigit(b.charCodeAt(j))) j++;
    } else if (code === other) {
      i++;
      j++;
    } else return 0;
  }
  return j;
}

/** First lines of traces that are unmistakable anywhere in a line: what precedes them is a prefix. */
const TRACE_STARTS = ['Traceback (most recent call last)', 'panic: ', 'fatal error: ', "thread '"];
/** A fast check: what any of them needs. */
const MAY_START = /[ \t](?:Traceback|panic: |fatal error: |thread ')/;
/** The most characters of a prefix. */
const MAX_PREFIX = 120;

/** Returns the index, at least `from`, at which a trace begins after a prefix; 0 if there is none. */
export function traceStartAt(whole: string, from = 0): number {
  if (from >= MAX_PREFIX) return 0;
  const text = whole.length > MAX_PREFIX + 40 ? whole.slice(0, MAX_PREFIX + 40) : whole;
  if (!MAY_START.test(text)) return 0;
  for (const start of TRACE_STARTS) {
    const at = text.indexOf(start, from);
    if (at > 0 && at < MAX_PREFIX && isSpace(text.charCodeAt(at - 1))) return at;
  }
  return 0;
}
