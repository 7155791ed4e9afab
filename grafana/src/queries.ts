/** PromQL as both dashboards use it. */

/** Every query is limited to the doctors chosen, and those with a container to the containers chosen. */
const SCOPE = 'instance=~"$instance"';
const CONTAINERS = 'container_name=~"$container"';

/** A series of one doctor, or of several. `labels`: further matchers, `job="x"`. */
export function of(metric: string, ...labels: readonly string[]): string {
  return `${metric}{${[SCOPE, ...labels].join(', ')}}`;
}

/** A series that bears a container's name. */
export function ofContainers(metric: string, ...labels: readonly string[]): string {
  return of(metric, CONTAINERS, ...labels);
}

/** A range of PromQL, and how many seconds it is. */
export interface Range {
  readonly text: string;
  readonly seconds: string;
}

export const DAY: Range = { text: '24h', seconds: '86400' };
/** From one point of a graph to the next, as Grafana chooses it. */
export const STEP: Range = { text: '$__rate_interval', seconds: '$__rate_interval_ms / 1000' };

/**
 * How much a counter grew. A series that bears a container's name begins with that container's first trouble, and
 * `increase()` sees nothing of a series' first value: a series that began within the range counts whole. Not one
 * that merely was not scraped for a while: the doctor must have been seen before the range, or have begun in it.
 */
export function grew(selector: string, { text, seconds }: Range): string {
  const began = `${of('process_start_time_seconds')} > time() - ${seconds}`;
  const seen = `${of('container_doctor_build_info')} offset ${text}`;
  const born = `(${selector} unless ${selector} offset ${text}) and on (instance) (${began} or ${seen})`;
  return `(${born} or increase(${selector}[${text}]))`;
}

export const perSecond = (selector: string): string => `rate(${selector}[$__rate_interval])`;

export const sumBy = (labels: string, vector: string): string => `sum by (${labels}) (${vector})`;

/** A quantile of a histogram, seconds; `by` keeps series apart. */
export function quantile(q: number, bucket: string, by = ''): string {
  return `histogram_quantile(${q}, ${sumBy(by === '' ? 'le' : `le, ${by}`, perSecond(bucket))})`;
}

/** `metric` as a share of `whole`, where there is one. */
export const share = (metric: string, whole: string): string => `${of(metric)} / (${of(whole)} > 0)`;

/** One query of a panel, with the names of its lines. */
export interface Query {
  readonly expr: string;
  readonly legend?: string;
}

/** Grafana puts labels in: `{{a}} {{b}}`. */
const named = (labels: string): string =>
  labels
    .split(', ')
    .map((label) => `{{${label}}}`)
    .join(' ');

/** A line for each combination of `labels`. */
export const by = (labels: string, vector: string): Query => ({ expr: sumBy(labels, vector), legend: named(labels) });

/** How much each grew from one point of a graph to the next. */
export const grewBy = (labels: string, selector: string): Query => by(labels, grew(selector, STEP));

/** The same without what did not grow. */
export function countedBy(labels: string, selector: string): Query {
  const { expr, legend } = grewBy(labels, selector);
  return { expr: `${expr} > 0`, legend };
}

export const p95By = (label: string, bucket: string): Query => ({
  expr: quantile(0.95, bucket, label),
  legend: named(label),
});
