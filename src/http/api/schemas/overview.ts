/** Schemas of the pages that cover all containers: status, timeline, statistics, containers, graph, changes. */
import { z } from 'zod';
import { RestartAttempt } from './incidents.ts';
import { Count, Evidence, Severity, State, Time, Usd } from './parts.ts';
import { RestartRequest, Snooze } from './people.ts';

const Agent = z
  .object({
    host: z.string(),
    id: z.string(),
    version: z.string(),
    state: z.enum(['alive', 'silent']),
    started_at: Time,
    last_seen_at: Time,
  })
  .meta({ id: 'Agent' });

export const Status = z
  .object({
    status: z.enum(['healthy', 'degraded']),
    problems: z.array(z.string()).meta({ description: 'One sentence for each reason for `degraded`' }),
    version: z.string(),
    host: z.string().nullable(),
    mode: z.enum(['auto_fix', 'ask', 'observe']),
    now: Time,
    started_at: Time,
    docker_connected: z.boolean(),
    watching: z.array(z.string()).meta({ description: 'Names of the watched containers' }),
    open_incidents: Count,
    open_incidents_of_fleet: Count.meta({ description: 'Of all hosts whose agents share DATABASE_URL' }),
    questions_left_this_hour: Count,
    questions_per_hour: Count,
    spent_today_usd: Usd,
    budget_per_day_usd: Usd,
    alerts_pending: Count,
    agents: z
      .array(Agent)
      .meta({ description: 'The agents that share DATABASE_URL with this one, by host; empty without it' }),
    restart_requests: z.array(RestartRequest).meta({ description: 'Those that wait' }),
    snoozes: z.array(Snooze).meta({ description: 'Those in force' }),
    trace_url: z.string().nullable().meta({ description: 'TRACE_URL, with {trace_id}' }),
    grafana_url: z.string().nullable(),
  })
  .meta({ id: 'Status' });

export const Targets = z
  .array(
    z.object({
      targets: z.array(z.string()).meta({ description: 'host:port' }),
      labels: z.object({
        instance: z.string().meta({ description: 'The name of the host' }),
        __meta_container_doctor_version: z.string(),
        __meta_container_doctor_state: z.enum(['alive', 'silent']),
      }),
    }),
  )
  .meta({ id: 'Targets', description: 'Prometheus HTTP service discovery. Empty without DATABASE_URL' });

export const Timeline = z
  .object({
    from: Time,
    to: Time,
    incidents: z
      .array(
        z.object({
          id: z.string(),
          container: z.string(),
          service: z.string(),
          project: z.string().nullable(),
          state: State,
          severity: Severity.nullable(),
          summary: z.string(),
          opened_at: Time,
          last_seen_at: Time,
          ended_at: Time.nullable(),
          cause_incident_id: z.string().nullable(),
        }),
      )
      .meta({ description: 'Those that were open in this time, oldest first' }),
    restarts: z.array(RestartAttempt),
    deployments: z.array(
      z.object({
        at: Time,
        container: z.string(),
        service: z.string(),
        project: z.string().nullable(),
        image: z.string(),
        previous_image: z.string().nullable(),
      }),
    ),
    absences: z
      .array(
        z.object({
          kind: z.enum(['agent_stopped', 'engine_unreachable']),
          from: Time,
          to: Time.nullable().meta({ description: 'Null while it lasts' }),
        }),
      )
      .meta({ description: 'Times in which nothing was watched' }),
    is_truncated: z.boolean().meta({ description: 'There are more incidents than fit; the newest are listed' }),
  })
  .meta({ id: 'Timeline' });

const Rate = z
  .object({
    rate: z.number().min(0).max(1).nullable().meta({ description: 'Null without any case' }),
    low: z.number().min(0).max(1),
    high: z.number().min(0).max(1),
  })
  .meta({ id: 'Rate', description: 'A share with its 95 % interval (Wilson)' });

export const FixCounts = z
  .object({
    restarted: Count,
    recovered: Count,
    failed: Count,
    unknown: Count,
    would_have_restarted: Count.meta({ description: 'Held back by AUTO_FIX, mode, policy or quiet hours' }),
    came_back: Count.meta({ description: 'Of those held back: over without a restart' }),
    restarted_by_person: Count.meta({ description: 'Of those held back: a person restarted, stopped or removed it' }),
    still_broken: Count,
    right: Count.meta({ description: 'Verdicts' }),
    wrong: Count,
    success: Rate.meta({ description: 'Recovered, of those that recovered or failed' }),
  })
  .meta({ id: 'FixCounts' });

