/**
 * The collected metrics as Prometheus text. OpenTelemetry's serializer appends `_total` but no units and
 * labels everything with its scope; Prometheus users expect `_seconds`, and a collector that receives the
 * same metrics over OTLP makes such names. So the collected data is renamed before it is printed.
 */
import { type PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type Histogram,
  type HistogramMetricData,
  type MetricData,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { closedSeries, HISTOGRAMS } from './names.ts';

/** Below the ten seconds that Prometheus waits by default. */
const COLLECT_TIMEOUT_MS = 8_000;

/** Suffixes as the OpenTelemetry specification "Prometheus and OpenMetrics compatibility" maps units. */
const UNIT_SUFFIXES: Readonly<Record<string, string>> = { s: 'seconds', ms: 'milliseconds', By: 'bytes', usd: 'usd' };

/** The returned function rejects where a part of the collection failed: half a page is no page. */
export function createPrometheusRenderer(exporter: PrometheusExporter): () => Promise<string> {
  const serializer = new PrometheusSerializer(undefined, false, undefined, false, true);
  return async () => {
    const { resourceMetrics, errors } = await exporter.collect({ timeoutMillis: COLLECT_TIMEOUT_MS });
    if (errors.length > 0) throw new AggregateError(errors, 'metrics could not be collected');
    return serializer.serialize(withConventionalNames(resourceMetrics));
  };
}

function withConventionalNames({ resource, scopeMetrics }: ResourceMetrics): ResourceMetrics {
  const scopes = scopeMetrics.map(({ scope, metrics }) => ({ scope, metrics: metrics.map(withZeros).map(renamed) }));
  const met = new Set(scopeMetrics.flatMap(({ metrics }) => metrics.map(({ descriptor }) => descriptor.name)));
  const unmet = Object.values(HISTOGRAMS)
    .filter(({ name }) => !met.has(name))
    .map(emptyHistogram)
    .filter(({ dataPoints }) => dataPoints.length > 0)
    .map(renamed);
  const own = scopes.find(({ metrics }) => metrics.some((m) => m.descriptor.name.startsWith('container_doctor')));
  own?.metrics.push(...unmet);
  return {
    // The command line may hold secrets; it is there only where the user asked for the process detector.
    resource: resourceFromAttributes(
      Object.fromEntries(Object.entries(resource.attributes).filter(([key]) => !key.startsWith('process.command'))),
    ),
    scopeMetrics: scopes,
  };
}

function renamed<T extends MetricData>(metric: T): T {
  const { name, unit } = metric.descriptor;
  return { ...metric, descriptor: { ...metric.descriptor, name: prometheusName(metric, name, unit), unit: '' } };
}

function prometheusName(metric: MetricData, name: string, unit: string): string {
  const suffix = unit === '1' && metric.dataPointType === DataPointType.GAUGE ? 'ratio' : UNIT_SUFFIXES[unit];
  const words = name.split(/[._]/);
  return suffix === undefined || words.includes(suffix) ? name : `${name}.${suffix}`;
}

/**
 * An OpenTelemetry histogram has no series before its first value, and `rate()` would miss that value: those
 * with closed labels are shown empty.
 */
function withZeros(metric: MetricData): MetricData {
  if (metric.dataPointType !== DataPointType.HISTOGRAM) return metric;
  const contract = Object.values(HISTOGRAMS).find(({ name }) => name === metric.descriptor.name);
  if (contract === undefined) return metric;
  const met = new Set(metric.dataPoints.map(({ attributes }) => seriesKey(attributes)));
  const unmet = emptyHistogram(contract).dataPoints.filter(({ attributes }) => !met.has(seriesKey(attributes)));
  return { ...metric, dataPoints: [...metric.dataPoints, ...unmet] };
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

function seriesKey(attributes: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)));
}
