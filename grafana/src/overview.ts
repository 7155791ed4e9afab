/** The overview dashboard: shows at a glance whether there is a problem. */
import { createDashboard } from './frame.ts';
import { CONTAINER_LINKS, INCIDENT_LINKS, UIDS } from './links.ts';
import {
  barPanel,
  betterFrom,
  collapsedRow,
  countPanel,
  greenFrom,
  redFrom,
  statPanel,
  tracesPanel,
  worseFrom,
} from './panels.ts';
import { DAY, increaseOf, of, ofContainers, positiveIncreaseBy, share, sumBy } from './queries.ts';

/** Thresholds for the remaining share of a limit: red if it is nearly used up. */
const REMAINING = betterFrom([0.1, 'orange'], [0.25, 'green']);

const inDay = (selector: string) => `sum(${increaseOf(selector, DAY)})`;

const attempts = (...labels: readonly string[]) => ofContainers('container_doctor_restarts_total', ...labels);

export const overview = () =>
  createDashboard({
    uid: UIDS.overview,
    title: 'Container Doctor: overview',
    description: 'State of the agent, incidents, restarts and cost.',
    from: 'now-6h',
    other: { title: 'Detail', url: `/d/${UIDS.detail}` },
    rows: {
      'Agent health': agentHealth(),
      Incidents: incidents(),
      'Claude: cost and limits': claude(),
    },
  }).withRow(
    collapsedRow('Latest traces (needs a Jaeger data source)', [
      tracesPanel({
        title: 'Latest incidents',
        description: 'One trace per incident, newest first. Click a trace to see each step. Empty if traces are off.',
      }),
    ]),
  );

const agentHealth = () => [
  statPanel({
    title: 'Agent',
    description: 'Whether Prometheus can scrape the agent. Down: your containers are not watched.',
    expr: 'min(up{job="container-doctor", instance=~"$instance"})',
    unit: 'none',
    texts: { one: 'up', zero: 'DOWN' },
    steps: greenFrom(1),
  }),
  statPanel({
    title: 'Engine',
    description: 'Whether the Docker engine answers. Down: the agent receives neither logs nor events.',
    expr: `min(${of('container_doctor_docker_connected')})`,
    unit: 'none',
    texts: { one: 'connected', zero: 'DOWN' },
    steps: greenFrom(1),
  }),
  statPanel({
    title: 'Heartbeat',
    description:
      'Time since the containers were last checked, which happens every CHECK_INTERVAL (10 s). More than two minutes: the agent has stalled.',
    expr: `max(time() - ${of('container_doctor_heartbeat_timestamp_seconds')})`,
    unit: 's',
    decimals: 0,
    steps: worseFrom([60, 'yellow'], [120, 'red']),
  }),
  statPanel({
    title: 'Store',
    description: 'Whether the agent can write its database. Failed: it restarts nothing.',
    expr: `min(${of('container_doctor_store_healthy')})`,
    unit: 'none',
    texts: { one: 'writable', zero: 'FAILED' },
    steps: greenFrom(1),
  }),
  statPanel({
    title: 'Alerts waiting',
    description: 'Alerts that are not delivered yet. If several wait for a long time, Slack does not accept them.',
    expr: `sum(${of('container_doctor_outbox_pending')})`,
    unit: 'short',
    steps: worseFrom([1, 'yellow'], [10, 'red']),
    links: INCIDENT_LINKS,
  }),
  statPanel({
    title: 'Containers watched',
    description: 'Number of watched containers. If it is lower than expected, see missing_targets in /health.',
    expr: `sum(${of('container_doctor_containers_watched')})`,
    unit: 'short',
    steps: [
      [null, 'orange'],
      [1, 'green'],
    ],
  }),
];

