/** What both dashboards have: variables, annotations, links to each other and away. */
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { type Link, PROMETHEUS, traces } from './links.ts';
import { countedBy, ofContainers } from './queries.ts';

/** A dashboard with the variables, annotations and links that both have. `rows`: panels by the title of their row. */
export function doctorDashboard(options: {
  readonly uid: string;
  readonly title: string;
  readonly about: string;
  readonly from: string;
  readonly other: Link;
  readonly rows: Readonly<Record<string, readonly Builder<dashboard.Panel>[]>>;
}): dashboard.DashboardBuilder {
  const board = new dashboard.DashboardBuilder(options.title)
    .uid(options.uid)
    .description(options.about)
    .tags(['container-doctor'])
    .timezone('browser')
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .time({ from: options.from, to: 'now' })
    .refresh('30s')
    .readonly()
    .variables(variables())
    .annotation(
      inSight(
        new dashboard.AnnotationQueryBuilder()
          .name('Restarts')
          .datasource(PROMETHEUS)
          .enable(true)
          .iconColor('orange')
          .expr(countedBy('container_name, outcome', ofContainers('container_doctor_restarts_total')).expr)
          .titleFormat('{{container_name}} was restarted')
          .textFormat('{{outcome}}'),
      ),
    )
    .link(dashboardLink(options.other, { keep: true }))
    .link(dashboardLink({ title: 'Traces', url: traces('') }))
    .link(dashboardLink({ title: 'History', url: `\${doctor_url}/history` }));
  for (const [title, panels] of Object.entries(options.rows)) {
    board.withRow(new dashboard.RowBuilder(title));
    for (const panel of panels) board.withPanel(panel);
  }
  return board;
}

function variables(): Builder<dashboard.VariableModel>[] {
  const all = { text: 'All', value: '$__all', selected: true };
  const labelValues = (name: string, label: string, query: string) =>
    new dashboard.QueryVariableBuilder(name)
      .label(label)
      .datasource(PROMETHEUS)
      .query({ query, refId: name })
      .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
      .sort(dashboard.VariableSort.AlphabeticalAsc)
      .multi(true)
      .includeAll(true)
      .allValue('.*')
      .current(all);
  return [
    new dashboard.DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'),
    labelValues('instance', 'Doctor', 'label_values(container_doctor_build_info, instance)'),
    labelValues(
      'container',
      'Container',
      'label_values(container_doctor_errors_detected_total{instance=~"$instance"}, container_name)',
    ),
    new dashboard.DatasourceVariableBuilder('traces').label('Traces').type('jaeger'),
    new dashboard.TextBoxVariableBuilder('doctor_url')
      .label('Doctor in your browser')
      .description('Where links to /history lead.')
      .defaultValue('http://127.0.0.1:8080')
      .current({ text: 'http://127.0.0.1:8080', value: 'http://127.0.0.1:8080' }),
  ];
}

function dashboardLink({ title, url }: Link, options: { readonly keep?: boolean } = {}) {
  return inSight(
    new dashboard.DashboardLinkBuilder(title)
      .type(dashboard.DashboardLinkType.Link)
      .icon(options.keep ? 'dashboard' : 'external link')
      .url(url)
      .targetBlank(!options.keep)
      .keepTime(options.keep ?? false)
      .includeVars(options.keep ?? false),
  );
}

/** The SDK's default hides links and annotations in a menu. */
function inSight<T extends { placement?: unknown }>(builder: Builder<T>): Builder<T> {
  return {
    build() {
      const { placement: _, ...shown } = builder.build();
      return shown as T;
    },
  };
}
