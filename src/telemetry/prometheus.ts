/**
 * The metrics page. OpenTelemetry's own Prometheus page appends `_total` but no units, and adds scope labels to every
 * series. Prometheus users expect `_seconds`, which is also what a collector derives from the same metrics over OTLP.
 * The collected data is therefore renamed before it is printed.
 */
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  DataPointType,
  InstrumentType,
  type MetricData,
  type MetricProducer,
  type MetricReader,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { coalesce } from '../lib/coalesce.ts';
import { SCOPE } from './names.ts';
import { createPrometheusText } from './prometheus-text.ts';
import { withEmptyHistograms } from './zeros.ts';

export interface PrometheusPage {
  /** To be registered with a MeterProvider. */
  readonly reader: MetricReader;
  /** Renders the page. Rejects if part of the collection failed, because missing series would look like a change. */
  render(): Promise<string>;
}

/** Less than the 10 s after which Prometheus gives up a scrape by default. */
const COLLECT_TIMEOUT_MS = 8_000;

/** From the OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility". */
const UNIT_SUFFIXES: Readonly<Record<string, string>> = { s: 'seconds', ms: 'milliseconds', By: 'bytes', usd: 'usd' };

/** `metricProducers`: sources of metrics besides the MeterProvider. */
export function createPrometheusPage(metricProducers: MetricProducer[]): PrometheusPage {
  const exporter = omitUnobservedGauges(new PrometheusExporter({ preventServerStart: true, metricProducers }));
  const print = createPrometheusText();
  const render = async () => {
    const { resourceMetrics, errors } = await exporter.collect({ timeoutMillis: COLLECT_TIMEOUT_MS });
    if (errors.length > 0) throw new AggregateError(errors, 'metrics could not be collected');
    return print(withConventionalNames(resourceMetrics));
  };
  // Coalesced, because of two concurrent collections only one would get the observed gauges.
  return { reader: exporter, render: coalesce(render) };
}

/**
 * With cumulative temporality, the SDK repeats the last value of an observable gauge that could not be read this time.
 * With delta temporality it omits the gauge. For a gauge there is no other difference.
 */
export function omitUnobservedGauges<Reader extends MetricReader>(reader: Reader): Reader {
  const select = reader.selectAggregationTemporality.bind(reader);
  reader.selectAggregationTemporality = (instrumentType) =>
    instrumentType === InstrumentType.OBSERVABLE_GAUGE ? AggregationTemporality.DELTA : select(instrumentType);
  return reader;
}

function withConventionalNames({ resource, scopeMetrics }: ResourceMetrics): ResourceMetrics {
  const ours = scopeMetrics.filter(({ scope }) => scope.name === SCOPE).flatMap(({ metrics }) => metrics);
  const others = scopeMetrics.filter(({ scope }) => scope.name !== SCOPE);
  return {
    resource: resourceFromAttributes(
      // The command line may contain secrets. It is only present if the user enabled the process detector.
      Object.fromEntries(Object.entries(resource.attributes).filter(([key]) => !key.startsWith('process.command'))),
    ),
    scopeMetrics: [{ scope: { name: SCOPE }, metrics: [...withEmptyHistograms(ours)] }, ...others].map(
      ({ scope, metrics }) => ({ scope, metrics: metrics.map(renamed) }),
    ),
  };
}

function renamed(metric: MetricData): MetricData {
  const { name, unit } = metric.descriptor;
  return { ...metric, descriptor: { ...metric.descriptor, name: prometheusName(metric, name, unit), unit: '' } };
}

function prometheusName(metric: MetricData, name: string, unit: string): string {
  const suffix = unit === '1' && metric.dataPointType === DataPointType.GAUGE ? 'ratio' : UNIT_SUFFIXES[unit];
  const parts = name.split(/[._]/);
  return suffix === undefined || parts.includes(suffix) ? name : `${name}.${suffix}`;
}
