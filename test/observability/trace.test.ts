/** The trace of an incident, as the real agent exports it over OTLP. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { World } from '../support/world.ts';
import { type OtlpSpan, startCollector } from '../telemetry/collector.ts';
import { createWorld } from './full-scenario.ts';

interface Span extends OtlpSpan {
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
}

const MAX_GAP_MS = 250;

let world: World;
let collector: Awaited<ReturnType<typeof startCollector>>;
const open = async () => {
  collector = await startCollector();
  world = await createWorld();
};
const close = async () => {
  await world.close();
  await collector.close();
};

const soon = <T>(probe: () => T | undefined | Promise<T | undefined>) =>
  eventually(probe, { deadlineMs: 60_000, everyMs: 30 });

const tracing = () => ({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '50' });

/** The trace of the nth alert in Slack, once its root span was exported. */
async function traceOfAlert(nth = 0): Promise<readonly Span[]> {
  const post = await soon(() => world.slack.posts[nth]);
  const traceId = /\b[0-9a-f]{32}\b/.exec(post.text)?.[0];
  expect(traceId, `no trace id in:\n${post.text}`).toBeDefined();
  return soon(() => {
    const spans = (collector.spans() as Span[]).filter((span) => span.traceId === traceId);
    return spans.some(({ parentSpanId }) => !parentSpanId) ? spans : undefined;
  });
}

/** The calls of this stage run in parallel: which of them starts first is not defined. */
const PARALLEL = 'collect context';

/** One indented line per span. Siblings are sorted by start, parallel ones by name. */
function tree(spans: readonly Span[]): readonly string[] {
  const linesBelow = (parent: Span | undefined, depth: string): string[] =>
    spans
      .filter(({ parentSpanId }) => (parentSpanId || undefined) === parent?.spanId)
      .toSorted((a, b) =>
        parent?.name === PARALLEL
          ? a.name.localeCompare(b.name)
          : Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)),
      )
      .flatMap((span) => [`${depth}${span.name}`, ...linesBelow(span, `${depth}  `)]);
  return linesBelow(undefined, '');
}

/** Lengths in milliseconds of the parts of the root span that no other span covers. */
function gapsIn(spans: readonly Span[]): readonly number[] {
  const ms = (nanos: string) => Number(BigInt(nanos) / 1_000n) / 1e3;
  const root = rootOf(spans);
  const gaps: number[] = [];
  let covered = ms(root.startTimeUnixNano);
  const others = spans.filter((span) => span !== root);
  for (const span of others.toSorted((a, b) => ms(a.startTimeUnixNano) - ms(b.startTimeUnixNano))) {
    gaps.push(Math.max(0, ms(span.startTimeUnixNano) - covered));
    covered = Math.max(covered, ms(span.endTimeUnixNano));
  }
  return [...gaps, ms(root.endTimeUnixNano) - covered];
}

function rootOf(spans: readonly Span[]): Span {
  return spans.find(({ parentSpanId }) => !parentSpanId) as Span;
}

describe('the trace of an incident that ends in a restart', () => {
  let spans: readonly Span[];
  beforeAll(async () => {
    await open();
    const web = world.engine.addContainer({ name: 'web', image: 'shop/web:1.4' });
    const doctor = await world.start(tracing());
    await soon(async () => ((await doctor.health()).monitoring.includes('web') ? true : undefined));
    // Until the agent has inspected the container, `settle` inspects it.
    await soon(() => (world.engine.count('inspect', 'web') > 0 ? true : undefined));
    web.oom();
    spans = await traceOfAlert();
  });
  afterAll(close);

  it('has the documented tree of spans', () => {
    // The engine is also called between the stages, for current facts before a decision.
    const between = /^ {2}docker (inspect|list)$/;
    expect(tree(spans).filter((line) => !between.test(line))).toEqual([
      'incident web',
      '  settle',
      '  collect context',
      '    docker inspect',
      '    docker logs',
      '  correlate',
      '  diagnose',
      '    anthropic.messages.create',
      '  decide',
      '  restart web',
      '    docker restart',
      '  verify',
      '  notify slack',
    ]);
  });

  it('has no orphans, and no span is longer than the root', () => {
    const ids = new Set(spans.map(({ spanId }) => spanId));
    expect(spans.filter(({ parentSpanId }) => parentSpanId && !ids.has(parentSpanId)).map(({ name }) => name)).toEqual(
      [],
    );
    const root = rootOf(spans);
    for (const span of spans) {
      expect(
        BigInt(span.startTimeUnixNano) >= BigInt(root.startTimeUnixNano),
        `${span.name} starts before the root`,
      ).toBe(true);
      expect(BigInt(span.endTimeUnixNano) <= BigInt(root.endTimeUnixNano), `${span.name} ends after the root`).toBe(
        true,
      );
    }
  });

  it('has no gaps between its spans', async () => {
    const longestGap = (trace: readonly Span[]) => Math.max(...gapsIn(trace));
    let longest = longestGap(spans);
    // A gap can be due to a busy machine. One that is due to the agent occurs in every trace.
    for (const name of ['second', 'third', 'fourth', 'fifth']) {
      if (longest < MAX_GAP_MS) break;
      const posts = world.slack.posts.length;
      world.engine.addContainer({ name }).log('ERROR cannot serve: deadlock detected', { stream: 'stderr' });
      longest = Math.min(longest, longestGap(await traceOfAlert(posts)));
    }
    expect(longest).toBeLessThan(MAX_GAP_MS);
  });

  it('has no errors, and the documented span kinds', () => {
    const failed = spans.filter(
      ({ status, attributes }) => status.code === 2 || attributes['error.type'] !== undefined,
    );
    expect(failed.map(({ name }) => name)).toEqual([]);
    // The Anthropic SDK sets the status ok; our spans leave it unset.
    const ours = spans.filter(({ name }) => !name.startsWith('anthropic'));
    expect(ours.filter(({ status }) => status.code !== undefined && status.code !== 0)).toEqual([]);
    const clients = new Set(spans.filter(({ kind }) => kind === 3).map(({ name }) => name));
    expect([...clients].filter((name) => !name.startsWith('docker ')).sort()).toEqual([
      'anthropic.messages.create',
      'notify slack',
    ]);
    expect(spans.filter(({ name }) => name.startsWith('docker ')).every(({ kind }) => kind === 3)).toBe(true);
  });

  it('has container, problem, decision and outcome on its root', () => {
    expect(rootOf(spans).attributes).toMatchObject({
      'container.name': 'web',
      'container.image.name': 'shop/web',
      'container.image.tags': ['1.4'],
      'container_doctor.detector': 'oom',
      'container_doctor.severity': 'high',
      'container_doctor.decision': 'restart',
      'container_doctor.decision.reason': 'restart_allowed',
      'container_doctor.outcome': 'recovered',
    });
  });
});

