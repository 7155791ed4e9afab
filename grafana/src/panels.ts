/** Panels: each with a unit, thresholds, a description and links. */

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
  /** What it tells, and what to think when it looks bad. */
  readonly about: string;
  readonly unit: string;
  /** The first step is the base. Default: nothing in it is good or bad by itself. */
  readonly steps?: readonly Step[];
  readonly width?: number;
  readonly links?: readonly Link[];
  readonly decimals?: number;
}

const NEUTRAL: readonly Step[] = [[null, 'blue']];

/** Green from the bottom up; from each of these values on another colour. */
export function worseFrom(...steps: readonly Step[]): readonly Step[] {
  return [[null, 'green'], ...steps];
}
export const redFrom = (value: number): readonly Step[] => worseFrom([value, 'red']);

/** Red from the bottom up; from each of these values on another colour. */
export function betterFrom(...steps: readonly Step[]): readonly Step[] {
  return [[null, 'red'], ...steps];
}
export const greenFrom = (value: number): readonly Step[] => betterFrom([value, 'green']);

/** `1` and `0` in words. */
export interface Words {
  readonly one: string;
  readonly zero: string;
}

export function statPanel(
  options: PanelOptions & { readonly expr: string; readonly words?: Words; readonly spark?: boolean },
): Builder<dashboard.Panel> {
  const panel = new stat.PanelBuilder()
    .title(options.title)
    .description(options.about)
    .datasource(PROMETHEUS)
    .span(options.width ?? 4)
    .height(4)
    .unit(options.unit)
    .thresholds(thresholds(options.steps))
    .colorMode(options.steps === undefined ? common.BigValueColorMode.Value : common.BigValueColorMode.Background)
    .graphMode(options.spark ? common.BigValueGraphMode.Area : common.BigValueGraphMode.None)
    .reduceOptions(lastValue())
    .dataLinks(dataLinks(options.links))
    .withTarget(promql({ expr: options.expr }, 'A').instant());
  if (options.spark) panel.targets([promql({ expr: options.expr }, 'A').range()]);
  if (options.decimals !== undefined) panel.decimals(options.decimals);
  if (options.words !== undefined) panel.mappings([inWords(options.words)]);
  return panel;
}

interface SeriesOptions extends PanelOptions {
  readonly queries: readonly Query[];
  readonly max?: number;
}

/** Bars, for what is counted. */
export function countPanel(options: Omit<SeriesOptions, 'unit'>): Builder<dashboard.Panel> {
  return seriesPanel({ ...options, unit: 'short', bars: true });
}

/** Lines, for what is measured. */
export function seriesPanel(options: SeriesOptions & { readonly bars?: boolean }): Builder<dashboard.Panel> {
  const panel = new timeseries.PanelBuilder()
    .title(options.title)
    .description(options.about)
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

/** The most of something, as bars. */
export function barPanel(options: PanelOptions & Query & { readonly max?: number }): Builder<dashboard.Panel> {
  const panel = new bargauge.PanelBuilder()
    .title(options.title)
    .description(options.about)
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

/** The latest incidents' traces, each row a link to its trace: what the trace store itself answers. */
export function tracesPanel(options: { readonly title: string; readonly about: string }): Builder<dashboard.Panel> {
  return new table.PanelBuilder()
    .title(options.title)
    .description(options.about)
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

export function foldedRow(title: string, panels: readonly Builder<dashboard.Panel>[]): dashboard.RowBuilder {
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

function inWords({ one, zero }: Words): dashboard.ValueMapping {
  const options = { 0: { text: zero, index: 1 }, 1: { text: one, index: 0 } };
  return { type: dashboard.MappingType.ValueToText, options };
}

/** The SDK's builder of links adds a dozen fields that only dashboards' own links have. */
function dataLinks(links: readonly Link[] = []): Builder<dashboard.DashboardLink>[] {
  return links.map(({ title, url }) => ({
    build: () => ({ title, url, targetBlank: true }) as dashboard.DashboardLink,
  }));
}
