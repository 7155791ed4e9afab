/** The dashboard with all metrics, for finding causes. */
import { createDashboard } from './frame.ts';
import { CONTAINER_LINKS, INCIDENT_LINKS, UIDS } from './links.ts';
import { countPanel, greenFrom, redFrom, seriesPanel } from './panels.ts';
import {
  by,
  increaseBy,
  of,
  ofContainers,
  p95By,
  perSecond,
  positiveIncreaseBy,
  quantile,
  share,
  sumBy,
} from './queries.ts';

export const detail = () =>
  createDashboard({
    uid: UIDS.detail,
    title: 'Container Doctor: detail',
    description: 'Detection, diagnosis, Claude, restarts, alerts, and the process of the agent.',
    from: 'now-3h',
    other: { title: 'Overview', url: `/d/${UIDS.overview}` },
    rows: {
      Detection: detection(),
      Diagnosis: diagnosis(),
      Claude: claude(),
      'Decisions and restarts': restarts(),
      Alerts: alerts(),
      'Logs and Docker engine': engine(),
      'Agent process': agentProcess(),
    },
  });

const detection = () => [
  countPanel({
    title: 'Signals by container',
    description: 'All signals, including repeats: errors in logs, crashes, out-of-memory kills, failing health checks.',
    queries: [positiveIncreaseBy('container_name', ofContainers('container_doctor_errors_detected_total'))],
    links: CONTAINER_LINKS,
  }),
  countPanel({
    title: 'Signals by detector',
    description:
      'Signals by detector. Many from storm: a container logs new kinds of errors faster than they can be grouped.',
    queries: [positiveIncreaseBy('detector', ofContainers('container_doctor_errors_detected_total'))],
    links: INCIDENT_LINKS,
  }),
  countPanel({
    title: 'Signals that opened no incident',
    description:
      'By reason. Repeat: of an open incident. Habit: the container logs it regularly. Dependency: part of the incident of another container. Overflow: a log storm. docs/telemetry.md explains all reasons.',
    queries: [increaseBy('reason', of('container_doctor_errors_suppressed_total'))],
  }),
  seriesPanel({
    title: 'Detection latency',
    description: 'Time from the log line or engine event to the incident. The goal is a p95 of at most one second.',
    queries: [0.5, 0.95, 0.99].map((q) => ({
      expr: quantile(q, of('container_doctor_detection_latency_seconds_bucket')),
      legend: `p${q * 100}`,
    })),
    unit: 's',
    steps: redFrom(1),
    width: 12,
    links: INCIDENT_LINKS,
  }),
  seriesPanel({
    title: 'Detection latency by detector, p95',
    description:
      'Time to the incident for each detector. A crash loop takes longer by definition: the container must end several times.',
    queries: [p95By('detector', of('container_doctor_detection_latency_seconds_bucket'))],
    unit: 's',
    steps: redFrom(1),
    width: 12,
    links: INCIDENT_LINKS,
  }),
];

const diagnosis = () => [
  countPanel({
    title: 'Diagnoses by tier',
    description:
      'Tiers that were asked: known (a problem seen before), claude, rules. Failed: the tier gave no diagnosis.',
    queries: [increaseBy('tier, outcome', of('container_doctor_diagnosis_duration_seconds_count'))],
    links: INCIDENT_LINKS,
  }),
  seriesPanel({
    title: 'Diagnosis duration, p95',
    description: 'By tier. Claude takes several seconds, known problems and rules take milliseconds.',
    queries: [p95By('tier', of('container_doctor_diagnosis_duration_seconds_bucket'))],
    unit: 's',
    steps: redFrom(60),
    links: INCIDENT_LINKS,
  }),
  countPanel({
    title: 'Diagnoses without Claude',
    description:
      'Diagnoses made by the built-in rules alone, by reason: a limit is reached, a service has used up its share, requests are paused, or there is no key. "circuit open" is 1 while requests are paused after repeated failures.',
    queries: [
      increaseBy('reason', of('container_doctor_diagnoses_skipped_total')),
      { expr: `max(${of('container_doctor_claude_circuit_open')})`, legend: 'circuit open' },
    ],
  }),
];

