import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EngineError } from '../../src/errors.ts';
import { describeDecision, describeDiagnosis, describeIncident, describeSend } from '../../src/telemetry/attributes.ts';
import { SPANS } from '../../src/telemetry/names.ts';
import { createTracing, currentTraceLink, type Tracing } from '../../src/telemetry/traced.ts';
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

/** All that was sent, by name; flushes first. */
async function spans() {
  await telemetry.shutdown();
  return new Map(collector.spans().map((span) => [span.name, span]));
}

describe('a traced function', () => {
  it('gives back what it wraps, at once or later, and tells how it went', async () => {
    const decide = tracing.traced('decide', () => ({ kind: 'notify', reason: 'auto_fix_off' }) as const, {
      after: describeDecision,
    });
    const restart = tracing.traced(
      (name: string) => SPANS.restart(name),
      async (name: string) => name.length,
      { before: (name) => ({ 'container.name': name }), kind: 'client' },
    );
    expect(decide()).toEqual({ kind: 'notify', reason: 'auto_fix_off' });
    expect(await restart('web')).toBe(3);
    const sent = await spans();
    expect(sent.get('decide')).toMatchObject({
      kind: INTERNAL,
      status: { code: 0 },
      attributes: { 'container_doctor.decision': 'notify', 'container_doctor.decision.reason': 'auto_fix_off' },
    });
    expect(sent.get('restart web')).toMatchObject({ kind: CLIENT, attributes: { 'container.name': 'web' } });
    expect(sent.get('restart web')?.attributes).not.toHaveProperty('error.type');
  });

  it('throws what it wraps throws, and writes down the reason but not the words', async () => {
    const secret = new EngineError('cannot reach tcp://user:hunter2@host', 'unreachable');
    const inspect = tracing.traced(SPANS.docker('inspect'), async () => Promise.reject(secret));
    const parse = tracing.traced('parse', () => {
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

  it('is failed where its result says so, though nothing was thrown', async () => {
    const send = tracing.traced(
      SPANS.notify('slack'),
      async () => ({ kind: 'dropped', why: 'gone', status: 410 }) as const,
      {
        after: describeSend,
        kind: 'client',
      },
    );
    await send();
    expect((await spans()).get('notify slack')).toMatchObject({
      status: { code: ERROR },
      attributes: { 'error.type': '410', 'http.response.status_code': 410, 'container_doctor.outcome': 'dropped' },
    });
  });

  it('does its work though its description is at fault', async () => {
    const work = tracing.traced('work', () => 'done', {
      after: () => {
        throw new Error('a mistake');
      },
    });
    expect(work()).toBe('done');
  });
});

describe('the trace of an incident', () => {
  it('is a tree of its own, whatever span is active', async () => {
    const inspect = tracing.traced(SPANS.docker('inspect'), async () => {}, { kind: 'client' });
    const collect = tracing.traced(SPANS.collect, () => inspect());
    const diagnose = tracing.traced(SPANS.diagnose, async () => diagnosis, { after: describeDiagnosis });
    const link = await tracing.traced('something else', () =>
      tracing.withIncidentTrace(container, describeIncident(incident), async (given, annotate) => {
        expect(currentTraceLink()).toEqual(given);
        await collect();
        const { costUsd } = await diagnose();
        annotate({ 'container_doctor.cost_usd': costUsd });
        return given;
      }),
    )();
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
        'container_doctor.cost_usd': 0.0012,
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

  it('ends and is failed where the work throws', async () => {
    const fault = new EngineError('gone', 'not_found');
    await expect(tracing.withIncidentTrace(container, {}, () => Promise.reject(fault))).rejects.toBe(fault);
    expect((await spans()).get('incident shop-web-1')).toMatchObject({
      status: { code: ERROR },
      attributes: { 'error.type': 'not_found' },
    });
  });

  it('is linked from the trace of what comes later', async () => {
    const first = await tracing.withIncidentTrace(container, {}, async (link) => link);
    await tracing.withLinkedTrace('late recovery', first, {}, async () => {});
    const late = (await spans()).get('late recovery');
    expect(late?.traceId).not.toBe(first?.traceId);
    expect(late?.parentSpanId ?? '').toBe('');
    expect(late?.links).toMatchObject([first]);
  });

  it('is continued or linked by a job that a queue kept', async () => {
    const send = async () => ({ kind: 'sent', status: 200 }) as const;
    const incidentTrace = await tracing.withIncidentTrace(container, {}, async (link) => link);
    await tracing.traced('notify at once', send, { kind: 'client', childOf: incidentTrace })();
    await tracing.traced('notify later', send, { kind: 'client', linkTo: incidentTrace })();
    const sent = await spans();
    expect(sent.get('notify at once')).toMatchObject({
      kind: CLIENT,
      traceId: incidentTrace?.traceId,
      parentSpanId: incidentTrace?.spanId,
    });
    expect(sent.get('notify later')).toMatchObject({ kind: CLIENT, links: [incidentTrace] });
    expect(sent.get('notify later')?.traceId).not.toBe(incidentTrace?.traceId);
  });

  it('keeps incidents that are dealt with at the same time apart', async () => {
    const step = tracing.traced('step', async () => currentTraceLink()?.traceId);
    const handle = () =>
      tracing.withIncidentTrace(container, {}, async (link) => {
        await Promise.resolve();
        return [link?.traceId, await step()];
      });
    const traces = await Promise.all([handle(), handle(), handle()]);
    for (const [root, child] of traces) expect(child).toBe(root);
    expect(new Set(traces.map(([root]) => root)).size).toBe(3);
  });
});
