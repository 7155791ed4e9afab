import { logs } from '@opentelemetry/api';
import { afterEach, describe, expect, it } from 'vitest';

import { COUNTERS } from '../../src/telemetry/counters.ts';
import { createTracing } from '../../src/telemetry/tracing.ts';

import { eventually } from '../support/eventually.ts';
import { FAST, recordingLogger, startCollector, telemetryWith } from './collector.ts';
import { incident } from './samples.ts';

const ended: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

async function collector(options?: Parameters<typeof startCollector>[0]) {
  const started = await startCollector(options);
  ended.push(started.close);
  return started;
}

function telemetry(...args: Parameters<typeof telemetryWith>) {
  const started = telemetryWith(...args);
  ended.push(started.end);
  return started;
}

describe('without an endpoint or an exporter named', () => {
  it('traces are off, which is logged once, and metrics are on', async () => {
    const logger = recordingLogger();
    const { tracing, tracer, renderMetrics } = telemetry({}, logger);
    expect(tracing).toBe(false);
    expect(tracer.startSpan('x').isRecording()).toBe(false);
    expect(await renderMetrics?.()).toContain('target_info{');
    expect(logger.shown()).toEqual([
      { level: 'info', message: 'traces are off: neither OTEL_TRACES_EXPORTER nor OTEL_EXPORTER_OTLP_ENDPOINT is set' },
    ]);
  });

  it('the work of an incident runs without a trace link', async () => {
    const { tracer } = telemetry({});
    const link = await createTracing(tracer).incident(incident, undefined, async (given) => ({ given }));
    expect(link).toEqual({ given: undefined });
  });

  it('OTEL_SDK_DISABLED turns traces and metrics off', () => {
    const { tracing, renderMetrics } = telemetry({
      OTEL_SDK_DISABLED: 'true',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
    });
    expect({ tracing, renderMetrics }).toEqual({ tracing: false, renderMetrics: undefined });
  });

  it('OTEL_METRICS_EXPORTER=none turns the metrics page off', () => {
    expect(telemetry({ OTEL_METRICS_EXPORTER: 'none' }).renderMetrics).toBeUndefined();
  });
});

