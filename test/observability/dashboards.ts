/** Reads the dashboard files. */
import { readRepositoryFile } from '../deploy/compose-file.ts';

interface PanelJson {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly panels?: readonly PanelJson[];
  readonly targets?: readonly { readonly expr?: string }[];
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit?: string;
      readonly thresholds?: { readonly steps: readonly unknown[] };
      readonly links?: readonly { readonly title: string; readonly url: string }[];
    };
  };
}

interface DashboardJson {
  readonly uid: string;
  readonly panels: readonly PanelJson[];
  readonly links: readonly { readonly title: string; readonly url: string }[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr?: string }[] };
}

export interface Panel extends PanelJson {
  /** PromQL. */
  readonly queries: readonly string[];
}

type DashboardName = 'overview' | 'detail';

export function readDashboard(name: DashboardName): DashboardJson {
  return JSON.parse(readRepositoryFile(`grafana/dashboards/${name}.json`));
}

/** All panels except rows, including those in collapsed rows. Panels without PromQL only with `all`. */
export function panelsOf(name: DashboardName, options: { readonly all?: boolean } = {}): readonly Panel[] {
  const flat = (panels: readonly PanelJson[]): readonly PanelJson[] =>
    panels.flatMap((panel) => (panel.type === 'row' ? flat(panel.panels ?? []) : [panel]));
  return flat(readDashboard(name).panels)
    .map((panel) => ({
      ...panel,
      queries: (panel.targets ?? []).flatMap(({ expr }) => (expr === undefined ? [] : [expr])),
    }))
    .filter((panel) => options.all || panel.queries.length > 0);
}
