/** PromQL for both dashboards. */

/** All queries are limited to the selected agents, and queries by container also to the selected containers. */
const SCOPE = 'instance=~"$instance"';
const CONTAINERS = 'container_name=~"$container"';

/** Selects a metric of the selected agents. `labels`: further matchers, such as `job="x"`. */
export function of(metric: string, ...labels: readonly string[]): string {
  return `${metric}{${[SCOPE, ...labels].join(', ')}}`;
}

/** Selects a metric of the selected containers. */
export function ofContainers(metric: string, ...labels: readonly string[]): string {
  return of(metric, CONTAINERS, ...labels);
}

/** A PromQL range, and its length in seconds. */
interface Range {
  readonly text: string;
  readonly seconds: string;
}

export const DAY: Range = { text: '24h', seconds: '86400' };
/** The interval between two points of a graph, chosen by Grafana. */
const STEP: Range = { text: '$__rate_interval', seconds: '$__rate_interval_ms / 1000' };

/**
 * The increase of a counter. The series of a container begins with its first event, and `increase()` ignores the first
 * value of a series. Therefore a series that began within the range counts with its full value. A series that was
 * merely not scraped for a while does not: the agent must have been scraped before the range, or have started in it.
 */
export function increaseOf(selector: string, { text, seconds }: Range): string {
  const agentStarted = `${of('process_start_time_seconds')} > time() - ${seconds}`;
  const agentScraped = `${of('container_doctor_build_info')} offset ${text}`;
  const newSeries = `(${selector} unless ${selector} offset ${text}) and on (instance) (${agentStarted} or ${agentScraped})`;
  return `(${newSeries} or increase(${selector}[${text}]))`;
}

export const perSecond = (selector: string): string => `rate(${selector}[$__rate_interval])`;

export const sumBy = (labels: string, vector: string): string => `sum by (${labels}) (${vector})`;

/** A quantile of a histogram in seconds, for each value of the label `by`. */
export function quantile(q: number, bucket: string, by = ''): string {
  return `histogram_quantile(${q}, ${sumBy(by === '' ? 'le' : `le, ${by}`, perSecond(bucket))})`;
}

/** `metric` divided by `whole`; no result if `whole` is 0. */
export const share = (metric: string, whole: string): string => `${of(metric)} / (${of(whole)} > 0)`;

/** A query of a panel. `legend`: template for the names of its series. */
export interface Query {
  readonly expr: string;
  readonly legend?: string;
}

/** A legend with the values of these labels: `{{a}} {{b}}`. */
const legendOf = (labels: string): string =>
  labels
    .split(', ')
    .map((label) => `{{${label}}}`)
    .join(' ');

/** A series for each combination of `labels`. */
export const by = (labels: string, vector: string): Query => ({
  expr: sumBy(labels, vector),
  legend: legendOf(labels),
});

/** The increase between two points of a graph. */
export const increaseBy = (labels: string, selector: string): Query => by(labels, increaseOf(selector, STEP));

/** Like `increaseBy`, without series that did not increase. */
export function positiveIncreaseBy(labels: string, selector: string): Query {
  const { expr, legend } = increaseBy(labels, selector);
  return { expr: `${expr} > 0`, legend };
}

export const p95By = (label: string, bucket: string): Query => ({
  expr: quantile(0.95, bucket, label),
  legend: legendOf(label),
});
