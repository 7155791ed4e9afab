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

export const sumBy = (labels: string, vector: string): string => `sum by (${labels}) (${vector})`;

/** A quantile of a histogram, seconds; `by` keeps series apart. */
export function quantile(q: number, bucket: string, by = ''): string {
  const labels = by === '' ? 'le' : `le, ${by}`;
  return `histogram_quantile(${q}, ${sumBy(labels, `rate(${bucket}[$__rate_interval])`)})`;
}
