/** One incident as its trace: taken from what the real agent sends over OTLP. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { World } from '../support/world.ts';
import { type OtlpSpan, startCollector } from '../telemetry/collector.ts';
import { createWorld } from './full-life.ts';

interface Span extends OtlpSpan {
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
}

const LONGEST_UNEXPLAINED_MS = 100;

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
  eventually(probe, { deadlineMs: 15_000, everyMs: 30 });

const tracing = () => ({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '50' });

/** The trace that an alert in Slack names, once its root has arrived; the first, or a later one. */
async function traceOfAlert(nth = 0): Promise<readonly Span[]> {
  const post = await soon(() => world.slack.posts[nth]);
  const traceId = /\b[0-9a-f]{32}\b/.exec(post.text)?.[0];
  expect(traceId, `no trace id in:\n${post.text}`).toBeDefined();
  return soon(() => {
    const spans = (collector.spans() as Span[]).filter((span) => span.traceId === traceId);
    return spans.some(({ parentSpanId }) => !parentSpanId) ? spans : undefined;
  });
}

/** `name > name`, from the root down, sorted by when they began. */
function tree(spans: readonly Span[]): readonly string[] {
  const walk = (parent: string | undefined, depth: string): string[] =>
    spans
      .filter(({ parentSpanId }) => (parentSpanId || undefined) === parent)
      .toSorted((a, b) => Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)))
      .flatMap((span) => [`${depth}${span.name}`, ...walk(span.spanId, `${depth}  `)]);
  return walk(undefined, '');
}

/** Milliseconds of the root span that no other span covers, each stretch by itself. */
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
    web.oom();
    spans = await traceOfAlert();
  });
  afterAll(close);

  it('is the tree of the contract', () => {
    // The engine is also called between the stages, for current facts before a decision.
    const between = /^ {2}docker (inspect|list)$/;
    expect(tree(spans).filter((line) => !between.test(line))).toEqual([
      'incident web',
      '  settle',
      '    docker inspect',
      '  collect context',
      '    docker inspect',
      '    docker logs',
      '  diagnose',
      '    anthropic.messages.create',
      '  decide',
      '  restart web',
      '    docker restart',
      '  verify',
      '  notify slack',
    ]);
  });

  it('has no orphan, and nothing in it outlives its root', () => {
    const ids = new Set(spans.map(({ spanId }) => spanId));
    expect(spans.filter(({ parentSpanId }) => parentSpanId && !ids.has(parentSpanId)).map(({ name }) => name)).toEqual(
      [],
    );
    const root = rootOf(spans);
    for (const span of spans) {
      expect(
        BigInt(span.startTimeUnixNano) >= BigInt(root.startTimeUnixNano),
        `${span.name} began before its root`,
      ).toBe(true);
      expect(BigInt(span.endTimeUnixNano) <= BigInt(root.endTimeUnixNano), `${span.name} outlived its root`).toBe(true);
    }
  });

  it('has no gap that no span explains, from its beginning to its end', async () => {
    const longestGap = (trace: readonly Span[]) => Math.max(...gapsIn(trace));
    let longest = longestGap(spans);
    // A machine may stand still for a moment; a gap that is ours comes again.
    for (const name of ['second', 'third']) {
      if (longest < LONGEST_UNEXPLAINED_MS) break;
      const posts = world.slack.posts.length;
      world.engine.addContainer({ name }).log('ERROR cannot serve: deadlock detected', { stream: 'stderr' });
      longest = Math.min(longest, longestGap(await traceOfAlert(posts)));
    }
    expect(longest).toBeLessThan(LONGEST_UNEXPLAINED_MS);
  });

  it('bears no error where all went well, and kinds as the contract has them', () => {
    const failed = spans.filter(
      ({ status, attributes }) => status.code === 2 || attributes['error.type'] !== undefined,
    );
    expect(failed.map(({ name }) => name)).toEqual([]);
    // The Anthropic SDK sets ok by itself; ours leave it unset.
    const ours = spans.filter(({ name }) => !name.startsWith('anthropic'));
    expect(ours.filter(({ status }) => status.code !== undefined && status.code !== 0)).toEqual([]);
    const clients = new Set(spans.filter(({ kind }) => kind === 3).map(({ name }) => name));
    expect([...clients].filter((name) => !name.startsWith('docker ')).sort()).toEqual([
      'anthropic.messages.create',
      'notify slack',
    ]);
    expect(spans.filter(({ name }) => name.startsWith('docker ')).every(({ kind }) => kind === 3)).toBe(true);
  });

  it('says on its root what, where and how it ended', () => {
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

describe('later work, and no tracing', () => {
  beforeEach(open);
  afterEach(close);

  it('a notification that is tried again later is a trace of its own, linked to the incident', async () => {
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
  ])('with tracing %s the alert and /history name no trace, and no dead link', async (how, env) => {
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

  it('what is taken up after our own restart is a trace of its own, linked to the incident', async () => {
    const web = world.engine.addContainer({ name: 'web' });
    const first = await world.start({ ...tracing(), VERIFY_STABLE_SECONDS: '4' });
    web.oom();
    await soon(() => (world.engine.count('restart', 'web') === 1 && web.running ? true : undefined));
    // Its decision has left with the first batch; the root ends only with the incident, and is lost.
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
