/**
 * Numbers the facts and lines of a question, so that the answer can name those that support it: `[F3]` at the end of a
 * fact, `L12| ` at the start of a line of text. Text cannot imitate them, because only these positions count.
 */

/** L: the log. E: the records that were detected. H: output of health checks. */
export type TextKind = 'L' | 'E' | 'H';

export interface References {
  facts(lines: readonly string[]): string[];
  text(kind: TextKind, lines: readonly string[]): string[];
  /** The facts and lines by id, without their numbers. */
  readonly byId: ReadonlyMap<string, string>;
}

const LEFT_OUT = /^\[\d+ lines left out\]$/;
const FACT = /^- (?!and \d+ more$)/;

export function createReferences(): References {
  const byId = new Map<string, string>();
  const counts = { F: 0, L: 0, E: 0, H: 0 };
  const number = (kind: keyof typeof counts, text: string): string => {
    counts[kind] += 1;
    const id = `${kind}${counts[kind]}`;
    byId.set(id, text);
    return id;
  };
  return {
    byId,
    facts: (lines) => lines.map((line) => (FACT.test(line) ? `${line} [${number('F', line.slice(2))}]` : line)),
    text: (kind, lines) =>
      lines.map((line) => (LEFT_OUT.test(line) || line === '' ? line : `${number(kind, line)}| ${line}`)),
  };
}

const ID = /^\W*([FLEH]\d{1,4})\b/i;

/** The id in what an answer cites, such as `L12`, `[F3]` or `L12| ERROR …`. Undefined if there is none. */
export function idIn(cited: unknown): string | undefined {
  return typeof cited === 'string' ? ID.exec(cited)?.[1]?.toUpperCase() : undefined;
}
