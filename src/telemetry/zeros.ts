/**
 * Series before anything happened. One that begins with its first value has no growth for `increase()` and `rate()`
 * to see in it: those whose labels are all closed lists are there at zero from the start.
 */
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type Histogram,
  type HistogramMetricData,
  type MetricData,
} from '@opentelemetry/sdk-metrics';
import { HISTOGRAMS, type Metric } from './names.ts';

/**
 * Every combination of a metric's labels that can be known before anything happened; `known` gives values
 * to open labels. Empty where an open label has none.
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

/** A counter can be created at zero, an OpenTelemetry histogram cannot: the collected ones with those still empty. */
export function withEmptyHistograms(metrics: readonly MetricData[]): readonly MetricData[] {
  const names = new Set(metrics.map(({ descriptor }) => descriptor.name));
  const unmet = EMPTY_HISTOGRAMS.filter(
    ({ descriptor, dataPoints }) => dataPoints.length > 0 && !names.has(descriptor.name),
  );
  return [...metrics.map(withEmptySeries), ...unmet];
}

function withEmptySeries(metric: MetricData): MetricData {
  if (metric.dataPointType !== DataPointType.HISTOGRAM) return metric;
  const empty = EMPTY_HISTOGRAMS.find(({ descriptor }) => descriptor.name === metric.descriptor.name);
  if (empty === undefined) return metric;
  const met = new Set(metric.dataPoints.map(seriesKey));
  return {
    ...metric,
    dataPoints: [...metric.dataPoints, ...empty.dataPoints.filter((one) => !met.has(seriesKey(one)))],
  };
}

function emptyHistogram(contract: (typeof HISTOGRAMS)[keyof typeof HISTOGRAMS]): HistogramMetricData {
  const boundaries = [...contract.boundaries];
  const dataPoints = closedSeries(contract).map(
    (attributes): DataPoint<Histogram> => ({
      attributes,
      startTime: [0, 0],
      endTime: [0, 0],
      value: { count: 0, sum: 0, buckets: { boundaries, counts: Array(boundaries.length + 1).fill(0) } },
    }),
  );
  return {
    descriptor: { name: contract.name, description: contract.about, unit: contract.unit, valueType: 1 },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.HISTOGRAM,
    dataPoints,
  };
}

function seriesKey({ attributes }: DataPoint<Histogram>): string {
  return JSON.stringify(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)));
}