describe('with an endpoint', () => {
  it('traces are exported as http/json, with the resource attributes that the user set', async () => {
    const { url, spans, received } = await collector();
    const { tracer, tracing } = telemetry({
      ...FAST,
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-team=night',
      OTEL_SERVICE_NAME: 'doctor-on-web-1',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=prod,host.name=web-1,service.name=not-this',
    });
    expect(tracing).toBe(true);
    tracer.startSpan('hello').end();
    const [span] = await eventually(() => {
      expect(spans()).toHaveLength(1);
      return spans();
    });
    expect(span?.resource).toMatchObject({
      'service.name': 'doctor-on-web-1',
      'service.version': '1.2.3',
      'deployment.environment.name': 'prod',
      'host.name': 'web-1',
    });
    expect(span?.resource['service.instance.id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(Object.keys(span?.resource ?? {}).filter((key) => key.startsWith('process.'))).toEqual([]);
    expect(received[0]?.headers['x-team']).toBe('night');
    expect(received[0]?.contentType).toBe('application/json');
  });

  it('spans, the metrics page and log records name the agent by its id and its host', async () => {
    const { url, spans, received } = await collector();
    const identity = { id: '3f2b5a52-0000-4000-8000-000000000001', host: 'web-7' };
    const env = { ...FAST, OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_LOGS_EXPORTER: 'otlp' };
    const { tracer, renderMetrics } = telemetry(env, undefined, identity);
    tracer.startSpan('hello').end();
    logs.getLogger('test').emit({ body: 'hello' });
    const resource = { 'service.instance.id': identity.id, 'host.name': 'web-7' };
    expect(await eventually(() => spans()[0]?.resource)).toMatchObject(resource);
    const record = await eventually(() => received.find(({ path }) => path === '/v1/logs')?.body);
    expect(String(record)).toContain(identity.id);
    const page = await renderMetrics?.();
    expect(page).toMatch(/^target_info\{.*service_instance_id="3f2b5a52-0000-4000-8000-000000000001"/m);
    expect(page).toMatch(/^target_info\{.*host_name="web-7"/m);
  });

  it('traces are exported as http/protobuf if the user sets that', async () => {
    const { url, received } = await collector();
    const { tracer } = telemetry({
      ...FAST,
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    });
    tracer.startSpan('hello protobuf').end();
    await eventually(() => expect(received).toHaveLength(1));
    expect(received[0]).toMatchObject({ path: '/v1/traces', contentType: 'application/x-protobuf' });
    expect(received[0]?.body.includes('hello protobuf')).toBe(true);
  });

  it('an unknown protocol is logged with the allowed ones, and the default is used', async () => {
    const { url, spans } = await collector();
    const logger = recordingLogger();
    const { tracer } = telemetry(
      { ...FAST, OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/xml' },
      logger,
    );
    tracer.startSpan('hello').end();
    await eventually(() => expect(spans()).toHaveLength(1));
    expect(logger.shown().map(({ message }) => message)).toEqual([
      'opentelemetry: OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is "http/xml"; allowed are http/json, http/protobuf, grpc. http/json is used.',
    ]);
  });

  it('nothing is exported and there is no trace link if the sampler drops everything', async () => {
    const { url, received } = await collector();
    const { tracer, shutdown } = telemetry({
      ...FAST,
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_TRACES_SAMPLER: 'always_off',
    });
    const link = await createTracing(tracer).incident(incident, undefined, async (given) => given);
    await shutdown();
    expect(link).toBeUndefined();
    expect(received).toEqual([]);
  });

  it('metrics are pushed, and the page still works, if OTEL_METRICS_EXPORTER contains otlp', async () => {
    const { url, received } = await collector();
    const { meter, renderMetrics } = telemetry({
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_METRIC_EXPORT_INTERVAL: '50',
    });
    meter.createCounter('container_doctor.claude.cost', { unit: 'usd' }).add(2);
    await eventually(() => expect(received.some(({ path }) => path === '/v1/metrics')).toBe(true));
    expect(String(received[0]?.body)).toContain('"container_doctor.claude.cost"');
    expect(await renderMetrics?.()).toContain('container_doctor_claude_cost_usd_total 2');
  });

  it.each([
    ['cumulative', 2, 2],
    ['delta', 1, 1],
  ])('counters of containers are pushed with %s temporality', async (preference, temporality, afterwards) => {
    const { url, received } = await collector();
    const { containerCounters, renderMetrics } = telemetry({
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: preference,
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_METRIC_EXPORT_INTERVAL: '50',
    });
    const pushed = () =>
      received
        .flatMap(({ body }) => JSON.parse(String(body)).resourceMetrics)
        // biome-ignore lint/suspicious/noExplicitAny: OTLP as received
        .flatMap(({ scopeMetrics }: any) => scopeMetrics.flatMap(({ metrics }: any) => metrics))
        .filter(({ name }) => name === 'container_doctor.errors.detected')
        .map(({ sum }) => ({ temporality: sum.aggregationTemporality, value: Number(sum.dataPoints[0].asInt) }));
    containerCounters.increment('errorsDetected', 'web', { detector: 'oom' });
    await eventually(() => expect(pushed()).toContainEqual({ temporality, value: 1 }));
    const before = pushed().length;
    containerCounters.increment('errorsDetected', 'web', { detector: 'oom' });
    await eventually(() => expect(pushed().slice(before)).toContainEqual({ temporality, value: afterwards }));
    const series = 'container_doctor_errors_detected_total{container_name="web",detector="oom"}';
    expect(await renderMetrics?.()).toContain(`${series} 2`);
  });

  it('metrics and log records are not pushed by default', async () => {
    const { url, received } = await collector();
    const { meter, shutdown } = telemetry({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_METRIC_EXPORT_INTERVAL: '20' });
    meter.createCounter('x').add(2);
    logs.getLogger('x').emit({ body: 'not exported' });
    await shutdown();
    expect(received).toEqual([]);
  });

  it('log records are exported if OTEL_LOGS_EXPORTER contains otlp', async () => {
    const { url, received } = await collector();
    telemetry({ ...FAST, OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_LOGS_EXPORTER: 'otlp' });
    logs.getLogger('container-doctor').emit({ body: 'something happened' });
    await eventually(() => expect(received.some(({ path }) => path === '/v1/logs')).toBe(true));
    expect(received[0]?.body.includes('something happened')).toBe(true);
  });
});

it('counts successful and failed exports by signal', async () => {
  const answers = { status: 200 };
  const { url } = await collector(answers);
  const { tracer, meter, renderMetrics } = telemetry({ ...FAST, OTEL_EXPORTER_OTLP_ENDPOINT: url });
  // The agent creates it too, with its series at zero.
  meter.createCounter(COUNTERS.telemetryExports.name, { unit: COUNTERS.telemetryExports.unit });
  const counted = async (outcome: string) =>
    eventually(async () => {
      expect(await renderMetrics?.()).toContain(
        `container_doctor_telemetry_exports_total{signal="traces",outcome="${outcome}"} 1`,
      );
      return true;
    });
  tracer.startSpan('taken').end();
  await counted('ok');
  answers.status = 400;
  tracer.startSpan('refused').end();
  await counted('failed');
});

describe('a collector', () => {
  it('that is down is logged once, and once more when it is back', async () => {
    const first = await startCollector();
    await first.close();
    const logger = recordingLogger();
    const { tracer } = telemetry({ ...FAST, OTEL_EXPORTER_OTLP_ENDPOINT: first.url }, logger);
    const failures = () => logger.lines.filter(({ message }) => message.includes('ECONNREFUSED')).length;
    for (let round = 0; round < 3; round++) {
      const before = failures();
      tracer.startSpan('lost').end();
      await eventually(() => expect(failures()).toBeGreaterThan(before));
    }
    expect(logger.shown()).toHaveLength(1);
    expect(logger.shown()[0]).toMatchObject({ level: 'warn', fields: { signal: 'traces' } });

    const second = await collector({ port: first.port });
    tracer.startSpan('seen').end();
    await eventually(() => expect(second.spans().map(({ name }) => name)).toContain('seen'));
    await eventually(() => expect(logger.shown()).toHaveLength(2));
    expect(logger.shown()[1]?.message).toBe('telemetry export works again');
  });

  it('that answers 400 is logged once', async () => {
    const { url, received } = await collector({ status: 400 });
    const logger = recordingLogger();
    const { tracer } = telemetry({ ...FAST, OTEL_EXPORTER_OTLP_ENDPOINT: url }, logger);
    for (let sent = 1; sent <= 3; sent++) {
      tracer.startSpan('refused').end();
      await eventually(() => expect(received).toHaveLength(sent));
    }
    await eventually(() => expect(logger.shown()).toHaveLength(1));
    expect(logger.shown()[0]?.fields?.error).toMatch(/400/);
  });

  it('that answers 503 for a while is logged once, and once more when it accepts exports again', async () => {
    const answers = { status: 503 };
    const { url, spans } = await collector(answers);
    const logger = recordingLogger();
    const { tracer } = telemetry({ ...FAST, OTEL_EXPORTER_OTLP_ENDPOINT: url }, logger);
    tracer.startSpan('too much').end();
    await eventually(() => expect(logger.shown()).toHaveLength(1));
    answers.status = 200;
    tracer.startSpan('welcome').end();
    await eventually(() => expect(spans().map(({ name }) => name)).toContain('welcome'));
    await eventually(() => expect(logger.shown()).toHaveLength(2));
    expect(logger.shown()[1]?.message).toBe('telemetry export works again');
  });

  it.each(['hangs', 'refuses connections'])('that %s delays the shutdown by at most its timeout', async (how) => {
    const { url, close } = await collector({ hang: true });
    if (how !== 'hangs') await close();
    const { tracer, shutdown } = telemetry({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_METRICS_EXPORTER: 'otlp' });
    tracer.startSpan('late').end();
    const start = performance.now();
    await shutdown(600);
    // One export may take 10 s by default.
    expect(performance.now() - start).toBeLessThan(8_000);
  });
});
