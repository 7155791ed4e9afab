/** Everything that the contract measures, for whoever wants to know why. */
import { doctorDashboard } from './frame.ts';
import { CONTAINER_LINKS, INCIDENT_LINKS, UIDS } from './links.ts';
import { countPanel, greenFrom, redFrom, seriesPanel } from './panels.ts';
import { by, countedBy, grewBy, of, ofContainers, p95By, perSecond, quantile, share, sumBy } from './queries.ts';

export const detail = () =>
  doctorDashboard({
    uid: UIDS.detail,
    title: 'Container Doctor: detail',
    about: 'Detection, diagnosis, Claude, restarts, alerts, and the doctor’s own process.',
    from: 'now-3h',
    other: { title: 'Overview', url: `/d/${UIDS.overview}` },
    rows: {
      Detection: detection(),
      Diagnosis: diagnosis(),
      Claude: claude(),
      'Decisions and restarts': restarts(),
      'Alerts to people': alerts(),
      'Logs and engine': engine(),
      'The doctor’s own process': itself(),
    },
  });

const detection = () => [
  countPanel({
    title: 'Signals by container',
    about: 'Every signal of trouble, repeats too: error records, crashes, out of memory, failed health checks.',
    queries: [countedBy('container_name', ofContainers('container_doctor_errors_detected_total'))],
    links: CONTAINER_LINKS,
  }),
  countPanel({
    title: 'Signals by detector',
    about:
      'What noticed the trouble. Mostly storm: a container prints new kinds of errors faster than they can be told apart.',
    queries: [countedBy('detector', ofContainers('container_doctor_errors_detected_total'))],
    links: INCIDENT_LINKS,
  }),
  countPanel({
    title: 'Signals that opened no incident',
    about: 'Repeats of a known problem, habits of a container, and what was ignored on purpose. Overflow: a log storm.',
    queries: [grewBy('reason', of('container_doctor_errors_suppressed_total'))],
  }),
  seriesPanel({
    title: 'From trouble to incident',
    about: 'Seconds from the line’s or event’s own time to the incident. The goal is a p95 of at most one second.',
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
    title: 'From trouble to incident, p95 by detector',
    about: 'Which detector is slow. A crash loop is slow by nature: it takes several deaths to be one.',
    queries: [p95By('detector', of('container_doctor_detection_latency_seconds_bucket'))],
    unit: 's',
    steps: redFrom(1),
    width: 12,
    links: INCIDENT_LINKS,
  }),
];

const diagnosis = () => [
  countPanel({
    title: 'Who diagnosed',
    about:
      'Tiers that were tried: known (seen before), claude, rules; failed where one was asked and could not answer.',
    queries: [grewBy('tier, outcome', of('container_doctor_diagnosis_duration_seconds_count'))],
    links: INCIDENT_LINKS,
  }),
  seriesPanel({
    title: 'How long a diagnosis takes, p95',
    about: 'By tier. Claude with thinking takes some ten seconds; known problems and rules milliseconds.',
    queries: [p95By('tier', of('container_doctor_diagnosis_duration_seconds_bucket'))],
    unit: 's',
    steps: redFrom(60),
    links: INCIDENT_LINKS,
  }),
  countPanel({
    title: 'Claude was not asked',
    about:
      'Diagnoses that the rules made alone, by why: a cap, a container’s fair share, an open circuit, no key. Circuit open is 1 while Claude is left alone after failures.',
    queries: [
      grewBy('reason', of('container_doctor_diagnoses_skipped_total')),
      { expr: `max(${of('container_doctor_claude_circuit_open')})`, legend: 'circuit open' },
    ],
  }),
];

const claude = () => [
  countPanel({
    title: 'Requests to Claude',
    about: 'Requests that left, one a try, by model and how they ended.',
    queries: [countedBy('model, outcome', of('container_doctor_claude_requests_total'))],
    links: INCIDENT_LINKS,
  }),
  seriesPanel({
    title: 'Duration of a request, p95',
    about: 'From leaving to the end of the answer, by model, as the GenAI semantic conventions have it.',
    queries: [p95By('gen_ai_request_model', of('gen_ai_client_operation_duration_seconds_bucket'))],
    unit: 's',
    steps: redFrom(60),
  }),
  seriesPanel({
    title: 'Cost by model',
    about: 'US dollars an hour, at the price table’s rates.',
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
    about: 'Tokens by kind. Cache reads cost a tenth of input.',
    queries: [grewBy('kind', of('container_doctor_claude_tokens_total'))],
  }),
  seriesPanel({
    title: 'Caps of ours',
    about: 'What is left of the hour’s diagnoses and of the day’s budget, as shares. At zero the rules diagnose alone.',
    queries: [
      {
        expr: share('container_doctor_rate_limit_remaining', 'container_doctor_rate_limit_limit'),
        legend: 'diagnoses, hour {{instance}}',
      },
      {
        expr: share('container_doctor_budget_remaining_usd', 'container_doctor_budget_limit_usd'),
        legend: 'dollars, day {{instance}}',
      },
    ],
    unit: 'percentunit',
    max: 1,
    steps: greenFrom(0.1),
  }),
  seriesPanel({
    title: 'The API’s own rate limit',
    about:
      'What is left of each resource, as a share, from the latest answer’s headers. It says nothing while nobody asks.',
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
    about: 'What was decided and why.',
    queries: [
      {
        ...countedBy('decision, reason', of('container_doctor_decisions_total')),
        legend: '{{decision}}: {{reason}}',
      },
    ],
    links: INCIDENT_LINKS,
  }),
  countPanel({
    title: 'Restarts',
    about:
      'Restarts that the doctor made, by container and how they ended. Failed: the container was no better after it.',
    queries: [countedBy('container_name, outcome', ofContainers('container_doctor_restarts_total'))],
    links: CONTAINER_LINKS,
  }),
  seriesPanel({
    title: 'Verification, p95',
    about: 'Seconds from the restart to the verdict on it. At the deadline (120 s) it is failed.',
    queries: [p95By('outcome', of('container_doctor_verification_duration_seconds_bucket'))],
    unit: 's',
    steps: redFrom(120),
    links: INCIDENT_LINKS,
  }),
];

