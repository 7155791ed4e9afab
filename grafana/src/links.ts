/** Data sources, dashboards, and links from panels. */

/** Never change these: links, bookmarks and provisioning refer to them. */
export const UIDS = { overview: 'container-doctor-overview', detail: 'container-doctor-detail' } as const;

export const PROMETHEUS = { type: 'prometheus', uid: `\${datasource}` } as const;
export const TRACES = { type: 'jaeger', uid: `\${traces}` } as const;

export interface Link {
  readonly title: string;
  readonly url: string;
}

/** For panels by `container_name`: links to the container's traces, history and details. */
export const CONTAINER_LINKS: readonly Link[] = [
  {
    title: `Traces of \${__field.labels.container_name}`,
    url: traces(`container.name=\${__field.labels.container_name}`),
  },
  {
    title: `History of \${__field.labels.container_name}`,
    url: `\${doctor_url}/history?container=\${__field.labels.container_name:percentencode}`,
  },
  {
    title: `Details of \${__field.labels.container_name}`,
    url: `/d/${UIDS.detail}?var-container=\${__field.labels.container_name:percentencode}&\${datasource:queryparam}&\${instance:queryparam}&\${__url_time_range}`,
  },
];

/** For panels without `container_name`. */
export const INCIDENT_LINKS: readonly Link[] = [
  { title: 'Traces', url: traces('') },
  { title: 'History', url: `\${doctor_url}/history` },
];

/**
 * Returns the URL of Explore with a search for incident traces in the displayed time range. `tags`: `key=value`, or
 * empty for all. Grafana replaces variables before it decodes the URL, so variables must not be encoded.
 */
export function traces(tags: string): string {
  const query = { refId: 'A', datasource: TRACES, queryType: 'search', service: 'container-doctor', limit: 50, tags };
  const panes = { a: { datasource: TRACES.uid, queries: [query], range: { from: `\${__from}`, to: `\${__to}` } } };
  const text = encodeURIComponent(JSON.stringify(panes));
  return `/explore?schemaVersion=1&panes=${text.replaceAll(/%24%7B([\w.]+)%7D/g, (_, name) => `\${${name}}`)}`;
}
