/** Prefixes that a supervisor, a worker or a logger repeats on each line of what it prints. */
import { isDigit, isSpace } from './chars.ts';

/** Where the text behind a head begins with its own indentation: one blank separates it from the head. */
export function indentedBodyAt(text: string, bodyAt: number): number {
  let at = bodyAt;
  while (at > 0 && isSpace(text.charCodeAt(at - 1))) at--;
  return at < bodyAt ? at + 1 : bodyAt;
}

/**
 * Where the text behind the prefix `a.slice(0, aEnd)` begins in `b`; 0 where `b` does not begin with it. Numbers
 * (times, ids) may differ.
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

/** Traces whose first line is certain wherever it stands: all before it is a prefix. */
const TRACE_STARTS = ['Traceback (most recent call last)', 'panic: ', 'fatal error: ', "thread '"];
const MAX_PREFIX = 120;

/** Where the first line of a trace begins behind a prefix; 0 where none does. */
export function traceStartAt(text: string): number {
  for (const start of TRACE_STARTS) {
    const at = text.indexOf(start);
    if (at > 0 && at < MAX_PREFIX && isSpace(text.charCodeAt(at - 1))) return at;
  }
  return 0;
}