const incidents = () => [
  statPanel({
    title: 'Open incidents',
    description: 'Incidents that are not resolved.',
    expr: `sum(${of('container_doctor_incidents_open')})`,
    unit: 'short',
    steps: worseFrom([1, 'orange'], [5, 'red']),
    sparkline: true,
    width: 6,
    links: INCIDENT_LINKS,
  }),
  statPanel({
    title: 'High severity, 24 h',
    description: 'Incidents that were diagnosed as high severity in the last 24 hours.',
    expr: inDay(ofContainers('container_doctor_incidents_total', 'severity="high"')),
    unit: 'short',
    decimals: 0,
    steps: redFrom(1),
    width: 6,
    links: INCIDENT_LINKS,
  }),
  statPanel({
    title: 'Successful restarts, 24 h',
    description:
      'Share of the restarts in the last 24 hours after which the container recovered. Without restarts: no data.',
    expr: `${inDay(attempts('outcome="recovered"'))} / (${inDay(attempts())} > 0)`,
    unit: 'percentunit',
    decimals: 0,
    steps: betterFrom([0.5, 'orange'], [0.9, 'green']),
    width: 6,
    links: INCIDENT_LINKS,
  }),
  statPanel({
    title: 'Alerts dropped, 24 h',
    description: 'Alerts dropped in the last 24 hours: rejected permanently, older than a day, or too many.',
    expr: inDay(of('container_doctor_notifications_total', 'outcome="dropped"')),
    unit: 'short',
    decimals: 0,
    steps: redFrom(1),
    width: 6,
    links: INCIDENT_LINKS,
  }),
  countPanel({
    title: 'Incidents by container',
    description: 'Diagnosed incidents by container and severity.',
    queries: [positiveIncreaseBy('container_name, severity', ofContainers('container_doctor_incidents_total'))],
    width: 12,
    links: CONTAINER_LINKS,
  }),
  barPanel({
    title: 'Most incidents, 24 h',
    description: 'The ten containers with the most incidents in the last 24 hours.',
    expr: `topk(10, ${sumBy('container_name', increaseOf(ofContainers('container_doctor_incidents_total'), DAY))})`,
    legend: '{{container_name}}',
    unit: 'short',
    decimals: 0,
    steps: worseFrom([3, 'orange'], [10, 'red']),
    width: 6,
    links: CONTAINER_LINKS,
  }),
  barPanel({
    title: 'Decisions, 24 h',
    description: 'Decisions in the last 24 hours by kind and reason. docs/telemetry.md explains the reasons.',
    expr: `${sumBy('decision, reason', increaseOf(of('container_doctor_decisions_total'), DAY))} > 0`,
    legend: '{{decision}}: {{reason}}',
    unit: 'short',
    decimals: 0,
    width: 6,
    links: INCIDENT_LINKS,
  }),
];

const claude = () => [
  statPanel({
    title: 'Budget left',
    description:
      'Budget for Claude that is left in the rolling day (MAX_SPEND_PER_DAY). At zero, only the built-in rules diagnose.',
    expr: `min(${of('container_doctor_budget_remaining_usd')})`,
    unit: 'currencyUSD',
    decimals: 2,
    steps: REMAINING,
    sparkline: true,
  }),
  statPanel({
    title: 'Budget spent',
    description: 'Share of the rolling daily budget that is spent.',
    expr: `max(1 - ${share('container_doctor_budget_remaining_usd', 'container_doctor_budget_limit_usd')})`,
    unit: 'percentunit',
    decimals: 0,
    steps: worseFrom([0.75, 'orange'], [0.9, 'red']),
  }),
  statPanel({
    title: 'Spent, 24 h',
    description: 'US dollars spent on Claude in the last 24 hours, at the rates of the price table.',
    expr: inDay(of('container_doctor_claude_cost_usd_total')),
    unit: 'currencyUSD',
    decimals: 4,
  }),
  statPanel({
    title: 'Diagnoses left this hour',
    description: 'Share of the diagnoses by Claude that is left in the rolling hour (MAX_DIAGNOSES_PER_HOUR).',
    expr: `min(${share('container_doctor_rate_limit_remaining', 'container_doctor_rate_limit_limit')})`,
    unit: 'percentunit',
    decimals: 0,
    steps: REMAINING,
  }),
  statPanel({
    title: 'API rate limit left',
    description:
      'Share of the Anthropic API’s rate limit that is left, from its latest response. The lowest of all resources.',
    expr: `min(${share('container_doctor_anthropic_ratelimit_remaining', 'container_doctor_anthropic_ratelimit_limit')})`,
    unit: 'percentunit',
    decimals: 0,
    steps: REMAINING,
  }),
  statPanel({
    title: 'Diagnoses without Claude, 24 h',
    description:
      'Diagnoses in the last 24 hours by the built-in rules alone: a limit was reached, requests were paused, or there is no key.',
    expr: inDay(of('container_doctor_diagnoses_skipped_total')),
    unit: 'short',
    decimals: 0,
    steps: worseFrom([1, 'orange']),
  }),
];
