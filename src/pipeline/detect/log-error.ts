import type { LogRecord } from '../../domain/incident.ts';
import type { RecordParts } from './record-parts.ts';

/** A record that is an error: the output of detection and the input of grouping. */
export interface LogError {
  readonly record: LogRecord;
  /** The kind of evidence; docs/detection.md describes the tiers. */
  readonly tier: string;
  /**
   * Matched words or signatures, such as `level=error`, `traceback`, `oom`. Safe to show: never free text from the log.
   */
  readonly patterns: readonly string[];
  /** Set if the record is a burst: the text of its first record, which identifies the problem. */
  readonly named?: string;
  /** The parsed record, or the first one of a burst, so that grouping need not parse it again. */
  readonly parts?: RecordParts;
  /** The most informative line, for display. */
  readonly summary: string;
}
