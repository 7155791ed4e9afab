import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EngineError } from '../../src/errors.ts';
import { SPANS, type Tracing } from '../../src/pipeline/tracing.ts';
import { createTracing, currentTraceLink } from '../../src/telemetry/tracing.ts';
import { FAST, startCollector, telemetryWith } from './collector.ts';
import { container, diagnosis, incident } from './samples.ts';

const INTERNAL = 1;
const CLIENT = 3;
const ERROR = 2;

let collector: Awaited<ReturnType<typeof startCollector>>;
let telemetry: ReturnType<typeof telemetryWith>;
let tracing: Tracing;
beforeEach(async () => {
  collector = await startCollector();
  telemetry = telemetryWith({ ...FAST, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  tracing = createTracing(telemetry.tracer);
});
afterEach(async () => {
  await telemetry.end();
  await collector.close();
});

/** Flushes, and returns all exported spans by name. */
async function spans() {
  await telemetry.shutdown();
  return new Map(collector.spans().map((span) => [span.name, span]));
}

describe('a span', () => {
  it('returns the result of its work, synchronous or not, and describes it', async () => {
    const decision = { kind: 'notify', reason: 'auto_fix_off' } as const;
    expect(
      tracing.span(
        SPANS.decide,
        () => decision,
        (decision) => ({ decision }),
      ),
    ).toBe(decision);
    expect(await tracing.span(SPANS.restart('web'), async () => 3, undefined, { kind: 'client' })).toBe(3);
    const sent = await spans();
    expect(sent.get('decide')).toMatchObject({
      kind: INTERNAL,
      status: { code: 0 },
      attributes: { 'container_doctor.decision': 'notify', 'container_doctor.decision.reason': 'auto_fix_off' },
    });
    expect(sent.get('restart web')).toMatchObject({ kind: CLIENT });
    expect(sent.get('restart web')?.attributes).not.toHaveProperty('error.type');
  });

  it('rethrows an error and records its reason, but not its message', async () => {
    const secret = new EngineError('cannot reach tcp://user:hunter2@host', 'unreachable');
    const inspect = () => tracing.span(SPANS.docker('inspect'), async () => Promise.reject(secret));
    const parse = () =>
      tracing.span('parse', () => {
        throw new TypeError('hunter2 is not iterable');
      });
    await expect(inspect()).rejects.toBe(secret);
    expect(parse).toThrow('hunter2 is not iterable');
    const sent = await spans();
    expect(sent.get('docker inspect')).toMatchObject({
      status: { code: ERROR },
      attributes: { 'error.type': 'unreachable' },
    });
    expect(sent.get('parse')?.attributes).toEqual({ 'error.type': '_OTHER' });
    expect(collector.received.some(({ body }) => body.includes('hunter2'))).toBe(false);
  });

  it('of an answer by a person is a trace of its own, with a link to the incident and who answered', async () => {
    const link = { traceId: '1'.repeat(32), spanId: '2'.repeat(16) };
    await tracing.span(
      SPANS.approval('web'),
      async () => tracing.span(SPANS.decide, () => 0),
      () => ({ approval: { incident, outcome: 'approved', source: 'slack', by: 'U0JANE' } }),
      { linkTo: link },
    );
    const sent = await spans();
    const root = sent.get('approval web');
    expect(root?.attributes).toMatchObject({
      'container_doctor.incident.id': incident.id,
      'container_doctor.approval': 'approved',
      'container_doctor.approval.source': 'slack',
      'container_doctor.approval.by': 'U0JANE',
    });
    expect(root).toMatchObject({ status: { code: 0 }, links: [{ traceId: link.traceId, spanId: link.spanId }] });
    expect(sent.get('decide')).toMatchObject({ traceId: root?.traceId, parentSpanId: root?.spanId });
  });

  it('is failed if its result says so, although nothing was thrown', async () => {
    const result = { kind: 'dropped', why: 'gone', status: 410 } as const;
    await tracing.span(
      SPANS.notify('slack'),
      async () => result,
      (result) => ({ send: { receiver: 'slack', tries: 2, result } }),
      { kind: 'client' },
    );
    expect((await spans()).get('notify slack')).toMatchObject({
      status: { code: ERROR },
      attributes: {
        'error.type': '410',
        'http.response.status_code': 410,
        'container_doctor.outcome': 'dropped',
        'container_doctor.integration': 'slack',
      },
    });
  });

  it('does its work even if its description fails', () => {
    const fail = () => {
      throw new Error('a mistake');
    };
    expect(tracing.span('work', () => 'done', fail)).toBe('done');
  });
});

describe('the trace of an incident', () => {
  it('has its own root, even if another span is active', async () => {
    const inspect = () => tracing.span(SPANS.docker('inspect'), async () => {}, undefined, { kind: 'client' });
    const link = await tracing.span('something else', () =>
      tracing.incident(incident, undefined, async (given) => {
        expect(currentTraceLink()).toEqual(given);
        await tracing.span(SPANS.collect, inspect);
        await tracing.span(
          SPANS.diagnose,
          async () => diagnosis,
          (diagnosis) => ({ diagnosis }),
        );
        return given;
      }),
    );
    const sent = await spans();
    const root = sent.get('incident shop-web-1');
    expect(root).toMatchObject({
      kind: INTERNAL,
      traceId: link?.traceId,
      spanId: link?.spanId,
      links: [],
      attributes: {
        'container.id': container.id,
        'container.name': 'shop-web-1',
        'container.image.name': 'registry.example:5000/team/web',
        'container.image.tags': ['1.4'],
        'container_doctor.service': 'web',
        'container_doctor.project': 'shop',
        'container_doctor.incident.id': 'inc-1',
        'container_doctor.fingerprint': 'f00d',
        'container_doctor.detector': 'oom',
        'container_doctor.occurrences': 4,
      },
    });
    expect(root?.parentSpanId ?? '').toBe('');
    expect(sent.get('something else')?.traceId).not.toBe(root?.traceId);
    expect(sent.get('collect context')).toMatchObject({ traceId: root?.traceId, parentSpanId: root?.spanId });
    expect(sent.get('docker inspect')?.parentSpanId).toBe(sent.get('collect context')?.spanId);
    expect(sent.get('diagnose')?.attributes).toMatchObject({
      'container_doctor.diagnosis.tier': 'claude',
      'container_doctor.diagnosis.cached': false,
      'container_doctor.severity': 'high',
      'container_doctor.restart_advised': true,
      'gen_ai.response.model': 'claude-haiku-5-5',
    });
  });

  it('ends and is failed if the work throws', async () => {
    const fault = new EngineError('gone', 'not_found');
    await expect(tracing.incident(incident, undefined, () => Promise.reject(fault))).rejects.toBe(fault);
    expect((await spans()).get('incident shop-web-1')).toMatchObject({
      status: { code: ERROR },
      attributes: { 'error.type': 'not_found' },
    });
  });

  it('is linked from the trace of a later run of the agent', async () => {
    const first = await tracing.incident(incident, undefined, async (link) => link);
    const later = await tracing.incident(incident, first, async (link) => link);
    await telemetry.shutdown();
    const root = collector.spans().find(({ traceId }) => traceId === later?.traceId);
    expect(later?.traceId).not.toBe(first?.traceId);
    expect(root?.parentSpanId ?? '').toBe('');
    expect(root?.links).toMatchObject([first]);
  });

  it('can be continued or linked by a queued job', async () => {
    const send = async () => {};
    const incidentTrace = await tracing.incident(incident, undefined, async (link) => link);
    await tracing.span('notify at once', send, undefined, { kind: 'client', childOf: incidentTrace });
    await tracing.span('notify later', send, undefined, { kind: 'client', linkTo: incidentTrace });
    const sent = await spans();
    expect(sent.get('notify at once')).toMatchObject({
      kind: CLIENT,
      traceId: incidentTrace?.traceId,
      parentSpanId: incidentTrace?.spanId,
    });
    expect(sent.get('notify later')).toMatchObject({ kind: CLIENT, links: [incidentTrace] });
    expect(sent.get('notify later')?.traceId).not.toBe(incidentTrace?.traceId);
  });

  it('is separate from those of incidents handled at the same time', async () => {
    const handle = () =>
      tracing.incident(incident, undefined, async (link) => {
        await Promise.resolve();
        return [link?.traceId, await tracing.span('step', async () => currentTraceLink()?.traceId)];
      });
    const traces = await Promise.all([handle(), handle(), handle()]);
    for (const [root, child] of traces) expect(child).toBe(root);
    expect(new Set(traces.map(([root]) => root)).size).toBe(3);
  });
});