export const Stats = z
  .object({
    from: Time,
    to: Time,
    incidents: z.object({
      total: Count,
      open: Count,
      undiagnosed: Count,
      by_severity: z.object({ low: Count, medium: Count, high: Count }),
    }),
    fixes: z.object({
      overall: FixCounts,
      services: z.array(FixCounts.extend({ service: z.string(), project: z.string().nullable() })),
    }),
    time_to_recovery: z
      .object({
        count: Count,
        median_seconds: z.number().nullable(),
        p90_seconds: z.number().nullable(),
      })
      .meta({ description: 'From the opening of an incident to the recovery by a restart' }),
    questions: z.object({
      asked: Count,
      saved: z.object({ known: Count, local: Count, rules: Count, correlation: Count }).meta({
        description:
          'Incidents without a question to Claude: known problem, local model, rules alone, part of another incident',
      }),
    }),
    cost: z.object({
      total_usd: Usd,
      budget_per_day_usd: Usd,
      projected_month_usd: Usd.meta({ description: 'The mean of the days so far in this range, times 30' }),
      days: z
        .array(
          z.object({
            day: z.iso.date(),
            usd: Usd,
            requests: Count,
            models: z.array(z.object({ model: z.string(), usd: Usd, requests: Count })),
            services: z.array(z.object({ service: z.string(), usd: Usd, requests: Count })),
          }),
        )
        .meta({ description: 'UTC days with a request' }),
      services: z.array(z.object({ service: z.string(), usd: Usd, requests: Count })),
      models: z.array(
        z.object({ model: z.string(), usd: Usd, requests: Count, input_tokens: Count, output_tokens: Count }),
      ),
    }),
  })
  .meta({ id: 'Stats' });

export const Container = z
  .object({
    id: z.string(),
    name: z.string(),
    service: z.string(),
    project: z.string().nullable(),
    image: z.string(),
    host: z.string().nullable(),
    status: z.string().meta({ description: 'running, exited, …' }),
    health: z.enum(['none', 'starting', 'healthy', 'unhealthy']),
    is_watched: z.boolean(),
    open_incidents: z.array(z.string()).meta({ description: 'Ids' }),
    policy: z.array(
      z.object({
        setting: z.string(),
        about: z.string(),
        value: z.string(),
        source: z.object({
          kind: z.enum(['default', 'stateful_image', 'file', 'label', 'unclear_label']),
          text: z.string().meta({ description: 'For example "file rule 2" or "label container-doctor.restart"' }),
        }),
      }),
    ),
    warnings: z.array(z.string()).meta({ description: 'Problems of its labels' }),
    habits: z
      .array(
        z.object({
          fingerprint: z.string(),
          text: z.string().nullable(),
          per_hour: z.number(),
          since: Time,
        }),
      )
      .meta({ description: 'Errors that it logs regularly and that are not reported' }),
    snoozes: z.array(Snooze),
  })
  .meta({ id: 'Container' });

export const Containers = z
  .object({ containers: z.array(Container).meta({ description: 'By host and name' }) })
  .meta({ id: 'Containers' });

export const Graph = z
  .object({
    host: z.string().nullable(),
    containers: z.array(
      z.object({
        name: z.string(),
        service: z.string(),
        project: z.string().nullable(),
        status: z.string().nullable().meta({ description: 'Null if it no longer exists' }),
        open_incident: z.string().nullable().meta({ description: 'Id of its most severe open incident' }),
        severity: Severity.nullable(),
      }),
    ),
    edges: z.array(z.object({ from: z.string(), to: z.string(), evidence: Evidence })).meta({
      description: '`from` depends on `to`',
    }),
  })
  .meta({ id: 'Graph' });

/** The data of one frame of `/api/v1/events`. Its event name is `changed`, or `reset`: read everything again. */
export const Changed = z
  .object({
    incidents: z.array(z.string()).meta({ description: 'Ids of the incidents that changed' }),
    areas: z
      .array(z.enum(['incidents', 'containers', 'people', 'status']))
      .meta({ description: 'What may look different now' }),
    is_complete: z.boolean().meta({ description: 'false: more incidents changed than are listed' }),
  })
  .meta({ id: 'Changed' });

export type Status = z.output<typeof Status>;
export type Timeline = z.output<typeof Timeline>;
export type Stats = z.output<typeof Stats>;
export type FixCounts = z.output<typeof FixCounts>;
export type Container = z.output<typeof Container>;
export type Containers = z.output<typeof Containers>;
export type Graph = z.output<typeof Graph>;
export type Changed = z.output<typeof Changed>;
