/** The state of an open stack trace, and how a further line may relate to it: see traces.ts. */

export const END = 0;
export const ACCEPT = 1;
export const HOLD = 2;
export type Step = typeof END | typeof ACCEPT | typeof HOLD;

/**
 * `header`: only the exception's first line so far; the first frame will determine the language. `at`: Java, Kotlin,
 * Node, C#. `hash`: PHP, Dart, sanitizers.
 */
export type TraceMode = 'header' | 'at' | 'hash' | 'python' | 'go' | 'ruby' | 'rust' | 'elixir' | 'lua';

export interface Trace {
  mode: TraceMode;
  /** Frames or other proof were seen, so this is a trace and not only a line that looks like the beginning of one. */
  proven: boolean;
  /** Begins with a message of the runtime itself (a panic, an uncaught exception): an error even without frames. */
  readonly fatal: boolean;
  /**
   * `open`: before the first frame, or in Python's. `frames`: in the frames. `final`: after Python's exception line.
   * `linked`: after Python's note that another trace follows. `braces`: in the properties that Node prints. `source`:
   * after the source location that Node prints first. `done`: complete.
   */
  phase: 'open' | 'frames' | 'final' | 'linked' | 'braces' | 'source' | 'done';
  /** Lines held since the last accepted one. */
  held: number;
  /** Indentation of the last frame, in characters. */
  indent: number;
  readonly first: string;
  /** The line before, held or not; `carets` if that was Node's marker below a source line. */
  previous: string;
}

/** Characters of a line that are examined. */
export const EXAMINED_LENGTH = 1000;

export function indentOf(line: string): number {
  let at = 0;
  while (at < line.length && (line.charCodeAt(at) === 0x20 || line.charCodeAt(at) === 0x09)) at++;
  return at;
}

export function isBlank(line: string): boolean {
  return indentOf(line) === line.length;
}
