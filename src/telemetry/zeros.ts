/**
 * Series at zero. `increase()` and `rate()` ignore the first value of a series, so every series whose labels are all
 * closed lists exists at zero from the start.
 */
import { ValueType } from '@opentelemetry/api';
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type Histogram,
  type HistogramMetricData,
  type MetricData,
} from '@opentelemetry/sdk-metrics';
import { HISTOGRAMS } from './histograms.ts';
import type { Metric } from './metric.ts';

/**
 * Returns all combinations of a metric's labels that are known in advance. `known`: values of open labels. Empty if an
 * open label has no known values.
 */
export function closedSeries(
  metric: Metric,
  known: Readonly<Record<string, readonly string[]>> = {},
): readonly Record<string, string>[] {
  let series: Record<string, string>[] = [{}];
  for (const [label, values] of Object.entries(metric.labels)) {
    const list = values === 'open' ? (known[label] ?? []) : values;
    series = series.flatMap((labels) => list.map((value) => ({ ...labels, [label]: value })));
  }
  return series.filter((labels) => !metric.impossible?.(labels));
}

const EMPTY_HISTOGRAMS = Object.values(HISTOGRAMS).map(emptyHistogram);

/** Adds the missing empty histogram series. Unlike a counter, an OpenTelemetry histogram cannot be created at zero. */
export function withEmptyHistograms(metrics: readonly MetricData[]): readonly MetricData[] {
  const names = new Set(metrics.map(({ descriptor }) => descriptor.name));
  const missing = EMPTY_HISTOGRAMS.filter(
    ({ descriptor, dataPoints }) => dataPoints.length > 0 && !names.has(descriptor.name),
  );
  return [...metrics.map(withEmptySeries), ...missing];
}

function withEmptySeries(metric: MetricData): MetricData {
  if (metric.dataPointType !== DataPointType.HISTOGRAM) return metric;
  const empty = EMPTY_HISTOGRAMS.find(({ descriptor }) => descriptor.name === metric.descriptor.name);
  if (empty === undefined) return metric;
  const present = new Set(metric.dataPoints.map(seriesKey));
  return {
    ...metric,
    dataPoints: [...metric.dataPoints, ...empty.dataPoints.filter((point) => !present.has(seriesKey(point)))],
  };
}

function emptyHistogram(metric: (typeof HISTOGRAMS)[keyof typeof HISTOGRAMS]): HistogramMetricData {
  const boundaries = [...metric.boundaries];
  const dataPoints = closedSeries(metric).map(
    (attributes): DataPoint<Histogram> => ({
      attributes,
      startTime: [0, 0],
      endTime: [0, 0],
      value: { count: 0, sum: 0, buckets: { boundaries, counts: Array(boundaries.length + 1).fill(0) } },
    }),
  );
  const { name, description, unit } = metric;
  return {
    descriptor: { name, description, unit, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.HISTOGRAM,
    dataPoints,
  };
}

function seriesKey({ attributes }: DataPoint<Histogram>): string {
  return JSON.stringify(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)));
}
