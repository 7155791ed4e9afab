/** A real Prometheus scrapes the real agent during the full scenario, and evaluates the dashboards and rules. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readRepositoryFile } from '../deploy/compose-file.ts';
import type { Doctor } from '../support/doctor.ts';
import { eventually } from '../support/eventually.ts';
import type { World } from '../support/world.ts';
import { startCollector } from '../telemetry/collector.ts';
import { panelsOf } from './dashboards.ts';
import { createWorld, runFullScenario } from './full-scenario.ts';
import { check, describeWith } from './programs.ts';
import { FILES, type Prometheus, startPrometheus } from './prometheus.ts';

const TOKEN = 'open-sesame-open';

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
}

const rules = (
  parse(readFileSync(`${FILES}/rules/container-doctor.yml`, 'utf8')).groups as { rules: Rule[] }[]
).flatMap((group) => group.rules);

describeWith(['prometheus', 'promtool'], 'Prometheus, after the full scenario', (prometheusProgram, promtool) => {
  let world: World;
  let collector: Awaited<ReturnType<typeof startCollector>>;
  let doctor: Doctor;
  let prometheus: Prometheus;
  let page: string;
  const startedAt = Date.now();
  const secondsSinceStart = () => Math.ceil((Date.now() - startedAt) / 1e3);

  beforeAll(async () => {
    const status = { status: 200 };
    collector = await startCollector(status);
    world = await createWorld();
    doctor = await world.start({
      HTTP_TOKEN: TOKEN,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_LOGS_EXPORTER: 'otlp',
      OTEL_METRIC_EXPORT_INTERVAL: '1000',
      OTEL_BSP_SCHEDULE_DELAY: '200',
      OTEL_BLRP_SCHEDULE_DELAY: '200',
    });
    prometheus = await startPrometheus(prometheusProgram as string, doctor.url, { token: TOKEN });
    await eventually(async () => ((await prometheus.target('container-doctor')).scrapes >= 2 ? true : undefined), {
      deadlineMs: 60_000,
    });
    await runFullScenario(world, doctor);
    status.status = 400;
    await eventually(async () =>
      (await doctor.metric('container_doctor_telemetry_exports_total', { outcome: 'failed' })) > 0 ? true : undefined,
    );
    status.status = 200;
    page = await doctor.metrics();
    // The latest changes must be scraped too.
    const { scrapes } = await prometheus.target('container-doctor');
    await eventually(
      async () => ((await prometheus.target('container-doctor')).scrapes >= scrapes + 2 ? true : undefined),
      { deadlineMs: 60_000 },
    );
  }, 120_000);

  afterAll(async () => {
    await prometheus?.stop();
    await world?.close();
    await collector?.close();
  });

  it('scraped the agent with its token and without errors', async () => {
    const target = await prometheus.target('container-doctor');
    expect(target).toMatchObject({ health: 'up', lastError: '' });
    const [ups] = await prometheus.query('min_over_time(up{job="container-doctor"}[1h])');
    expect(ups?.values).toEqual([1]);
  });

  it('got a page that passes promtool check metrics', () => {
    expect(check(promtool as string, ['check', 'metrics'], { input: page })).toEqual({ output: '', code: 0 });
  });

  it('has every metric of the documented table', async () => {
    const table = [
      ...readRepositoryFile('docs/telemetry.md').matchAll(/^\| `(\w+)` \| (counter|gauge|histogram) \|/gm),
    ];
    const series = new Set(
      (await prometheus.query('count by (__name__) ({job="container-doctor"})')).map((s) => s.labels.__name__),
    );
    const missing = table
      .map(([, name, kind]) => (kind === 'histogram' ? `${name}_bucket` : name))
      .filter((name) => !series.has(name));
    expect(table.length).toBeGreaterThan(40);
    expect(missing).toEqual([]);
  });

  describe.each(['overview', 'detail'] as const)('dashboard %s', (name) => {
    it.each(panelsOf(name).map((panel) => [panel.title, panel] as const))('%s has data', async (_, panel) => {
      for (const expr of panel.queries) {
        const found = await prometheus.queryRange(replaceVariables(expr), secondsSinceStart());
        expect(
          found.some(({ values }) => values.length > 0),
          expr,
        ).toBe(true);
      }
    });
  });

  it.each(rules.map((rule) => [rule.alert ?? rule.record, rule] as const))(
    'rule %s can be evaluated',
    async (name, rule) => {
      await prometheus.query(rule.expr);
      const evaluated = (await prometheus.rules()).filter((one) => one.name === name);
      expect(evaluated.length).toBeGreaterThan(0);
      for (const one of evaluated) expect(one).toMatchObject({ health: 'ok' });
    },
  );

  it('has alerts for the restarts that did not help and for the alert that Slack rejected', async () => {
    const active = await prometheus.alerts();
    const named = (alert: string) =>
      active.filter(({ name }) => name === alert).map(({ labels }) => labels.container_name);
    expect(named('ContainerDoctorRestartsNotHelping').sort()).toEqual(['hopeless', 'refusing']);
    expect(named('ContainerDoctorAlertsLost')).toHaveLength(1);
    expect(named('ContainerDoctorDown')).toEqual([]);
  });
});

/** Replaces variables as Grafana does, for a scrape every two seconds. */
function replaceVariables(expr: string): string {
  return expr
    .replaceAll('$__rate_interval_ms', '8000')
    .replaceAll('$__rate_interval', '8s')
    .replaceAll(/\$(instance|container)\b/g, '.*');
}