const claude = () => [
  countPanel({
    title: 'Requests to Claude',
    description: 'Requests by model and outcome, including retries.',
    queries: [positiveIncreaseBy('model, outcome', of('container_doctor_claude_requests_total'))],
    links: INCIDENT_LINKS,
  }),
  seriesPanel({
    title: 'Request duration, p95',
    description: 'Duration of requests to Claude by model, as defined by the GenAI semantic conventions.',
    queries: [p95By('gen_ai_request_model', of('gen_ai_client_operation_duration_seconds_bucket'))],
    unit: 's',
    steps: redFrom(60),
  }),
  seriesPanel({
    title: 'Cost by model',
    description: 'US dollars per hour, at the rates of the price table.',
    queries: [
      {
        expr: `${sumBy('model', perSecond(of('container_doctor_claude_cost_usd_total')))} * 3600`,
        legend: '{{model}}',
      },
    ],
    unit: 'currencyUSD',
  }),
  countPanel({
    title: 'Tokens',
    description: 'Tokens by kind. A cache read costs a tenth of input.',
    queries: [increaseBy('kind', of('container_doctor_claude_tokens_total'))],
  }),
  seriesPanel({
    title: 'Remaining limits',
    description:
      'Share of the hourly diagnoses and of the daily budget that is left. At zero only the built-in rules diagnose.',
    queries: [
      {
        expr: share('container_doctor_rate_limit_remaining', 'container_doctor_rate_limit_limit'),
        legend: 'hourly diagnoses {{instance}}',
      },
      {
        expr: share('container_doctor_budget_remaining_usd', 'container_doctor_budget_limit_usd'),
        legend: 'daily budget {{instance}}',
      },
    ],
    unit: 'percentunit',
    max: 1,
    steps: greenFrom(0.1),
  }),
  seriesPanel({
    title: 'Remaining API rate limit',
    description:
      'Share of the Anthropic API’s rate limit that is left, by resource. It comes from the latest response, so it does not change while there are no requests.',
    queries: [
      {
        expr: share('container_doctor_anthropic_ratelimit_remaining', 'container_doctor_anthropic_ratelimit_limit'),
        legend: '{{resource}} {{instance}}',
      },
    ],
    unit: 'percentunit',
    max: 1,
    steps: greenFrom(0.1),
  }),
];

const restarts = () => [
  countPanel({
    title: 'Decisions',
    description: 'Decisions by kind and reason. docs/telemetry.md explains the reasons.',
    queries: [
      {
        ...positiveIncreaseBy('decision, reason', of('container_doctor_decisions_total')),
        legend: '{{decision}}: {{reason}}',
      },
    ],
    links: INCIDENT_LINKS,
  }),
  countPanel({
    title: 'Restarts',
    description: 'Restarts by the agent, by container and outcome. Failed: the container did not recover.',
    queries: [positiveIncreaseBy('container_name, outcome', ofContainers('container_doctor_restarts_total'))],
    links: CONTAINER_LINKS,
  }),
  seriesPanel({
    title: 'Verification duration, p95',
    description: 'Time from a restart to its outcome. At the deadline (by default 120 s) the outcome is failed.',
    queries: [p95By('outcome', of('container_doctor_verification_duration_seconds_bucket'))],
    unit: 's',
    steps: redFrom(120),
    links: INCIDENT_LINKS,
  }),
];

const alerts = () => [
  countPanel({
    title: 'Alerts',
    description: 'Alerts sent, failed attempts (they are repeated), and alerts dropped.',
    queries: [positiveIncreaseBy('integration, outcome', of('container_doctor_notifications_total'))],
    links: INCIDENT_LINKS,
  }),
  seriesPanel({
    title: 'Attempt duration, p95',
    description:
      'Duration of an attempt to send an alert. Slack usually answers within a second. After 8 s the attempt is repeated.',
    queries: [p95By('integration', of('container_doctor_notification_duration_seconds_bucket'))],
    unit: 's',
    steps: redFrom(5),
  }),
  seriesPanel({
    title: 'Alerts waiting',
    description: 'Alerts in the outbox. It grows while a receiver accepts no messages, and then empties by itself.',
    queries: [by('integration', of('container_doctor_outbox_pending'))],
    unit: 'short',
    steps: redFrom(10),
  }),
];

