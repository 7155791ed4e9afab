/** Is everything well? The page for the wall, and for the first look at night. */
import { doctorDashboard } from './frame.ts';
import { CONTAINER_LINKS, INCIDENT_LINKS, UIDS } from './links.ts';
import {
  barPanel,
  betterFrom,
  countPanel,
  foldedRow,
  greenFrom,
  redFrom,
  statPanel,
  tracesPanel,
  worseFrom,
} from './panels.ts';
import { countedBy, DAY, grew, of, ofContainers, share, sumBy } from './queries.ts';

/** Of what is left, as a share: red when nearly gone. */
const LEFT = betterFrom([0.1, 'orange'], [0.25, 'green']);

const inDay = (selector: string) => `sum(${grew(selector, DAY)})`;

const attempts = (...labels: readonly string[]) => ofContainers('container_doctor_restarts_total', ...labels);

export const overview = () =>
  doctorDashboard({
    uid: UIDS.overview,
    title: 'Container Doctor: overview',
    about: 'Is everything well, what did the doctor see and do, and what did it cost.',
    from: 'now-6h',
    other: { title: 'Detail', url: `/d/${UIDS.detail}` },
    rows: {
      'Is the doctor itself well?': itself(),
      Incidents: incidents(),
      'Claude: spend and headroom': claude(),
    },
  }).withRow(
    foldedRow('Traces of the latest incidents (needs a Jaeger data source)', [
      tracesPanel({
        title: 'Latest incidents',
        about: 'One trace an incident, newest first: click one to see all that was done. Empty where traces are off.',
      }),
    ]),
  );

