/**
 * The collected metrics as Prometheus text. OpenTelemetry's own page appends `_total` but no units and
 * labels everything with its scope; Prometheus users expect `_seconds`, and a collector that receives the
 * same metrics over OTLP makes such names. So the collected data is renamed before it is printed.
 */
import type { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { DataPointType, type MetricData, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { SCOPE } from './names.ts';
import { createPrometheusText } from './prometheus-text.ts';
import { withEmptyHistograms } from './zeros.ts';

/** Below the ten seconds that Prometheus waits by default. */
const COLLECT_TIMEOUT_MS = 8_000;

/** Suffixes as the OpenTelemetry specification "Prometheus and OpenMetrics compatibility" maps units. */
const UNIT_SUFFIXES: Readonly<Record<string, string>> = { s: 'seconds', ms: 'milliseconds', By: 'bytes', usd: 'usd' };

/** The returned function rejects where a part of the collection failed: half a page is no page. */
export function createPrometheusRenderer(exporter: PrometheusExporter): () => Promise<string> {
  const print = createPrometheusText();
  return async () => {
    const { resourceMetrics, errors } = await exporter.collect({ timeoutMillis: COLLECT_TIMEOUT_MS });
    if (errors.length > 0) throw new AggregateError(errors, 'metrics could not be collected');
    return print(withConventionalNames(resourceMetrics));
  };
}

function withConventionalNames({ resource, scopeMetrics }: ResourceMetrics): ResourceMetrics {
  return {
    // The command line may hold secrets; it is there only where the user asked for the process detector.
    resource: resourceFromAttributes(
      Object.fromEntries(Object.entries(resource.attributes).filter(([key]) => !key.startsWith('process.command'))),
    ),
    scopeMetrics: scopeMetrics.map(({ scope, metrics }) => ({
      scope,
      metrics: (scope.name === SCOPE ? withEmptyHistograms(metrics) : metrics).map(renamed),
    })),
  };
}

function renamed(metric: MetricData): MetricData {
  const { name, unit } = metric.descriptor;
  return { ...metric, descriptor: { ...metric.descriptor, name: prometheusName(metric, name, unit), unit: '' } };
}

function prometheusName(metric: MetricData, name: string, unit: string): string {
  const suffix = unit === '1' && metric.dataPointType === DataPointType.GAUGE ? 'ratio' : UNIT_SUFFIXES[unit];
  const words = name.split(/[._]/);
  return suffix === undefined || words.includes(suffix) ? name : `${name}.${suffix}`;
}