const engine = () => [
  seriesPanel({
    title: 'Log lines read',
    description: 'Lines per second from all containers.',
    queries: [{ expr: `sum(${perSecond(of('container_doctor_log_lines_total'))})`, legend: 'lines' }],
    unit: 'cps',
  }),
  seriesPanel({
    title: 'Log bytes read',
    description: 'Bytes per second from all containers.',
    queries: [{ expr: `sum(${perSecond(of('container_doctor_log_bytes_total'))})`, legend: 'bytes' }],
    unit: 'Bps',
  }),
  countPanel({
    title: 'Log streams reopened',
    description:
      'Log streams that were reopened while their container was running, after a proxy timeout (ended), a broken connection (error), or when a stream delivered nothing although the container logged (stalled).',
    queries: [increaseBy('cause', of('container_doctor_log_reconnects_total'))],
  }),
  seriesPanel({
    title: 'Engine request duration, p95',
    description: 'By operation. A restart takes as long as the container takes to stop.',
    queries: [p95By('operation', of('container_doctor_docker_request_duration_seconds_bucket'))],
    unit: 's',
    steps: redFrom(5),
  }),
  seriesPanel({
    title: 'Engine requests',
    description: 'By operation and error. Requests without an error succeeded.',
    queries: [by('operation, error_type', perSecond(of('container_doctor_docker_request_duration_seconds_count')))],
    unit: 'reqps',
  }),
  seriesPanel({
    title: 'Time since last activity',
    description:
      'Time since the containers were last checked (heartbeat), and since the last event from the engine. A quiet engine sends no events for hours.',
    queries: [
      { expr: `time() - ${of('container_doctor_heartbeat_timestamp_seconds')}`, legend: 'heartbeat {{instance}}' },
      { expr: `time() - ${of('container_doctor_last_event_timestamp_seconds')}`, legend: 'event {{instance}}' },
    ],
    unit: 's',
  }),
];

const agentProcess = () => [
  seriesPanel({
    title: 'CPU',
    description: 'Share of one core. With 200 quiet containers it should stay below one percent.',
    queries: [{ expr: perSecond(of('process_cpu_seconds_total')), legend: '{{instance}}' }],
    unit: 'percentunit',
    steps: redFrom(0.5),
  }),
  seriesPanel({
    title: 'Memory',
    description: 'Resident memory, and the V8 heap as a part of it. The limit in compose.yaml is 256 MB.',
    queries: [
      { expr: of('process_resident_memory_bytes'), legend: 'resident {{instance}}' },
      { expr: sumBy('instance', of('v8js_memory_heap_used_bytes')), legend: 'heap {{instance}}' },
    ],
    unit: 'bytes',
    steps: redFrom(220_000_000),
  }),
  seriesPanel({
    title: 'Event loop',
    description:
      'The p99 of the event loop’s delay, and the share of time in which it is busy. The delay includes the sampling interval of 100 ms.',
    queries: [
      { expr: of('nodejs_eventloop_delay_p99_seconds'), legend: 'delay p99, s {{instance}}' },
      { expr: of('nodejs_eventloop_utilization_ratio'), legend: 'busy {{instance}}' },
    ],
    unit: 'none',
    steps: redFrom(0.9),
  }),
  seriesPanel({
    title: 'Garbage collection',
    description: 'Share of time spent in garbage collection, by kind.',
    queries: [by('v8js_gc_type', perSecond(of('v8js_gc_duration_seconds_sum')))],
    unit: 'percentunit',
    steps: redFrom(0.1),
  }),
  seriesPanel({
    title: 'HTTP requests to the agent',
    description: 'By page and status. 503 from /health: the agent watches nothing. 401: a client has no valid token.',
    queries: [by('http_route, http_response_status_code', perSecond(of('http_server_request_duration_seconds_count')))],
    unit: 'reqps',
  }),
  countPanel({
    title: 'Telemetry exports',
    description: 'Batches of traces, metrics and logs exported over OTLP, by outcome. Zero if nothing is exported.',
    queries: [increaseBy('signal, outcome', of('container_doctor_telemetry_exports_total'))],
  }),
];
