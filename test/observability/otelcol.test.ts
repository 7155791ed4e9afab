/**
 * The real OpenTelemetry Collector receives the agent's telemetry and passes it on. `.ci/run` builds it if Go is
 * installed.
 */
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REPOSITORY } from '../deploy/compose-file.ts';
import type { Doctor } from '../support/doctor.ts';
import { eventually } from '../support/eventually.ts';
import type { World } from '../support/world.ts';
import { startCollector } from '../telemetry/collector.ts';
import { createWorld } from './full-scenario.ts';
import { type Otelcol, startGrpcGateway, startOtelcol } from './otelcol.ts';
import { check, findProgram } from './programs.ts';

// Skipped also in CI, because not every machine that runs the tests can build it.
const program = findProgram('otelcol-doctor');
if (program === undefined)
  console.warn('SKIPPED, needs otelcol-doctor (see .ci/run): the real OpenTelemetry Collector');

const soon = <T>(probe: () => T | undefined | Promise<T | undefined>) =>
  eventually(probe, { deadlineMs: 60_000, everyMs: 100 });

describe.skipIf(program === undefined)('the real OpenTelemetry Collector', () => {
  it('accepts otel-collector.yaml', () => {
    const { output, code } = check(program as string, [
      'validate',
      `--config=${path.join(REPOSITORY, 'otel-collector.yaml')}`,
    ]);
    expect({ output, code }).toMatchObject({ code: 0 });
  });

  describe.each(['http/protobuf', 'http/json', 'grpc'])('over %s', (protocol) => {
    let jaeger: Awaited<ReturnType<typeof startCollector>>;
    let gateway: Awaited<ReturnType<typeof startGrpcGateway>>;
    let otelcol: Otelcol;
    let world: World;
    let doctor: Doctor;

    beforeAll(async () => {
      jaeger = await startCollector();
      gateway = await startGrpcGateway(program as string, jaeger.url);
      otelcol = await startOtelcol(program as string, gateway.address);
      world = await createWorld();
      const web = world.engine.addContainer({ name: 'web' });
      doctor = await world.start({
        OTEL_EXPORTER_OTLP_ENDPOINT: protocol === 'grpc' ? `http://${otelcol.otlpGrpc}` : otelcol.otlpHttp,
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_METRICS_EXPORTER: 'otlp',
        OTEL_METRIC_EXPORT_INTERVAL: '1000',
        OTEL_LOGS_EXPORTER: 'otlp',
        OTEL_BSP_SCHEDULE_DELAY: '100',
        OTEL_BLRP_SCHEDULE_DELAY: '100',
      });
      await soon(async () => ((await doctor.health()).monitoring.includes('web') ? true : undefined));
      web.oom();
      await soon(() => world.slack.posts[0]);
    }, 60_000);

    afterAll(async () => {
      await world?.close();
      await otelcol?.stop();
      await gateway?.stop();
      await jaeger?.close();
    });

    const traceId = () => /\b[0-9a-f]{32}\b/.exec(world.slack.posts[0]?.text ?? '')?.[0];

    it('passes the whole trace of an incident to the trace store', async () => {
      const names = await soon(() => {
        const trace = jaeger.spans().filter((span) => span.traceId === traceId());
        return trace.some(({ name }) => name === 'incident web') ? trace.map(({ name }) => name) : undefined;
      });
      expect(names).toEqual(
        expect.arrayContaining([
          'collect context',
          'diagnose',
          'anthropic.messages.create',
          'decide',
          'restart web',
          'verify',
          'notify slack',
        ]),
      );
    });

    it('offers the metrics to Prometheus with the names and kinds of the agent’s own page', async () => {
      const own = familiesOf(await doctor.metrics());
      const restarted = /^container_doctor_restarts_total\{.*container_name="web".*outcome="recovered".*\} 1$/m;
      const derived = await soon(async () => {
        const page = await (await fetch(otelcol.metrics)).text();
        return restarted.test(page) ? familiesOf(page) : undefined;
      });
      const ours = ([name]: readonly [string, string]) => /^(container_doctor|gen_ai|process)_/.test(name);
      const shown = Object.fromEntries([...derived].filter(ours));
      // Series that are still zero are only on our own page.
      expect(Object.keys(shown).length).toBeGreaterThan(25);
      for (const [name, kind] of Object.entries(shown)) expect({ name, kind: own.get(name) }).toEqual({ name, kind });
    });

    it('receives the log records of the incident with its trace id', async () => {
      const records = () => otelcol.output().split('LogRecord #');
      for (const message of ['incident opened', 'decided', 'restarted']) {
        const record = await soon(() => records().find((text) => text.includes(`Body: Str(${message})`)));
        expect(record).toContain(`Trace ID: ${traceId()}`);
      }
    });

    it('accepts every export', async () => {
      await expect.poll(() => doctor.metric('container_doctor_telemetry_exports_total', { outcome: 'failed' })).toBe(0);
      for (const signal of ['traces', 'metrics', 'logs']) {
        expect(
          await doctor.metric('container_doctor_telemetry_exports_total', { signal, outcome: 'ok' }),
          signal,
        ).toBeGreaterThan(0);
      }
    });
  });
});

function familiesOf(page: string): ReadonlyMap<string, string> {
  return new Map(
    [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, kind]) => [name as string, kind as string]),
  );
}