const itself = () => [
  statPanel({
    title: 'Doctor',
    about: 'Whether Prometheus can scrape the agent. Down: nobody watches your containers.',
    expr: 'min(up{job="container-doctor", instance=~"$instance"})',
    unit: 'none',
    words: { one: 'up', zero: 'DOWN' },
    steps: greenFrom(1),
  }),
  statPanel({
    title: 'Engine',
    about: 'Whether the Docker engine answers. Away: the doctor sees neither logs nor events.',
    expr: `min(${of('container_doctor_docker_connected')})`,
    unit: 'none',
    words: { one: 'connected', zero: 'AWAY' },
    steps: greenFrom(1),
  }),
  statPanel({
    title: 'Heartbeat',
    about:
      'How long ago the loop last went round (every CHECK_INTERVAL, 10 s). Older than two minutes: it stands still.',
    expr: `max(time() - ${of('container_doctor_heartbeat_timestamp_seconds')})`,
    unit: 's',
    decimals: 0,
    steps: worseFrom([60, 'yellow'], [120, 'red']),
  }),
  statPanel({
    title: 'Store',
    about: 'Whether the doctor can write down what it does. Broken: it restarts nothing.',
    expr: `min(${of('container_doctor_store_healthy')})`,
    unit: 'none',
    words: { one: 'writable', zero: 'BROKEN' },
    steps: greenFrom(1),
  }),
  statPanel({
    title: 'Alerts waiting',
    about: 'Alerts that were not yet delivered. More than a few for long: Slack does not take them.',
    expr: `sum(${of('container_doctor_outbox_pending')})`,
    unit: 'short',
    steps: worseFrom([1, 'yellow'], [10, 'red']),
    links: INCIDENT_LINKS,
  }),
  statPanel({
    title: 'Containers watched',
    about: 'How many containers the doctor follows. Fewer than you expect: look at missing_targets in /health.',
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
    about: 'Problems that are not over.',
    expr: `sum(${of('container_doctor_incidents_open')})`,
    unit: 'short',
    steps: worseFrom([1, 'orange'], [5, 'red']),
    spark: true,
    width: 6,
    links: INCIDENT_LINKS,
  }),
  statPanel({
    title: 'High severity, 24 h',
    about: 'Incidents that were diagnosed as high severity in the last 24 hours.',
    expr: inDay(ofContainers('container_doctor_incidents_total', 'severity="high"')),
    unit: 'short',
    decimals: 0,
    steps: redFrom(1),
    width: 6,
    links: INCIDENT_LINKS,
  }),
  statPanel({
    title: 'Restarts that helped, 24 h',
    about: 'Of the restarts in the last 24 hours, the share after which the container was well. None made: no data.',
    expr: `${inDay(attempts('outcome="recovered"'))} / (${inDay(attempts())} > 0)`,
    unit: 'percentunit',
    decimals: 0,
    steps: betterFrom([0.5, 'orange'], [0.9, 'green']),
    width: 6,
    links: INCIDENT_LINKS,
  }),
  statPanel({
    title: 'Alerts lost, 24 h',
    about: 'Alerts given up in the last 24 hours: Slack refused them, or was away for too long.',
    expr: inDay(of('container_doctor_notifications_total', 'outcome="dropped"')),
    unit: 'short',
    decimals: 0,
    steps: redFrom(1),
    width: 6,
    links: INCIDENT_LINKS,
  }),
  countPanel({
    title: 'Incidents by container',
    about: 'Distinct problems diagnosed, by container and severity.',
    queries: [countedBy('container_name, severity', ofContainers('container_doctor_incidents_total'))],
    width: 12,
    links: CONTAINER_LINKS,
  }),
  barPanel({
    title: 'Most incidents, 24 h',
    about: 'The ten containers with the most incidents in the last 24 hours.',
    expr: `topk(10, ${sumBy('container_name', grew(ofContainers('container_doctor_incidents_total'), DAY))})`,
    legend: '{{container_name}}',
    unit: 'short',
    decimals: 0,
    steps: worseFrom([3, 'orange'], [10, 'red']),
    width: 6,
    links: CONTAINER_LINKS,
  }),
  barPanel({
    title: 'Decisions, 24 h',
    about: 'What was decided in the last 24 hours and why; docs/telemetry.md tells what each reason means.',
    expr: `${sumBy('decision, reason', grew(of('container_doctor_decisions_total'), DAY))} > 0`,
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
    about:
      'What may still be spent on Claude in this rolling day (MAX_SPEND_PER_DAY). At zero the rules diagnose alone.',
    expr: `min(${of('container_doctor_budget_remaining_usd')})`,
    unit: 'currencyUSD',
    decimals: 2,
    steps: LEFT,
    spark: true,
  }),
  statPanel({
    title: 'Spent of the budget',
    about: 'The share of the rolling day’s budget that is spent.',
    expr: `max(1 - ${share('container_doctor_budget_remaining_usd', 'container_doctor_budget_limit_usd')})`,
    unit: 'percentunit',
    decimals: 0,
    steps: worseFrom([0.75, 'orange'], [0.9, 'red']),
  }),
  statPanel({
    title: 'Spent, 24 h',
    about: 'US dollars spent on Claude in the last 24 hours, at the price table’s rates.',
    expr: inDay(of('container_doctor_claude_cost_usd_total')),
    unit: 'currencyUSD',
    decimals: 4,
  }),
  statPanel({
    title: 'Diagnoses left this hour',
    about: 'How many problems may still be asked of Claude in this rolling hour (MAX_DIAGNOSES_PER_HOUR).',
    expr: `min(${share('container_doctor_rate_limit_remaining', 'container_doctor_rate_limit_limit')})`,
    unit: 'percentunit',
    decimals: 0,
    steps: LEFT,
  }),
  statPanel({
    title: 'API headroom',
    about: 'What is left of the Anthropic API’s own rate limit, from its latest answer; the scarcest resource.',
    expr: `min(${share('container_doctor_anthropic_ratelimit_remaining', 'container_doctor_anthropic_ratelimit_limit')})`,
    unit: 'percentunit',
    decimals: 0,
    steps: LEFT,
  }),
  statPanel({
    title: 'Claude not asked, 24 h',
    about:
      'Diagnoses of the last 24 hours that the built-in rules had to make alone: a cap, a broken circuit, or no key.',
    expr: inDay(of('container_doctor_diagnoses_skipped_total')),
    unit: 'short',
    decimals: 0,
    steps: worseFrom([1, 'orange']),
  }),
];
