import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DECISION_REASONS, DETECTORS } from '../../src/domain.ts';
import { createInstruments, type Gauges } from '../../src/telemetry/instruments.ts';
import { createHttpObserver, createMetricsObserver } from '../../src/telemetry/observer.ts';
import { recordingLogger, telemetryWith } from './collector.ts';
import { gauges, liveOnce, MODEL } from './life.ts';

const PROMTOOL = '/usr/bin/promtool';

let telemetry: ReturnType<typeof telemetryWith>;
let logger: ReturnType<typeof recordingLogger>;
beforeEach(() => {
  logger = recordingLogger();
  telemetry = telemetryWith({}, logger);
});
afterEach(() => telemetry.end());

async function page(): Promise<string> {
  const text = await telemetry.renderMetrics?.();
  if (text === undefined) throw new Error('metrics are off');
  return text;
}

interface Family {
  readonly kind: string;
  readonly labels: ReadonlySet<string>;
}

/** Families of a Prometheus text with the labels that their series bear, `le` aside. */
function familiesOf(text: string): ReadonlyMap<string, Family> {
  const families = new Map<string, { kind: string; labels: Set<string> }>();
  for (const line of text.split('\n')) {
    const type = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (type) families.set(type[1] as string, { kind: type[2] as string, labels: new Set() });
    const series = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$/.exec(line);
    if (!series) continue;
    const name = series[1] as string;
    const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''));
    if (family === undefined) throw new Error(`a series without a family: ${line}`);
    for (const [, label] of (series[2] ?? '').matchAll(/(\w+)="/g))
      if (label !== 'le') family.labels.add(label as string);
  }
  return families;
}

const documentation = () => readFileSync(new URL('../../docs/telemetry.md', import.meta.url), 'utf8');

/** The table of metrics in docs/telemetry.md. */
function contract(): ReadonlyMap<string, Family> {
  const rows = [...documentation().matchAll(/^\| `(\w+)` \| (counter|gauge|histogram) \| (.*?) ?\| .* \|$/gm)];
  return new Map(
    rows.map(([, name, kind, labels]) => [
      name as string,
      {
        kind: kind as string,
        labels: new Set([...(labels as string).matchAll(/`(\w+)`/g)].map(([, label]) => label as string)),
      },
    ]),
  );
}

it('docs/telemetry.md tells what each reason of a decision means, in the words of the alerts', () => {
  const told = [...documentation().matchAll(/^\| `(\w+)` \| ([^|]+) \|$/gm)].map(([, reason, means]) => [
    reason,
    means,
  ]);
  expect(Object.fromEntries(told)).toEqual(DECISION_REASONS);
});

