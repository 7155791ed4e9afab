import type { LogRecord } from '../../domain.ts';

/** A record that points to trouble: detection's output, grouping's input. */
export interface LogError {
  readonly record: LogRecord;
  /** The kind of evidence; docs/detection.md has the tiers. */
  readonly tier: string;
  /** Matched words or signatures, e.g. `level=error`, `traceback`, `oom`. Safe to show: never free text of the log. */
  readonly patterns: readonly string[];
  /** The text that names the problem, where the record is a burst of several: that of the first. */
  readonly named?: string;
  /** The most informative line, for a person. */
  readonly summary: string;
}
