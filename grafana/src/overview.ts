/** Is everything well? The page for the wall, and for the first look at night. */
import { doctorDashboard } from './frame.ts';
import { CONTAINER_LINKS, INCIDENT_LINKS, UIDS } from './links.ts';
import {
  BAD_ABOVE_ZERO,
  barPanel,
  GOOD_WHEN_ONE,
  row,
  type Step,
  seriesPanel,
  statPanel,
  tracesPanel,
} from './panels.ts';
import { DAY, grew, of, ofContainers, STEP, sumBy } from './queries.ts';

/** Of what is left, as a share: red when nearly gone. */
const LEFT: readonly Step[] = [
  [null, 'red'],
  [0.1, 'orange'],
  [0.25, 'green'],
];

const inDay = (selector: string) => `sum(${grew(selector, DAY)})`;

const attempts = (...labels: readonly string[]) => ofContainers('container_doctor_restarts_total', ...labels);

export const overview = () =>
  doctorDashboard({
    uid: UIDS.overview,
    title: 'Container Doctor: overview',
    about: 'Is everything well, what did the doctor see and do, and what did it cost.',
    from: 'now-6h',
    other: { title: 'Detail', url: `/d/${UIDS.detail}` },
  })
    .withRow(row('Is the doctor itself well?'))
    .withPanel(
      statPanel({
        title: 'Doctor',
        about: 'Whether Prometheus can scrape the agent. Down: nobody watches your containers.',
        expr: 'min(up{job="container-doctor", instance=~"$instance"})',
        unit: 'none',
        words: { one: 'up', zero: 'DOWN' },
        steps: GOOD_WHEN_ONE,
      }),
    )
    .withPanel(
      statPanel({
        title: 'Engine',
        about: 'Whether the Docker engine answers. Away: the doctor sees neither logs nor events.',
        expr: `min(${of('container_doctor_docker_connected')})`,
        unit: 'none',
        words: { one: 'connected', zero: 'AWAY' },
        steps: GOOD_WHEN_ONE,
      }),
    )
    .withPanel(
      statPanel({
        title: 'Heartbeat',
        about:
          'How long ago the loop last went round (every CHECK_INTERVAL, 10 s). Older than two minutes: it stands still.',
        expr: `max(time() - ${of('container_doctor_heartbeat_timestamp_seconds')})`,
        unit: 's',
        decimals: 0,
        steps: [
          [null, 'green'],
          [60, 'yellow'],
          [120, 'red'],
        ],
      }),
    )
    .withPanel(
      statPanel({
        title: 'Store',
        about: 'Whether the doctor can write down what it does. Broken: it restarts nothing.',
        expr: `min(${of('container_doctor_store_healthy')})`,
        unit: 'none',
        words: { one: 'writable', zero: 'BROKEN' },
        steps: GOOD_WHEN_ONE,
      }),
    )
    .withPanel(
      statPanel({
        title: 'Alerts waiting',
        about: 'Alerts that were not yet delivered. More than a few for long: Slack does not take them.',
        expr: `sum(${of('container_doctor_outbox_pending')})`,
        unit: 'short',
        steps: [
          [null, 'green'],
          [1, 'yellow'],
          [10, 'red'],
        ],
        links: INCIDENT_LINKS,
      }),
    )
    .withPanel(
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
    )
    .withRow(row('Incidents'))
    .withPanel(
      statPanel({
        title: 'Open incidents',
        about: 'Problems that are not over.',
        expr: `sum(${of('container_doctor_incidents_open')})`,
        unit: 'short',
        steps: [
          [null, 'green'],
          [1, 'orange'],
          [5, 'red'],
        ],
        spark: true,
        width: 6,
        links: INCIDENT_LINKS,
      }),
    )
    .withPanel(
      statPanel({
        title: 'High severity, 24 h',
        about: 'Incidents that were diagnosed as high severity in the last 24 hours.',
        expr: inDay(ofContainers('container_doctor_incidents_total', 'severity="high"')),
        unit: 'short',
        decimals: 0,
        steps: BAD_ABOVE_ZERO,
        width: 6,
        links: INCIDENT_LINKS,
      }),
    )
    .withPanel(
      statPanel({
        title: 'Restarts that helped, 24 h',
        about:
          'Of the restarts in the last 24 hours, the share after which the container was well. None made: no data.',
        expr: `${inDay(attempts('outcome="recovered"'))} / (${inDay(attempts())} > 0)`,
        unit: 'percentunit',
        decimals: 0,
        steps: [
          [null, 'red'],
          [0.5, 'orange'],
          [0.9, 'green'],
        ],
        width: 6,
        links: INCIDENT_LINKS,
      }),
    )
    .withPanel(
      statPanel({
        title: 'Alerts lost, 24 h',
        about: 'Alerts given up in the last 24 hours: Slack refused them, or was away for too long.',
        expr: inDay(of('container_doctor_notifications_total', 'outcome="dropped"')),
        unit: 'short',
        decimals: 0,
        steps: BAD_ABOVE_ZERO,
        width: 6,
        links: INCIDENT_LINKS,
      }),
    )
    .withPanel(
      seriesPanel({
        title: 'Incidents by container',
        about: 'Distinct problems diagnosed, by container and severity.',
        queries: [
          {
            expr: `${sumBy('container_name, severity', grew(ofContainers('container_doctor_incidents_total'), STEP))} > 0`,
            legend: '{{container_name}} {{severity}}',
          },
        ],
        unit: 'short',
        bars: true,
        width: 12,
        links: CONTAINER_LINKS,
      }),
    )
    .withPanel(
      barPanel({
        title: 'Most incidents, 24 h',
        about: 'The ten containers with the most incidents in the last 24 hours.',
        expr: `topk(10, ${sumBy('container_name', grew(ofContainers('container_doctor_incidents_total'), DAY))})`,
        legend: '{{container_name}}',
        unit: 'short',
        decimals: 0,
        steps: [
          [null, 'green'],
          [3, 'orange'],
          [10, 'red'],
        ],
        width: 6,
        links: CONTAINER_LINKS,
      }),
    )
    .withPanel(
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
    )
    .withRow(row('Claude: spend and headroom'))
    .withPanel(
      statPanel({
        title: 'Budget left',
        about:
          'What may still be spent on Claude in this rolling day (MAX_SPEND_PER_DAY). At zero the rules diagnose alone.',
        expr: `min(${of('container_doctor_budget_remaining_usd')})`,
        unit: 'currencyUSD',
        decimals: 2,
        steps: [
          [null, 'red'],
          [0.1, 'orange'],
          [0.25, 'green'],
        ],
        spark: true,
      }),
    )
    .withPanel(
      statPanel({
        title: 'Spent of the budget',
        about: 'The share of the rolling day’s budget that is spent.',
        expr: `max(1 - ${of('container_doctor_budget_remaining_usd')} / (${of('container_doctor_budget_limit_usd')} > 0))`,
        unit: 'percentunit',
        decimals: 0,
        steps: [
          [null, 'green'],
          [0.75, 'orange'],
          [0.9, 'red'],
        ],
      }),
    )
    .withPanel(
      statPanel({
        title: 'Spent, 24 h',
        about: 'US dollars spent on Claude in the last 24 hours, at the price table’s rates.',
        expr: inDay(of('container_doctor_claude_cost_usd_total')),
        unit: 'currencyUSD',
        decimals: 4,
      }),
    )
    .withPanel(
      statPanel({
        title: 'Diagnoses left this hour',
        about: 'How many problems may still be asked of Claude in this rolling hour (MAX_DIAGNOSES_PER_HOUR).',
        expr: `min(${of('container_doctor_rate_limit_remaining')} / (${of('container_doctor_rate_limit_limit')} > 0))`,
        unit: 'percentunit',
        decimals: 0,
        steps: LEFT,
      }),
    )
    .withPanel(
      statPanel({
        title: 'API headroom',
        about: 'What is left of the Anthropic API’s own rate limit, from its latest answer; the scarcest resource.',
        expr: `min(${of('container_doctor_anthropic_ratelimit_remaining')} / (${of('container_doctor_anthropic_ratelimit_limit')} > 0))`,
        unit: 'percentunit',
        decimals: 0,
        steps: LEFT,
      }),
    )
    .withPanel(
      statPanel({
        title: 'Claude not asked, 24 h',
        about:
          'Diagnoses of the last 24 hours that the built-in rules had to make alone: a cap, a broken circuit, or no key.',
        expr: inDay(of('container_doctor_diagnoses_skipped_total')),
        unit: 'short',
        decimals: 0,
        steps: [
          [null, 'green'],
          [1, 'orange'],
        ],
      }),
    )
    .withRow(
      row('Traces of the latest incidents (needs a Jaeger data source)', {
        panels: [
          tracesPanel({
            title: 'Latest incidents',
            about:
              'One trace an incident, newest first: click one to see all that was done. Empty where traces are off.',
          }),
        ],
      }),
    );
