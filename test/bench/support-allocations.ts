/**
 * Measures the bytes that the pipeline allocates for lines without errors, with and without metrics. Runs in its own
 * process, so that there is no garbage collection during the measurement. Prints JSON, an entry per batch size.
 *
 *     node --expose-gc --min-semi-space-size=512 --max-semi-space-size=512 test/bench/support-allocations.ts
 */
import type { LogLine } from '../../src/domain/containers.ts';
import { noopObserver, type Observer } from '../../src/pipeline/observer.ts';
import { createPipeline, type Pipeline, type PipelineDeps } from '../../src/pipeline/pipeline.ts';
import { createInstruments } from '../../src/telemetry/instruments.ts';
import { createMetricsObserver } from '../../src/telemetry/observer.ts';
import { startTelemetry } from '../../src/telemetry/register.ts';
import { aContainer, aPolicy } from '../support/domain.ts';
import { gauges } from '../telemetry/all-hooks.ts';
import { percentile } from './support.ts';

/** Bytes per batch of this many lines. */
export interface Allocations {
  readonly lines: number;
  readonly off: number;
  readonly on: number;
}

const SIZES = [1, 100];
const ROUNDS = 20;
const BATCHES = 1_000;

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const container = aContainer();
const policy = aPolicy();

/** Has only what lines without errors need; anything else fails. */
function pipelineWith(observer: Observer): Pipeline {
  return createPipeline({
    observer,
    logger: silent,
    clock: { now: () => 1_700_000_000_000, monotonic: () => 1_700_000_000_000, sleep: () => new Promise(() => {}) },
    policyOf: () => policy,
  } as unknown as PipelineDeps);
}

function batchOf(lines: number): readonly LogLine[] {
  return Array.from({ length: lines }, (_, i) => ({
    time: 1_700_000_000_000,
    stream: 'stdout',
    text: `172.18.0.1 - - "GET /orders/${i} HTTP/1.1" 200 ${500 + i} "-" "curl/8.5.0" took=${i % 97}ms`,
  }));
}

function bytesPerBatch(pipeline: Pipeline, lines: readonly LogLine[]): number {
  gc?.();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < BATCHES; i++) pipeline.onLines(container, lines);
  return (process.memoryUsage().heapUsed - before) / BATCHES;
}

const telemetry = startTelemetry({ version: '0.0.0', env: process.env, logger: silent });
const instruments = createInstruments(telemetry.meter, gauges, { version: '0.0.0' });
const off = pipelineWith(noopObserver);
const on = pipelineWith(createMetricsObserver(instruments, telemetry.containerCounters));
const results: Allocations[] = SIZES.map((size) => {
  const lines = batchOf(size);
  const samples = { off: [] as number[], on: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const which of round % 2 === 0 ? (['off', 'on'] as const) : (['on', 'off'] as const)) {
      samples[which].push(bytesPerBatch(which === 'on' ? on : off, lines));
    }
  }
  return { lines: size, off: percentile(samples.off, 0.5), on: percentile(samples.on, 0.5) };
});
await telemetry.shutdown(500);
console.log(JSON.stringify(results));
process.exit(0);
