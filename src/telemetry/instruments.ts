/** Creates the OpenTelemetry instruments of all metrics. */
import { type Counter, diag, type Gauge, type Histogram, type Meter, type ObservableResult } from '@opentelemetry/api';
import { messageOf } from '../errors.ts';
import { within } from '../lib/deadline.ts';
import type { EngineSource } from '../pipeline/observer.ts';
import { COUNTERS, TOTALS } from './counters.ts';
import { GAUGES, OBSERVED_GAUGES, PROCESS_METRICS } from './gauges.ts';
import { HISTOGRAMS } from './histograms.ts';
import { closedSeries } from './zeros.ts';

type MaybeAsync<T> = T | Promise<T>;

/**
 * Values read at each collection. If one throws, rejects or takes longer than GAUGE_DEADLINE_MS, only its own series
 * is missing from that collection: a broken store must not hide the metric that reports it.
 */
export interface Gauges {
  incidentsOpen(): MaybeAsync<number>;
  rateLimitRemaining(): MaybeAsync<number>;
  rateLimitLimit(): MaybeAsync<number>;
  budgetRemainingUsd(): MaybeAsync<number>;
  budgetLimitUsd(): MaybeAsync<number>;
  /** By receiver name, for the receivers in use. */
  outboxPending(): MaybeAsync<Readonly<Record<string, number>>>;
  containersWatched(): MaybeAsync<number>;
  dockerConnected(): MaybeAsync<boolean>;
  sourcesUp(): MaybeAsync<Readonly<Record<EngineSource, boolean>>>;
  /** Agents that share the database. */
  agents(): MaybeAsync<Readonly<Record<'alive' | 'silent', number>>>;
  storeHealthy(): MaybeAsync<boolean>;
  storeStandby(): MaybeAsync<boolean>;
  claudeCircuitOpen(): MaybeAsync<boolean>;
  configReloaded(): MaybeAsync<boolean>;
}

export interface Instruments {
  readonly counters: Readonly<Record<keyof typeof COUNTERS, Counter>>;
  readonly histograms: Readonly<Record<keyof typeof HISTOGRAMS, Histogram>>;
  readonly gauges: Readonly<Record<keyof typeof GAUGES, Gauge>>;
  /** Counts since the start, to be incremented in place. */
  readonly totals: Record<keyof typeof TOTALS, number>;
}

/** By default, Prometheus gives up a scrape after 10 s. One slow gauge must not make the whole scrape fail. */
const GAUGE_DEADLINE_MS = 2_000;

/** Call it once per meter. `models`: the models in use, whose series are created at zero. */
export function createInstruments(
  meter: Meter,
  gauges: Gauges,
  build: { readonly version: string; readonly models?: readonly string[] },
): Instruments {
  observeGauges(meter, gauges, build.version);
  observeProcess(meter);
  const instruments: Instruments = {
    counters: mapValues(COUNTERS, ({ name, unit, description }) => meter.createCounter(name, { unit, description })),
    histograms: mapValues(HISTOGRAMS, ({ name, unit, description, boundaries }) =>
      meter.createHistogram(name, {
        unit,
        description,
        advice: { explicitBucketBoundaries: [...boundaries] },
      }),
    ),
    gauges: mapValues(GAUGES, ({ name, unit, description }) => meter.createGauge(name, { unit, description })),
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
  one('storeStandby', {}, () => gauges.storeStandby());
  one('claudeCircuitOpen', {}, () => gauges.claudeCircuitOpen());
  one('configReloaded', {}, () => gauges.configReloaded());
  one('buildInfo', { version, node: process.versions.node }, () => 1);
  observe(meter, 'sourceUp', async (result) => {
    for (const [source, up] of Object.entries(await gauges.sourcesUp())) result.observe(Number(up), { source });
  });
  observe(meter, 'agents', async (result) => {
    for (const [state, count] of Object.entries(await gauges.agents())) result.observe(count, { state });
  });
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
  const { name, unit, description } = OBSERVED_GAUGES[key];
  meter.createObservableGauge(name, { unit, description }).addCallback(async (result) => {
    try {
      await within(GAUGE_DEADLINE_MS, read(result));
    } catch (error) {
      diag.warn(`cannot read ${name}: ${messageOf(error)}`);
    }
  });
}

function observeTotals(meter: Meter): Instruments['totals'] {
  const totals = mapValues(TOTALS, () => 0);
  for (const [key, { name, unit, description }] of Object.entries(TOTALS)) {
    meter.createObservableCounter(name, { unit, description }).addCallback((result) => {
      result.observe(totals[key as keyof typeof TOTALS]);
    });
  }
  return totals;
}

function observeProcess(meter: Meter): void {
  const { cpu, memory, start } = PROCESS_METRICS;
  meter.createObservableCounter(cpu.name, cpu).addCallback((result) => {
    const { user, system } = process.cpuUsage();
    result.observe((user + system) / 1e6);
  });
  meter.createObservableGauge(memory.name, memory).addCallback((result) => {
    result.observe(process.memoryUsage.rss());
  });
  meter.createObservableGauge(start.name, start).addCallback((result) => {
    result.observe(performance.timeOrigin / 1e3);
  });
}

function mapValues<K extends string, V, R>(table: Readonly<Record<K, V>>, fn: (value: V) => R): Record<K, R> {
  return Object.fromEntries(Object.entries<V>(table).map(([key, value]) => [key, fn(value)])) as Record<K, R>;
}
