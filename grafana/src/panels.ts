/** Creates panels with a unit, thresholds, a description and links. */
import * as bargauge from '@grafana/grafana-foundation-sdk/bargauge';
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import { type Link, PROMETHEUS, TRACES } from './links.ts';
import type { Query } from './queries.ts';

export type Step = readonly [from: number | null, color: 'green' | 'yellow' | 'orange' | 'red' | 'blue' | 'text'];

interface PanelOptions {
  readonly title: string;
  /** What the panel shows, and what a bad value means. */
  readonly description: string;
  readonly unit: string;
  /** The first step is the base. Default: one neutral color. */
  readonly steps?: readonly Step[];
  readonly width?: number;
  readonly links?: readonly Link[];
  readonly decimals?: number;
}

const NEUTRAL: readonly Step[] = [[null, 'blue']];

/** Green below the first of these values. */
export function worseFrom(...steps: readonly Step[]): readonly Step[] {
  return [[null, 'green'], ...steps];
}
export const redFrom = (value: number): readonly Step[] => worseFrom([value, 'red']);

/** Red below the first of these values. */
export function betterFrom(...steps: readonly Step[]): readonly Step[] {
  return [[null, 'red'], ...steps];
}
export const greenFrom = (value: number): readonly Step[] => betterFrom([value, 'green']);

/** Texts to show for the values 1 and 0. */
interface ValueTexts {
  readonly one: string;
  readonly zero: string;
}

export function statPanel(
  options: PanelOptions & { readonly expr: string; readonly texts?: ValueTexts; readonly sparkline?: boolean },
): Builder<dashboard.Panel> {
  const panel = new stat.PanelBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(PROMETHEUS)
    .span(options.width ?? 4)
    .height(4)
    .unit(options.unit)
    .thresholds(thresholds(options.steps))
    .colorMode(options.steps === undefined ? common.BigValueColorMode.Value : common.BigValueColorMode.Background)
    .graphMode(options.sparkline ? common.BigValueGraphMode.Area : common.BigValueGraphMode.None)
    .reduceOptions(lastValue())
    .dataLinks(dataLinks(options.links))
    .withTarget(promql({ expr: options.expr }, 'A').instant());
  if (options.sparkline) panel.targets([promql({ expr: options.expr }, 'A').range()]);
  if (options.decimals !== undefined) panel.decimals(options.decimals);
  if (options.texts !== undefined) panel.mappings([valueMapping(options.texts)]);
  return panel;
}

interface SeriesOptions extends PanelOptions {
  readonly queries: readonly Query[];
  readonly max?: number;
}

/** A time series with bars, for counts. */
export function countPanel(options: Omit<SeriesOptions, 'unit'>): Builder<dashboard.Panel> {
  return seriesPanel({ ...options, unit: 'short', bars: true });
}

/** A time series with lines, for measurements. */
export function seriesPanel(options: SeriesOptions & { readonly bars?: boolean }): Builder<dashboard.Panel> {
  const panel = new timeseries.PanelBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(PROMETHEUS)
    .span(options.width ?? 8)
    .height(8)
    .unit(options.unit)
    .min(0)
    .thresholds(thresholds(options.steps))
    .colorScheme(new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.PaletteClassicByName))
    .drawStyle(options.bars ? common.GraphDrawStyle.Bars : common.GraphDrawStyle.Line)
    .fillOpacity(options.bars ? 70 : 10)
    .lineWidth(options.bars ? 0 : 1)
    .showPoints(common.VisibilityMode.Never)
    .legend(
      new common.VizLegendOptionsBuilder()
        .displayMode(common.LegendDisplayMode.List)
        .placement(common.LegendPlacement.Bottom)
        .showLegend(true),
    )
    .tooltip(
      new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending),
    )
    .dataLinks(dataLinks(options.links))
    .targets(options.queries.map((query, i) => promql(query, refId(i)).range()));
  if (options.bars) panel.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'));
  if (options.steps !== undefined && options.steps.length > 1) {
    panel.thresholdsStyle(new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed));
  }
  if (options.max !== undefined) panel.max(options.max);
  if (options.decimals !== undefined) panel.decimals(options.decimals);
  return panel;
}

/** Horizontal bars, for a ranking. */
export function barPanel(options: PanelOptions & Query & { readonly max?: number }): Builder<dashboard.Panel> {
  const panel = new bargauge.PanelBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(PROMETHEUS)
    .span(options.width ?? 8)
    .height(8)
    .unit(options.unit)
    .min(0)
    .thresholds(thresholds(options.steps))
    .orientation(common.VizOrientation.Horizontal)
    .displayMode(common.BarGaugeDisplayMode.Gradient)
    .reduceOptions(lastValue())
    .dataLinks(dataLinks(options.links))
    .withTarget(promql(options, 'A').instant());
  if (options.max !== undefined) panel.max(options.max);
  if (options.decimals !== undefined) panel.decimals(options.decimals);
  return panel;
}

/** A table of the latest traces in the trace store. Each row links to its trace. */
export function tracesPanel(options: {
  readonly title: string;
  readonly description: string;
}): Builder<dashboard.Panel> {
  return new table.PanelBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(TRACES)
    .span(24)
    .height(10)
    .unit('short')
    .thresholds(thresholds(NEUTRAL))
    .withTarget({
      build: () =>
        ({
          refId: 'A',
          datasource: TRACES,
          queryType: 'search',
          service: 'container-doctor',
          limit: 50,
          _implementsDataqueryVariant: () => {},
        }) as never,
    });
}

export function collapsedRow(title: string, panels: readonly Builder<dashboard.Panel>[]): dashboard.RowBuilder {
  const row = new dashboard.RowBuilder(title).collapsed(true);
  for (const panel of panels) row.withPanel(panel);
  return row;
}

function promql({ expr, legend }: Query, ref: string): DataqueryBuilder {
  const query = new DataqueryBuilder().refId(ref).datasource(PROMETHEUS).expr(expr);
  return legend === undefined ? query : query.legendFormat(legend);
}

const refId = (i: number): string => String.fromCharCode('A'.charCodeAt(0) + i);

function thresholds(steps: readonly Step[] = NEUTRAL): Builder<dashboard.ThresholdsConfig> {
  return new dashboard.ThresholdsConfigBuilder()
    .mode(dashboard.ThresholdsMode.Absolute)
    .steps(steps.map(([value, color]) => ({ value, color })));
}

const lastValue = () => new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false);

function valueMapping({ one, zero }: ValueTexts): dashboard.ValueMapping {
  const options = { 0: { text: zero, index: 1 }, 1: { text: one, index: 0 } };
  return { type: dashboard.MappingType.ValueToText, options };
}

/** The SDK's link builder adds fields that only links of dashboards have. */
function dataLinks(links: readonly Link[] = []): Builder<dashboard.DashboardLink>[] {
  return links.map(({ title, url }) => ({
    build: () => ({ title, url, targetBlank: true }) as dashboard.DashboardLink,
  }));
}
