/** The contract's metrics as OpenTelemetry instruments. */
import { type Counter, diag, type Gauge, type Histogram, type Meter, type ObservableResult } from '@opentelemetry/api';
import { COUNTERS, GAUGES, HISTOGRAMS, OBSERVED_GAUGES, PROCESS_METRICS, TOTALS } from './names.ts';
import { closedSeries } from './zeros.ts';

type MaybeAsync<T> = T | Promise<T>;

/**
 * What is read at each collection, from the store or from whoever knows. One that throws, rejects or takes
 * over two seconds leaves its series out of that collection, and the others in: a broken store must not
 * hide the metric that says so.
 */
export interface Gauges {
  incidentsOpen(): MaybeAsync<number>;
  rateLimitRemaining(): MaybeAsync<number>;
  rateLimitLimit(): MaybeAsync<number>;
  budgetRemainingUsd(): MaybeAsync<number>;
  budgetLimitUsd(): MaybeAsync<number>;
  /** By name, of the receivers in use. */
  outboxPending(): MaybeAsync<Readonly<Record<string, number>>>;
  containersWatched(): MaybeAsync<number>;
  dockerConnected(): MaybeAsync<boolean>;
  storeHealthy(): MaybeAsync<boolean>;
  claudeCircuitOpen(): MaybeAsync<boolean>;
  configReloaded(): MaybeAsync<boolean>;
}

export interface Instruments {
  readonly counters: Readonly<Record<keyof typeof COUNTERS, Counter>>;
  readonly histograms: Readonly<Record<keyof typeof HISTOGRAMS, Histogram>>;
  readonly gauges: Readonly<Record<keyof typeof GAUGES, Gauge>>;
  /** What was counted since the start. */
  readonly totals: Record<keyof typeof TOTALS, number>;
}

/** A scrape waits ten seconds by default, and a gauge must not cost it the rest of the page. */
const GAUGE_DEADLINE_MS = 2_000;

/** `models`: those that will be asked, so that their series exist at zero. Call once a meter. */
export function createInstruments(
  meter: Meter,
  gauges: Gauges,
  build: { readonly version: string; readonly models?: readonly string[] },
): Instruments {
  observeGauges(meter, gauges, build.version);
  observeProcess(meter);
  const instruments: Instruments = {
    counters: mapValues(COUNTERS, ({ name, unit, about }) => meter.createCounter(name, { unit, description: about })),
    histograms: mapValues(HISTOGRAMS, ({ name, unit, about, boundaries }) =>
      meter.createHistogram(name, {
        unit,
        description: about,
        advice: { explicitBucketBoundaries: [...boundaries] },
      }),
    ),
    gauges: mapValues(GAUGES, ({ name, unit, about }) => meter.createGauge(name, { unit, description: about })),
    totals: observeTotals(meter),
  };
  const known = { model: build.models ?? [] };
  for (const [key, counter] of Object.entries(instruments.counters)) {
    for (const labels of closedSeries(COUNTERS[key as keyof typeof COUNTERS], known)) counter.add(0, labels);
  }
  return instruments;
}

function observeGauges(meter: Meter, gauges: Gauges, version: string): void {
  const one = (
    key: keyof typeof OBSERVED_GAUGES,
    labels: Record<string, string>,
    read: () => MaybeAsync<number | boolean>,
  ) => observe(meter, key, async (result) => result.observe(Number(await read()), labels));
  one('incidentsOpen', { state: 'open' }, () => gauges.incidentsOpen());
  one('rateLimitRemaining', {}, () => gauges.rateLimitRemaining());
  one('rateLimitLimit', {}, () => gauges.rateLimitLimit());
  one('budgetRemaining', { window: 'day' }, () => gauges.budgetRemainingUsd());
  one('budgetLimit', { window: 'day' }, () => gauges.budgetLimitUsd());
  one('containersWatched', {}, () => gauges.containersWatched());
  one('dockerConnected', {}, () => gauges.dockerConnected());
  one('storeHealthy', {}, () => gauges.storeHealthy());
  one('claudeCircuitOpen', {}, () => gauges.claudeCircuitOpen());
  one('configReloaded', {}, () => gauges.configReloaded());
  one('buildInfo', { version, node: process.versions.node }, () => 1);
  observe(meter, 'outboxPending', async (result) => {
    for (const [integration, pending] of Object.entries(await gauges.outboxPending())) {
      result.observe(pending, { integration });
    }
  });
}

function observe(
  meter: Meter,
  key: keyof typeof OBSERVED_GAUGES,
  read: (result: ObservableResult) => Promise<void>,
): void {
  const { name, unit, about } = OBSERVED_GAUGES[key];
  meter.createObservableGauge(name, { unit, description: about }).addCallback(async (result) => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not answered in ${GAUGE_DEADLINE_MS} ms`)), GAUGE_DEADLINE_MS);
    });
    try {
      await Promise.race([read(result), late]);
    } catch (error) {
      diag.warn(`${name} could not be read: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      clearTimeout(timer);
    }
  });
}

function observeTotals(meter: Meter): Instruments['totals'] {
  const totals = mapValues(TOTALS, () => 0);
  for (const [key, { name, unit, about }] of Object.entries(TOTALS)) {
    meter.createObservableCounter(name, { unit, description: about }).addCallback((result) => {
      result.observe(totals[key as keyof typeof TOTALS]);
    });
  }
  return totals;
}

function observeProcess(meter: Meter): void {
  const { cpu, memory, start } = PROCESS_METRICS;
  meter.createObservableCounter(cpu.name, { unit: cpu.unit, description: cpu.about }).addCallback((result) => {
    const { user, system } = process.cpuUsage();
    result.observe((user + system) / 1e6);
  });
  meter.createObservableGauge(memory.name, { unit: memory.unit, description: memory.about }).addCallback((result) => {
    result.observe(process.memoryUsage.rss());
  });
  meter.createObservableGauge(start.name, { unit: start.unit, description: start.about }).addCallback((result) => {
    result.observe(performance.timeOrigin / 1e3);
  });
}

function mapValues<K extends string, V, R>(table: Readonly<Record<K, V>>, fn: (value: V) => R): Record<K, R> {
  return Object.fromEntries(Object.entries<V>(table).map(([key, value]) => [key, fn(value)])) as Record<K, R>;
}
