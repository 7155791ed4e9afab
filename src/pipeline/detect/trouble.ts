import type { LogRecord } from '../../domain.ts';

/** What a log record gives away: detection's output, grouping's input. */
export interface Trouble {
  readonly record: LogRecord;
  /** Which kind of evidence told it; see docs/detection.md for the tiers. */
  readonly tier: string;
  /** Matched words or signatures, e.g. `level=error`, `traceback`, `oom`. Safe to show: never free text of the log. */
  readonly patterns: readonly string[];
  /** The telling line, for a person. */
  readonly summary: string;
}
