/**
 * Counters labelled with a container's name. The OpenTelemetry SDK keeps every series for the lifetime of the process.
 * So these are counted here and passed to the metric readers as an additional MetricProducer, and the series of a
 * removed container can be dropped.
 */
import { type Attributes, type HrTime, ValueType } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type MetricProducer,
  type ScopeMetrics,
  type SumMetricData,
} from '@opentelemetry/sdk-metrics';
import { CONTAINER_COUNTERS } from './counters.ts';
import { OTHER } from './names.ts';

type ContainerCounter = keyof typeof CONTAINER_COUNTERS;

export interface ContainerCounters {
  /** Adds 1. `labels`: all but the container's name. */
  increment(counter: ContainerCounter, containerName: string, labels: Readonly<Record<string, string>>): void;
  /**
   * Drops the series of containers that have been missing from the engine's listings for KEEP_MS. Call it after each
   * listing. It is the only place where series are dropped: nothing is dropped while the engine cannot be listed.
   * `existing`: the names of all containers, stopped and unwatched ones too. `at`: monotonic, ms.
   */
  listed(existing: Iterable<string>, at: number): void;
  /** A producer for one metric reader. A second reader needs its own, because deltas are per reader. */
  producer(temporality?: AggregationTemporality): MetricProducer;
}

/**
 * How long the series of a removed container stay. An hour covers a deployment that recreates the container under the
 * same name (its counters then continue), and it is the range over which the alert rules compute increase().
 */
const KEEP_MS = 60 * 60_000;

/** The most container names with their own series. Further containers are counted together as `_OTHER`. */
const MAX_CONTAINERS = 200;

interface Series {
  readonly counter: ContainerCounter;
  readonly attributes: Attributes;
  readonly startTime: HrTime;
  value: number;
}

interface Container {
  readonly series: Map<string, Series>;
  /** When a listing first lacked the container; monotonic, ms. Absent while it is listed. */
  missingSince?: number;
}

/** `scope`: the instrumentation scope under which the counters are exported. */
export function createContainerCounters(scope: ScopeMetrics['scope']): ContainerCounters {
  const containers = new Map<string, Container>();
  const other: Container = { series: new Map() };

  /** No container can be called `_OTHER`, because Docker requires names to begin with a letter or digit. */
  const find = (name: string): readonly [string, Container] => {
    let container = containers.get(name);
    if (container === undefined) {
      if (containers.size >= MAX_CONTAINERS) return [OTHER, other];
      container = { series: new Map() };
      containers.set(name, container);
    }
    return [name, container];
  };

  const seriesOf = (counter: ContainerCounter): Series[] =>
    [...containers.values(), other]
      .flatMap(({ series }) => [...series.values()])
      .filter((series) => series.counter === counter);

  return {
    increment(counter, containerName, labels) {
      const [name, { series }] = find(containerName);
      const key = [counter, ...Object.values(labels)].join('/');
      let one = series.get(key);
      if (one === undefined) {
        one = { counter, attributes: { 'container.name': name, ...labels }, startTime: hrTime(), value: 0 };
        series.set(key, one);
      }
      one.value += 1;
    },

    listed(existing, at) {
      if (containers.size === 0) return;
      const names = new Set(existing);
      for (const [name, container] of containers) {
        if (names.has(name)) container.missingSince = undefined;
        else container.missingSince ??= at;
        if (container.missingSince !== undefined && at - container.missingSince >= KEEP_MS) containers.delete(name);
      }
    },

    producer(temporality = AggregationTemporality.CUMULATIVE) {
      const points =
        temporality === AggregationTemporality.DELTA ? createDeltaPoints() : (series: Series[]) => series.map(toPoint);
      return {
        async collect() {
          const metrics = Object.entries(CONTAINER_COUNTERS).map(
            ([counter, { name, unit, description }]): SumMetricData => ({
              descriptor: { name, unit, description, valueType: ValueType.INT },
              aggregationTemporality: temporality,
              dataPointType: DataPointType.SUM,
              isMonotonic: true,
              dataPoints: points(seriesOf(counter as ContainerCounter)),
            }),
          );
          const scopeMetrics = [{ scope, metrics: metrics.filter(({ dataPoints }) => dataPoints.length > 0) }];
          return { resourceMetrics: { resource: resourceFromAttributes({}), scopeMetrics }, errors: [] };
        },
      };
    },
  };
}

function toPoint({ attributes, startTime, value }: Series): DataPoint<number> {
  return { attributes, startTime, endTime: hrTime(), value };
}

/** Returns a function that creates a point for each series that grew since the previous call, with the growth. */
function createDeltaPoints(): (series: Series[]) => DataPoint<number>[] {
  const reported = new WeakMap<Series, DataPoint<number>>();
  return (series) =>
    series.flatMap((one) => {
      const total = toPoint(one);
      const last = reported.get(one);
      reported.set(one, total);
      if (last === undefined) return [total];
      return total.value > last.value ? [{ ...total, startTime: last.endTime, value: total.value - last.value }] : [];
    });
}

function hrTime(): HrTime {
  const ms = Date.now();
  return [Math.floor(ms / 1_000), (ms % 1_000) * 1_000_000];
}
