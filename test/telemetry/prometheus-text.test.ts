/** Our printing of the metrics page against OpenTelemetry's own: the same letters. */
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
import { createInstruments } from '../../src/telemetry/instruments.ts';
import { createHttpObserver, createMetricsObserver } from '../../src/telemetry/observer.ts';
import { createPrometheusText } from '../../src/telemetry/prometheus-text.ts';
import { gauges, liveOnce, MODEL } from './life.ts';

const theirs = (collected: ResourceMetrics) =>
  new PrometheusSerializer(undefined, false, undefined, false, true).serialize(collected);

/** As prometheus.ts has it: the unit is in the name by then. */
const withoutUnits = ({ resource, scopeMetrics }: ResourceMetrics): ResourceMetrics => ({
  resource,
  scopeMetrics: scopeMetrics.map(({ scope, metrics }) => ({
    scope,
    metrics: metrics.map((metric) => ({ ...metric, descriptor: { ...metric.descriptor, unit: '' } })),
  })),
});

it('prints a full life as the library does, and what has grown since', async () => {
  const reader = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ readers: [reader] });
  const instruments = createInstruments(provider.getMeter('test'), gauges, { version: '1.2.3', models: [MODEL] });
  const print = createPrometheusText();
  try {
    for (let life = 0; life < 3; life++) {
      liveOnce(createMetricsObserver(instruments));
      createHttpObserver(instruments)('GET', '/health', 503, 3);
      const collected = withoutUnits((await reader.collect()).resourceMetrics);
      const page = print(collected);
      expect(page).toContain(`container_doctor_errors_detected_total{container_name="web",detector="oom"} ${life + 1}`);
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

/** Of different names: of two kinds under one name the library prints neither, and no page of ours has such. */
const metrics = fc.uniqueArray(metric, {
  minLength: 1,
  maxLength: 6,
  selector: ({ descriptor }) => descriptor.name.replaceAll(/\W|_|total$/g, ''),
});

it.each([1, 2])('prints whatever may be collected from %d meters as the library does', (meters) => {
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
