import { AggregationTemporality, type MetricProducer } from '@opentelemetry/sdk-metrics';
import { describe, expect, it } from 'vitest';
import { createContainerCounters } from '../../src/telemetry/container-counters.ts';

const HOUR_MS = 3_600_000;

/** Values of the signals counter, by container name. */
async function signals(producer: MetricProducer): Promise<Readonly<Record<string, unknown>>> {
  const { resourceMetrics } = await producer.collect();
  const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
  const counter = metrics.find(({ descriptor }) => descriptor.name === 'container_doctor.errors.detected');
  return Object.fromEntries(
    (counter?.dataPoints ?? []).map(({ attributes, value }) => [attributes['container.name'], value]),
  );
}

function create() {
  const counters = createContainerCounters({ name: 'test' });
  const signal = (name: string) => counters.increment('errorsDetected', name, { detector: 'log' });
  return { ...counters, signal };
}

describe('the series of a container', () => {
  it('stay while the container exists, and for an hour after it was last listed', async () => {
    const { signal, listed, producer } = create();
    const page = producer();
    signal('web');
    signal('job');
    listed(['web', 'job'], 0);
    listed(['web'], 1_000);
    listed(['web'], HOUR_MS);
    expect(await signals(page)).toEqual({ web: 1, job: 1 });
    listed(['web'], HOUR_MS + 1_000);
    expect(await signals(page)).toEqual({ web: 1 });
    listed(['web'], 100 * HOUR_MS);
    expect(await signals(page)).toEqual({ web: 1 });
  });

  it('stay if the container was recreated within the hour', async () => {
    const { signal, listed, producer } = create();
    const page = producer();
    signal('web');
    listed([], 0);
    listed(['web'], HOUR_MS - 1);
    listed([], HOUR_MS + 1);
    expect(await signals(page)).toEqual({ web: 1 });
  });

  it('stay while the containers cannot be listed, for any length of time', async () => {
    const { signal, listed, producer } = create();
    const page = producer();
    signal('web');
    listed([], 0);
    expect(await signals(page)).toEqual({ web: 1 });
    listed(['web'], 5 * HOUR_MS);
    expect(await signals(page)).toEqual({ web: 1 });
  });

  it('start again at zero after they were dropped', async () => {
    const { signal, listed, producer } = create();
    const page = producer();
    for (let i = 0; i < 5; i++) signal('web');
    listed([], 0);
    listed([], HOUR_MS);
    signal('web');
    expect(await signals(page)).toEqual({ web: 1 });
  });

  it('make room for another container when they are dropped', async () => {
    const { signal, listed, producer } = create();
    const page = producer();
    for (let i = 0; i < 200; i++) signal(`job-${i}`);
    signal('web');
    expect(await signals(page)).toMatchObject({ _OTHER: 1 });
    listed(['web'], 0);
    listed(['web'], HOUR_MS);
    signal('web');
    expect(await signals(page)).toEqual({ web: 1, _OTHER: 1 });
  });
});

describe('with delta temporality', () => {
  it('each reader gets the increase since its own last collection', async () => {
    const { signal, producer } = create();
    const [first, second] = [producer(AggregationTemporality.DELTA), producer(AggregationTemporality.DELTA)];
    signal('web');
    expect(await signals(first)).toEqual({ web: 1 });
    signal('web');
    signal('web');
    expect(await signals(first)).toEqual({ web: 2 });
    expect(await signals(first)).toEqual({});
    expect(await signals(second)).toEqual({ web: 3 });
  });
});
