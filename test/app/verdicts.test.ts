import { expect, it } from 'vitest';
import { watchVerdicts } from '../../src/app/verdicts.ts';
import type { GivenVerdict } from '../../src/pipeline/ports/store.ts';
import { emitEvaluation } from '../../src/telemetry/evaluations.ts';
import { eventually } from '../support/eventually.ts';
import { FAST, startCollector, telemetryWith } from '../telemetry/collector.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const TRACE = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };

function storeWith(given: readonly GivenVerdict[], seen?: number) {
  const store = {
    seen,
    given: [...given],
    verdictsSince: async (time: number) => store.given.filter(({ at }) => at > time),
    loadVerdictsSeen: async () => store.seen,
    saveVerdictsSeen: async (at: number) => {
      store.seen = at;
    },
  };
  return store;
}

/** Runs `rounds` rounds that begin at time 100. */
async function watch(store: ReturnType<typeof storeWith>, rounds: number, between: () => void = () => {}) {
  const emitted: GivenVerdict[] = [];
  const stop = new AbortController();
  let left = rounds;
  const clock = {
    now: () => 100,
    monotonic: () => 100,
    sleep: async () => {
      between();
      left -= 1;
      if (left === 0) stop.abort();
    },
  };
  await watchVerdicts({ store, emit: (v) => emitted.push(v), clock, logger: silent, everyMs: 1 }, stop.signal);
  return emitted.map(({ incidentId }) => incidentId);
}

const verdict = (incidentId: string, at: number): GivenVerdict => ({ incidentId, verdict: 'right', at });

it('each verdict is emitted once, also those given while the agent was not running', async () => {
  const store = storeWith([verdict('old', 10)]);
  expect(await watch(store, 1)).toEqual([]);
  store.given.push(verdict('new', 110));
  expect(await watch(store, 3)).toEqual(['new']);
  store.given.push(verdict('meanwhile', 120));
  expect(await watch(store, 2)).toEqual(['meanwhile']);
});

it('a verdict is the event gen_ai.evaluation.result in the trace of its incident', async () => {
  const collector = await startCollector();
  const telemetry = telemetryWith({
    ...FAST,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_LOGS_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  });
  try {
    emitEvaluation({
      incidentId: 'inc-1',
      verdict: 'wrong',
      note: 'a deployment',
      at: 5,
      model: 'qwen3:4b',
      trace: TRACE,
    });
    const record = await eventually(() => {
      const request = collector.received.find(({ path }) => path === '/v1/logs');
      if (request === undefined) return undefined;
      return JSON.parse(String(request.body)).resourceLogs[0].scopeLogs[0].logRecords[0];
    });
    expect(record).toMatchObject({
      eventName: 'gen_ai.evaluation.result',
      traceId: TRACE.traceId,
      spanId: TRACE.spanId,
    });
    const attributes = Object.fromEntries(
      record.attributes.map(({ key, value }: { key: string; value: object }) => [key, Object.values(value)[0]]),
    );
    expect(attributes).toMatchObject({
      'gen_ai.evaluation.name': 'restart_decision',
      'gen_ai.evaluation.score.label': 'wrong',
      'gen_ai.evaluation.explanation': 'a deployment',
      'gen_ai.response.model': 'qwen3:4b',
      'container_doctor.incident.id': 'inc-1',
    });
  } finally {
    await telemetry.end();
    await collector.close();
  }
});
