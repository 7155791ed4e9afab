/** An open stack trace, and what a line is to it. */

export const END = 0;
export const ACCEPT = 1;
export const HOLD = 2;
export type Step = typeof END | typeof ACCEPT | typeof HOLD;

/**
 * HEADER: an exception's first line, language open until the first frame. AT: Java, Kotlin, Node, C#.
 * HASH: PHP, Dart, sanitizers.
 */
export type TraceMode = 'header' | 'at' | 'hash' | 'python' | 'go' | 'ruby' | 'rust' | 'elixir' | 'lua';

export interface Trace {
  mode: TraceMode;
  /** Frames or other proof seen: it is a trace and not just a line that looks like the head of one. */
  proven: boolean;
  /** The runtime's own last words (a panic, an uncaught exception): trouble without any frame. */
  readonly fatal: boolean;
  /** Python: before (`frames`), at or behind the exception line; others: before or in the frames. */
  phase: 'open' | 'frames' | 'final' | 'linked' | 'braces' | 'source' | 'done';
  held: number;
  /** Of the last frame, in characters. */
  indent: number;
  readonly first: string;
  /** The line before, held or not; `carets` where that was Node's marker below a source line. */
  previous: string;
}

/** Only this much of a line is looked at. */
export const LOOK = 1000;

export function indentOf(line: string): number {
  let at = 0;
  while (at < line.length && (line.charCodeAt(at) === 0x20 || line.charCodeAt(at) === 0x09)) at++;
  return at;
}

export function isBlank(line: string): boolean {
  return indentOf(line) === line.length;
}
