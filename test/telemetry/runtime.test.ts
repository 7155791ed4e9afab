import { PerformanceObserver } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { FAST, startCollector, telemetryWith } from './collector.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function telemetry(env: Record<string, string>) {
  const { end, ...started } = telemetryWith(env);
  onTestFinished(async () => void (await end()));
  return started;
}

const COLLECTIONS = 30;
const countedOn = (page = '') =>
  Array.from(page.matchAll(/^v8js_gc_duration_seconds_count\S* (\d+)/gm)).reduce((sum, [, n]) => sum + Number(n), 0);

/** Resolves once observers have been notified. */
async function collectGarbageOften(): Promise<void> {
  let seen = 0;
  const observer = new PerformanceObserver((list) => {
    seen += list.getEntries().length;
  });
  observer.observe({ entryTypes: ['gc'] });
  for (let n = 0; n < COLLECTIONS; n++) collectGarbage();
  await eventually(() => (seen >= COLLECTIONS ? true : undefined));
  observer.disconnect();
}

describe('the runtime’s metrics', () => {
  it('are recorded from the first read of the page on, because they cost CPU', async () => {
    const { renderMetrics } = telemetry({});
    const counted = async () => countedOn(await renderMetrics?.());
    await collectGarbageOften();
    expect(await counted()).toBeLessThan(COLLECTIONS / 2);
    await collectGarbageOften();
    await eventually(async () => ((await counted()) >= COLLECTIONS ? true : undefined));
  });

  it('are on the page with the delay of the event loop', async () => {
    const { renderMetrics } = telemetry({});
    await eventually(async () => {
      expect(await renderMetrics?.()).toMatch(/^nodejs_eventloop_delay_p99_seconds\S* 0\.\d/m);
      return true;
    });
  });

  it('are recorded from the start on if they are exported', async () => {
    const collector = await startCollector();
    onTestFinished(collector.close);
    const { renderMetrics } = telemetry({
      ...FAST,
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    });
    await collectGarbageOften();
    await eventually(async () => (countedOn(await renderMetrics?.()) >= COLLECTIONS ? true : undefined));
  });
});
