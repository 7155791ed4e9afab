/** The common parts of both dashboards: variables, annotations and links. */
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { type Link, PROMETHEUS, traces } from './links.ts';
import { ofContainers, positiveIncreaseBy } from './queries.ts';

/** Creates a dashboard with the common parts. `rows`: the panels of each row, by its title. */
export function createDashboard(options: {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly from: string;
  readonly other: Link;
  readonly rows: Readonly<Record<string, readonly Builder<dashboard.Panel>[]>>;
}): dashboard.DashboardBuilder {
  const board = new dashboard.DashboardBuilder(options.title)
    .uid(options.uid)
    .description(options.description)
    .tags(['container-doctor'])
    .timezone('browser')
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .time({ from: options.from, to: 'now' })
    .refresh('30s')
    .readonly()
    .variables(variables())
    .annotation(
      shown(
        new dashboard.AnnotationQueryBuilder()
          .name('Restarts')
          .datasource(PROMETHEUS)
          .enable(true)
          .iconColor('orange')
          .expr(positiveIncreaseBy('container_name, outcome', ofContainers('container_doctor_restarts_total')).expr)
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
    labelValues('instance', 'Agent', 'label_values(container_doctor_build_info, instance)'),
    labelValues(
      'container',
      'Container',
      'label_values(container_doctor_errors_detected_total{instance=~"$instance"}, container_name)',
    ),
    new dashboard.DatasourceVariableBuilder('traces').label('Traces').type('jaeger'),
    new dashboard.TextBoxVariableBuilder('doctor_url')
      .label('URL of the agent')
      .description('Used for links to /history.')
      .defaultValue('http://127.0.0.1:8080')
      .current({ text: 'http://127.0.0.1:8080', value: 'http://127.0.0.1:8080' }),
  ];
}

function dashboardLink({ title, url }: Link, options: { readonly keep?: boolean } = {}) {
  return shown(
    new dashboard.DashboardLinkBuilder(title)
      .type(dashboard.DashboardLinkType.Link)
      .icon(options.keep ? 'dashboard' : 'external link')
      .url(url)
      .targetBlank(!options.keep)
      .keepTime(options.keep ?? false)
      .includeVars(options.keep ?? false),
  );
}

/** By default the SDK moves links and annotations into a menu. */
function shown<T extends { placement?: unknown }>(builder: Builder<T>): Builder<T> {
  return {
    build() {
      const { placement: _, ...rest } = builder.build();
      return rest as T;
    },
  };
}
