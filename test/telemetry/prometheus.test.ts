import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DETECTORS } from '../../src/domain/incident.ts';
import type { Observer } from '../../src/pipeline/observer.ts';
import { createInstruments, type Gauges } from '../../src/telemetry/instruments.ts';
import { createHttpObserver, createMetricsObserver } from '../../src/telemetry/observer.ts';
import { readRepositoryFile } from '../deploy/compose-file.ts';
import { callEveryHook, gauges, MODEL } from './all-hooks.ts';
import { recordingLogger, telemetryWith } from './collector.ts';

const PROMTOOL = '/usr/bin/promtool';
const BUILD = { version: '1.2.3' };

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

function createObserver(models?: readonly string[]): Observer {
  const instruments = createInstruments(telemetry.meter, gauges, { ...BUILD, models });
  return createMetricsObserver(instruments, telemetry.containerCounters);
}

interface Family {
  readonly kind: string;
  readonly labels: ReadonlySet<string>;
}

/** The metric families of a Prometheus text, with the labels of their series except `le`. */
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

/** The table of metrics in docs/telemetry.md. */
function contract(): ReadonlyMap<string, Family> {
  const rows = [
    ...readRepositoryFile('docs/telemetry.md').matchAll(
      /^\| `(\w+)` \| (counter|gauge|histogram) \| (.*?) ?\| .* \|$/gm,
    ),
  ];
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

describe('the metrics page', () => {
  it('has exactly the names, kinds and labels of the documented table', async () => {
    const instruments = createInstruments(telemetry.meter, gauges, BUILD);
    callEveryHook(createMetricsObserver(instruments, telemetry.containerCounters));
    createHttpObserver(instruments)('GET', '/health', 200, 3);
    createHttpObserver(instruments)('GET', '/health', 503, 3);
    const exposed = new Map(
      [...familiesOf(await page())].filter(([name]) => !/^(nodejs_|v8js_|target_info$)/.test(name)),
    );
    expect(contract().size).toBeGreaterThan(35);
    expect(Object.fromEntries(exposed)).toEqual(Object.fromEntries(contract()));
  });

  it.skipIf(!existsSync(PROMTOOL))('passes promtool check metrics', async () => {
    callEveryHook(createObserver([MODEL]));
    const { stdout, stderr, status } = spawnSync(PROMTOOL, ['check', 'metrics'], {
      input: await page(),
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect(stdout + stderr).toBe('');
    expect(status).toBe(0);
  });

  it('shows series with closed labels at zero from the start', async () => {
    createObserver([MODEL]);
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

  it('shows each histogram series once, whether empty or not', async () => {
    const observer = createObserver();
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

  it('counts log lines and bytes across batches and scrapes', async () => {
    const observer = createObserver();
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
    createObserver();
    const text = await page();
    expect(text).not.toContain('otel_scope');
    expect(text).not.toContain('process_command');
    expect(text).toMatch(/target_info\{.*process_pid/);
  });

  it('has separate series for 200 containers, and counts all others together', async () => {
    const observer = createObserver();
    for (let i = 0; i < 1_000; i++) observer.signal('log', `job-${i}`);
    observer.signal('log', 'job-7');
    const lines = (await page())
      .split('\n')
      .filter((line) => line.startsWith('container_doctor_errors_detected_total'));
    expect(lines).toHaveLength(201);
    expect(lines).toContain('container_doctor_errors_detected_total{container_name="job-7",detector="log"} 2');
    expect(lines).toContain('container_doctor_errors_detected_total{container_name="_OTHER",detector="log"} 800');
  });

  it('omits a gauge that cannot be read, whether or not it could be read before', async () => {
    let broken = true;
    const sometimesBroken: Gauges = {
      ...gauges,
      storeHealthy: () => false,
      incidentsOpen: () => (broken ? Promise.reject(new Error('disk I/O error')) : 2),
    };
    createInstruments(telemetry.meter, sometimesBroken, BUILD);
    const withoutGauge = async () => {
      const text = await page();
      expect(text).toContain('container_doctor_store_healthy 0');
      expect(text).not.toContain('container_doctor_incidents_open{');
    };
    await withoutGauge();
    broken = false;
    expect(await page()).toContain('container_doctor_incidents_open{state="open"} 2');
    broken = true;
    await withoutGauge();
    const warnings = logger
      .shown()
      .filter(({ message }) => message.includes('cannot read container_doctor.incidents.open'));
    expect(warnings).toHaveLength(1);
  });

  it('is complete for each of several concurrent scrapes', async () => {
    createObserver();
    for (const text of await Promise.all([page(), page(), page()])) {
      expect(text).toContain('container_doctor_incidents_open{state="open"} 2');
    }
  });

  it('is an error, not an incomplete page, if the collection fails', async () => {
    telemetry.meter.createObservableGauge('third.party').addCallback(() => {
      throw new Error('boom');
    });
    await expect(page()).rejects.toThrow('metrics could not be collected');
  });

  it('escapes container names in label values', async () => {
    const observer = createObserver();
    observer.signal('log', 'a"} 1\nfake_total{x="');
    expect(await page()).toContain('container_name="a\\"} 1\\nfake_total{x=\\""');
  });
});
