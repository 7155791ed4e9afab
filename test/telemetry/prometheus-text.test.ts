/** Our Prometheus text must equal that of OpenTelemetry's own serializer. */
import { type Attributes, ValueType } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  DataPointType,
  MeterProvider,
  type MetricData,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createContainerCounters } from '../../src/telemetry/container-counters.ts';
import { createInstruments } from '../../src/telemetry/instruments.ts';
import { createHttpObserver, createMetricsObserver } from '../../src/telemetry/observer.ts';
import { createPrometheusText } from '../../src/telemetry/prometheus-text.ts';
import { callEveryHook, gauges, MODEL } from './all-hooks.ts';

const theirs = (collected: ResourceMetrics) =>
  new PrometheusSerializer(undefined, false, undefined, false, true).serialize(collected);

/** Removes the units, as prometheus.ts does, because the names contain them. */
const withoutUnits = ({ resource, scopeMetrics }: ResourceMetrics): ResourceMetrics => ({
  resource,
  scopeMetrics: scopeMetrics.map(({ scope, metrics }) => ({
    scope,
    metrics: metrics.map((metric) => ({ ...metric, descriptor: { ...metric.descriptor, unit: '' } })),
  })),
});

it('prints every metric as the library does, even after its values have grown', async () => {
  const containers = createContainerCounters({ name: 'test' });
  const reader = new PrometheusExporter({ preventServerStart: true, metricProducers: [containers.producer()] });
  const provider = new MeterProvider({ readers: [reader] });
  const instruments = createInstruments(provider.getMeter('test'), gauges, { version: '1.2.3', models: [MODEL] });
  const print = createPrometheusText();
  try {
    for (let round = 1; round <= 3; round++) {
      callEveryHook(createMetricsObserver(instruments, containers));
      createHttpObserver(instruments)('GET', '/health', 503, 3);
      const collected = withoutUnits((await reader.collect()).resourceMetrics);
      const page = print(collected);
      expect(page).toContain(`container_doctor_errors_detected_total{container_name="web",detector="oom"} ${round}`);
      expect(page).toBe(theirs(collected));
    }
  } finally {
    await provider.shutdown();
  }
});

const name = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9_./-]{0,20}$/);
const attributes: fc.Arbitrary<Attributes> = fc.dictionary(
  fc.oneof(name, fc.string({ minLength: 1 })),
  fc.oneof(
    fc.string(),
    fc.constantFrom('', '"', '\\', '\n', 'a"} 1\nb{c="'),
    fc.double(),
    fc.boolean(),
    fc.constant(undefined),
    fc.array(fc.string()),
  ),
  { maxKeys: 4 },
);
const times = { startTime: [0, 0], endTime: [1, 0] } as const;
const numbers = fc.array(
  fc.record({ attributes, value: fc.oneof(fc.double(), fc.integer(), fc.constantFrom(Infinity, -Infinity, NaN)) }),
  { maxLength: 4 },
);
const histograms = fc.array(
  fc
    .record({
      attributes,
      sum: fc.option(fc.double(), { nil: undefined }),
      buckets: fc.array(fc.tuple(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.nat())),
      above: fc.nat(),
    })
    .map(({ attributes, sum, buckets, above }) => ({
      attributes,
      value: {
        count: buckets.reduce((count, [, n]) => count + n, above),
        sum,
        buckets: { boundaries: buckets.map(([bound]) => bound), counts: [...buckets.map(([, n]) => n), above] },
      },
    })),
  { maxLength: 3 },
);
const kind = fc.oneof(
  fc.record({ dataPointType: fc.constant(DataPointType.SUM), isMonotonic: fc.boolean(), dataPoints: numbers }),
  fc.record({ dataPointType: fc.constant(DataPointType.GAUGE), dataPoints: numbers }),
  fc.record({ dataPointType: fc.constant(DataPointType.HISTOGRAM), dataPoints: histograms }),
);
const metric = fc.tuple(name, fc.string(), kind).map(
  ([name, description, { dataPoints, ...kind }]) =>
    ({
      ...kind,
      descriptor: { name, description, unit: '', valueType: ValueType.DOUBLE },
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPoints: dataPoints.map((point) => ({ ...point, ...times })),
    }) as unknown as MetricData,
);

/** Metrics with distinct names. The library prints none of several kinds with the same name, which ours never have. */
const metrics = fc.uniqueArray(metric, {
  minLength: 1,
  maxLength: 6,
  selector: ({ descriptor }) => descriptor.name.replaceAll(/\W|_|total$/g, ''),
});

it.each([1, 2])('prints arbitrary metrics of %d meters as the library does', (meters) => {
  const print = createPrometheusText();
  fc.assert(
    fc.property(attributes, metrics, (resource, metrics) => {
      const scopeMetrics = Array.from({ length: meters }, (_, i) => ({ scope: { name: `meter-${i}` }, metrics }));
      const collected: ResourceMetrics = { resource: resourceFromAttributes(resource), scopeMetrics };
      expect(print(collected)).toBe(theirs(collected));
    }),
    { numRuns: 300 },
  );
});