describe('after the trace, and without one', () => {
  beforeEach(open);
  afterEach(close);

  it('the retry of a notification is a separate trace, linked to the incident', async () => {
    world.slack.reply([{ status: 500 }]);
    const web = world.engine.addContainer({ name: 'web' });
    await world.start({ ...tracing(), AUTO_FIX: 'false' });
    web.log('ERROR cannot serve: deadlock detected', { stream: 'stderr' });
    await soon(() => (world.slack.posts.length >= 2 ? true : undefined));
    const spans = await soon(() => {
      const all = collector.spans();
      return all.filter(({ name }) => name === 'notify slack').length === 2 &&
        all.some(({ name }) => name === 'incident web')
        ? all
        : undefined;
    });
    const root = spans.find(({ name }) => name === 'incident web');
    const [first, second] = spans.filter(({ name }) => name === 'notify slack');
    expect(first).toMatchObject({ traceId: root?.traceId, parentSpanId: root?.spanId, status: { code: 2 } });
    expect(first?.attributes['error.type']).toBe('500');
    expect(second?.traceId).not.toBe(root?.traceId);
    expect(second?.links).toMatchObject([{ traceId: root?.traceId, spanId: root?.spanId }]);
  });

  it.each([
    ['off', {}],
    ['on, but this trace is not sampled', { OTEL_TRACES_SAMPLER: 'always_off' }],
  ])('with tracing %s the alert and /history contain no trace id', async (how, env) => {
    const web = world.engine.addContainer({ name: 'web' });
    const doctor = await world.start({ ...(how === 'off' ? {} : tracing()), ...env, AUTO_FIX: 'false' });
    web.log('ERROR cannot serve: deadlock detected', { stream: 'stderr' });
    const post = await soon(() => world.slack.posts[0]);
    expect(JSON.stringify(post.body)).not.toMatch(/[0-9a-f]{32}|0000000000/);
    const entry = await soon(async () => (await doctor.history()).find(({ decision }) => decision !== null));
    expect(entry.trace_id).toBeNull();
    expect(entry.id).toMatch(/\w/);
    expect(collector.received).toEqual([]);
  });

  it('an incident resumed after a restart of the agent is a separate trace, linked to the first one', async () => {
    const web = world.engine.addContainer({ name: 'web' });
    const first = await world.start({ ...tracing(), VERIFY_STABLE_SECONDS: '4' });
    web.oom();
    await soon(() => (world.engine.count('restart', 'web') === 1 && web.running ? true : undefined));
    // The decision was exported with the first batch. The root span is lost, because it ends with the incident.
    await soon(() => collector.spans().find(({ name }) => name === 'restart web'));
    first.signal('SIGKILL');
    await first.exited;
    await world.start({ ...tracing(), VERIFY_STABLE_SECONDS: '1' });
    const spans = await soon(() => {
      const all = collector.spans();
      return all.some(({ name }) => name === 'incident web') ? all : undefined;
    });
    const before = spans.find(({ name }) => name === 'decide');
    const after = spans.find(({ name }) => name === 'incident web');
    expect(after?.traceId).not.toBe(before?.traceId);
    expect(after?.links).toMatchObject([{ traceId: before?.traceId, spanId: before?.parentSpanId }]);
    const verified = await soon(() => collector.spans().find(({ name }) => name === 'verify'));
    expect(verified.traceId).toBe(after?.traceId);
  });
});