const alerts = () => [
  countPanel({
    title: 'Alerts',
    about: 'Alerts sent, tries that failed (they are made again), and alerts given up.',
    queries: [countedBy('integration, outcome', of('container_doctor_notifications_total'))],
    links: INCIDENT_LINKS,
  }),
  seriesPanel({
    title: 'One try to send, p95',
    about: 'Slack answers within a second; at 8 s the try is given up and made again.',
    queries: [p95By('integration', of('container_doctor_notification_duration_seconds_bucket'))],
    unit: 's',
    steps: redFrom(5),
  }),
  seriesPanel({
    title: 'Alerts waiting',
    about: 'The outbox. It grows while Slack is away, and empties by itself.',
    queries: [by('integration', of('container_doctor_outbox_pending'))],
    unit: 'short',
    steps: redFrom(10),
  }),
];

const engine = () => [
  seriesPanel({
    title: 'Log lines read',
    about: 'Lines a second from all containers.',
    queries: [{ expr: `sum(${perSecond(of('container_doctor_log_lines_total'))})`, legend: 'lines' }],
    unit: 'cps',
  }),
  seriesPanel({
    title: 'Log bytes read',
    about: 'Bytes a second from all containers.',
    queries: [{ expr: `sum(${perSecond(of('container_doctor_log_bytes_total'))})`, legend: 'bytes' }],
    unit: 'Bps',
  }),
  countPanel({
    title: 'Log streams opened again',
    about:
      'While their container ran on: a proxy’s time-out (ended), a broken connection (error), silence that was no silence (stalled).',
    queries: [grewBy('cause', of('container_doctor_log_reconnects_total'))],
  }),
  seriesPanel({
    title: 'Calls of the engine, p95',
    about: 'By operation. A restart lasts as long as the container takes to stop.',
    queries: [p95By('operation', of('container_doctor_docker_request_duration_seconds_bucket'))],
    unit: 's',
    steps: redFrom(5),
  }),
  seriesPanel({
    title: 'Calls of the engine',
    about: 'By operation and error; without an error, they went well.',
    queries: [by('operation, error_type', perSecond(of('container_doctor_docker_request_duration_seconds_count')))],
    unit: 'reqps',
  }),
  seriesPanel({
    title: 'Since the engine last spoke',
    about:
      'Seconds since the loop last went round, and since the engine’s last event of any kind. Quiet engines send none for hours.',
    queries: [
      { expr: `time() - ${of('container_doctor_heartbeat_timestamp_seconds')}`, legend: 'loop {{instance}}' },
      { expr: `time() - ${of('container_doctor_last_event_timestamp_seconds')}`, legend: 'event {{instance}}' },
    ],
    unit: 's',
  }),
];

const itself = () => [
  seriesPanel({
    title: 'CPU',
    about: 'Of one core. With 200 quiet containers it should stay under one per cent.',
    queries: [{ expr: perSecond(of('process_cpu_seconds_total')), legend: '{{instance}}' }],
    unit: 'percentunit',
    steps: redFrom(0.5),
  }),
  seriesPanel({
    title: 'Memory',
    about: 'Resident memory, and the heap of V8 in it. Compose gives the doctor 256 MB.',
    queries: [
      { expr: of('process_resident_memory_bytes'), legend: 'resident {{instance}}' },
      { expr: sumBy('instance', of('v8js_memory_heap_used_bytes')), legend: 'heap {{instance}}' },
    ],
    unit: 'bytes',
    steps: redFrom(220_000_000),
  }),
  seriesPanel({
    title: 'Event loop',
    about:
      'The loop’s delay, p99, and how much of its time it is busy. The delay is sampled every 100 ms, which its values include.',
    queries: [
      { expr: of('nodejs_eventloop_delay_p99_seconds'), legend: 'delay p99, s {{instance}}' },
      { expr: of('nodejs_eventloop_utilization_ratio'), legend: 'busy {{instance}}' },
    ],
    unit: 'none',
    steps: redFrom(0.9),
  }),
  seriesPanel({
    title: 'Garbage collection',
    about: 'Share of the time spent collecting garbage, by kind.',
    queries: [by('v8js_gc_type', perSecond(of('v8js_gc_duration_seconds_sum')))],
    unit: 'percentunit',
    steps: redFrom(0.1),
  }),
  seriesPanel({
    title: 'Requests to the doctor’s pages',
    about: 'By page and status. 503 of /health: it is not well; 401: somebody lacks the token.',
    queries: [by('http_route, http_response_status_code', perSecond(of('http_server_request_duration_seconds_count')))],
    unit: 'reqps',
  }),
  countPanel({
    title: 'Telemetry exports',
    about:
      'Batches of traces, metrics and logs sent over OTLP, and those that the collector did not take. Zero where nothing is exported.',
    queries: [grewBy('signal, outcome', of('container_doctor_telemetry_exports_total'))],
  }),
];