describe('the metrics page', () => {
  it('bears exactly the names, kinds and labels of the documented table after a full life', async () => {
    const instruments = createInstruments(telemetry.meter, gauges, { version: '1.2.3' });
    liveOnce(createMetricsObserver(instruments));
    createHttpObserver(instruments)('GET', '/health', 200, 3);
    createHttpObserver(instruments)('GET', '/health', 503, 3);
    const exposed = new Map(
      [...familiesOf(await page())].filter(([name]) => !/^(nodejs_|v8js_|target_info$)/.test(name)),
    );
    expect(contract().size).toBeGreaterThan(35);
    expect(Object.fromEntries(exposed)).toEqual(Object.fromEntries(contract()));
  });

  it.skipIf(!existsSync(PROMTOOL))('pleases promtool', async () => {
    liveOnce(createMetricsObserver(createInstruments(telemetry.meter, gauges, { version: '1.2.3', models: [MODEL] })));
    const { stdout, stderr, status } = spawnSync(PROMTOOL, ['check', 'metrics'], {
      input: await page(),
      encoding: 'utf8',
      timeout: 10_000,
    });
    expect(stdout + stderr).toBe('');
    expect(status).toBe(0);
  });

  it('shows series with closed labels at zero before anything happened', async () => {
    createInstruments(telemetry.meter, gauges, { version: '1.2.3', models: [MODEL] });
    const lines = (await page()).split('\n');
    for (const series of [
      'container_doctor_errors_suppressed_total{reason="overflow"}',
      `container_doctor_claude_requests_total{model="${MODEL}",outcome="rate_limited"}`,
      `container_doctor_claude_tokens_total{model="${MODEL}",kind="cache_read"}`,
      `container_doctor_claude_cost_usd_total{model="${MODEL}"}`,
      'container_doctor_diagnoses_skipped_total{reason="daily_spend"}',
      'container_doctor_decisions_total{decision="restart",reason="restart_allowed"}',
      'container_doctor_decisions_total{decision="notify",reason="disk_full"}',
      'container_doctor_notifications_total{integration="slack",outcome="dropped"}',
      'container_doctor_log_lines_total',
      'container_doctor_log_bytes_total',
      'container_doctor_log_reconnects_total{cause="stalled"}',
      'container_doctor_detection_latency_seconds_count{detector="oom"}',
      'container_doctor_detection_latency_seconds_bucket{detector="oom",le="+Inf"}',
      'container_doctor_diagnosis_duration_seconds_count{tier="claude",outcome="failed"}',
      'container_doctor_verification_duration_seconds_sum{outcome="recovered"}',
    ]) {
      expect(lines).toContain(`${series} 0`);
    }
    expect(lines.some((line) => line.includes('decision="restart",reason="disk_full"'))).toBe(false);
  });

  it('shows each histogram series once, empty ones beside filled ones', async () => {
    const observer = createMetricsObserver(createInstruments(telemetry.meter, gauges, { version: '1.2.3' }));
    observer.incidentOpened({ detector: 'oom', latencyMs: 300 });
    const counts = (await page())
      .split('\n')
      .filter((line) => line.startsWith('container_doctor_detection_latency_seconds_count'));
    expect(counts.sort()).toEqual(
      DETECTORS.map(
        (d) => `container_doctor_detection_latency_seconds_count{detector="${d}"} ${d === 'oom' ? 1 : 0}`,
      ).sort(),
    );
  });

  it('counts log lines and bytes over all batches, whenever it is fetched', async () => {
    const observer = createMetricsObserver(createInstruments(telemetry.meter, gauges, { version: '1.2.3' }));
    observer.linesRead(3, 240);
    expect(await page()).toContain('\ncontainer_doctor_log_lines_total 3\n');
    observer.linesRead(1, 60);
    const text = await page();
    expect(text).toContain('\ncontainer_doctor_log_lines_total 4\n');
    expect(text).toContain('\ncontainer_doctor_log_bytes_total 300\n');
  });

  it('has no scope labels and no command line', async () => {
    await telemetry.end();
    telemetry = telemetryWith({ OTEL_NODE_RESOURCE_DETECTORS: 'all' });
    createInstruments(telemetry.meter, gauges, { version: '1.2.3' });
    const text = await page();
    expect(text).not.toContain('otel_scope');
    expect(text).not.toContain('process_command');
    expect(text).toMatch(/target_info\{.*process_pid/);
  });

  it('tells 200 containers apart and counts the rest together', async () => {
    const observer = createMetricsObserver(createInstruments(telemetry.meter, gauges, { version: '1.2.3' }));
    for (let i = 0; i < 1_000; i++) observer.signal('log', `job-${i}`);
    observer.signal('log', 'job-7');
    const lines = (await page())
      .split('\n')
      .filter((line) => line.startsWith('container_doctor_errors_detected_total'));
    expect(lines).toHaveLength(201);
    expect(lines).toContain('container_doctor_errors_detected_total{container_name="job-7",detector="log"} 2');
    expect(lines).toContain('container_doctor_errors_detected_total{container_name="_OTHER",detector="log"} 800');
  });

  it('leaves out a gauge that cannot be read, and serves the rest', async () => {
    const broken: Gauges = {
      ...gauges,
      storeHealthy: () => false,
      incidentsOpen: () => Promise.reject(new Error('disk I/O error')),
    };
    createInstruments(telemetry.meter, broken, { version: '1.2.3' });
    const text = await page();
    expect(text).toContain('container_doctor_store_healthy 0');
    expect(text).not.toContain('container_doctor_incidents_open{');
    await page();
    expect(logger.shown().filter(({ message }) => message.includes('incidents.open could not be read'))).toHaveLength(
      1,
    );
  });

  it('is an error, not half a page, where the collection fails', async () => {
    telemetry.meter.createObservableGauge('someone.elses').addCallback(() => {
      throw new Error('boom');
    });
    await expect(page()).rejects.toThrow('metrics could not be collected');
  });

  it('keeps label values of containers inside their quotes', async () => {
    const observer = createMetricsObserver(createInstruments(telemetry.meter, gauges, { version: '1.2.3' }));
    observer.signal('log', 'a"} 1\nfake_total{x="');
    expect(await page()).toContain('container_name="a\\"} 1\\nfake_total{x=\\""');
  });
});
