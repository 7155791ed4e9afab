/**
 * The definition of a metric. Users build dashboards and alerts on metric names, so a change of a name, a unit or a
 * label is a breaking change. docs/telemetry.md lists all metrics for users.
 */

/** The closed list of a label's values, or `open` if values are only known at run time. */
type LabelValues = readonly string[] | 'open';

export interface Metric {
  /** The OpenTelemetry name: the Prometheus name with dots, without the unit and `_total`. */
  readonly name: string;
  /** A UCUM code, `usd`, or an annotation in braces. */
  readonly unit: string;
  readonly description: string;
  readonly labels: Readonly<Record<string, LabelValues>>;
  /** Combinations of labels that cannot occur. They are not created at zero. */
  readonly impossible?: (labels: Readonly<Record<string, string>>) => boolean;
}

export interface HistogramMetric extends Metric {
  /** Upper bounds of the buckets, in the unit of the metric. */
  readonly boundaries: readonly number[];
}
