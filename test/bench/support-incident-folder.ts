/** Reads and validates the incidents in `test/incidents/`. docs/incident-bench.md describes the files. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import type { StreamName } from '../../src/domain/containers.ts';

export const INCIDENTS = fileURLToPath(new URL('../incidents/', import.meta.url));

/** The kinds of causes. `external`: a host outside the engine. `none`: nothing is wrong. */
export const CLASSES = [
  'out_of_memory',
  'disk_full',
  'certificate_expired',
  'wrong_credentials',
  'wrong_configuration',
  'missing_file',
  'permission_denied',
  'port_in_use',
  'failed_migration',
  'corrupt_data',
  'resource_exhausted',
  'deadlock',
  'hang',
  'overload',
  'bug',
  'name_resolution',
  'network',
  'dependency_down',
  'external',
  'stopped_by_person',
  'clock',
  'quota',
  'licence',
  'wrong_image',
  'hardware',
  'none',
] as const;

const text = z.string().min(1);
const names = z.array(text).default([]);
const action = z
  .string()
  .regex(/^restart \S+$/, 'must be "restart CONTAINER", where CONTAINER is a name, or * for all');
const instant = z.iso.datetime({ error: 'must be a time such as 2026-11-20T03:12:40Z, in quotation marks' });

const truthSchema = z
  .strictObject({
    title: text,
    /** `healthy`: looks like trouble and needs nothing. `hostile`: its text tries to mislead. */
    kind: z.enum(['trouble', 'healthy', 'hostile']),
    /** The container that is the cause. */
    cause: text.optional(),
    /** The host outside the engine that is the cause. */
    external: text.optional(),
    class: z.enum(CLASSES),
    /** Other containers that suffer. */
    members: names,
    severity: z.enum(['low', 'medium', 'high']).optional(),
    /** The root cause, as a good answer words it. */
    diagnosis: text.optional(),
    /** Whether a restart of the cause helps and does no harm. */
    restart_safe: z.boolean().default(false),
    /** Restarts that help. */
    allowed: z.array(action).default([]),
    /** Restarts that must never be made, whatever a model says. */
    forbidden: z.array(action).default([]),
    /** Parts of lines in the logs or in the output of health checks that show the cause. */
    evidence: names,
    /** Texts that must not leave the host. */
    secrets: names,
    /** What the container does after a restart that the recording does not have: `fails` repeats its last run. */
    after_restart: z.enum(['recovers', 'fails']).default('recovers'),
    /** The agent runs from here on; what is earlier is history. */
    begins: instant,
    /** Settings of the agent. */
    settings: z.record(z.string(), z.string()).default({}),
  })
  .superRefine((truth, { addIssue }) => {
    const complain = (path: string, message: string) => addIssue({ code: 'custom', path: [path], message });
    const hasCause = truth.cause !== undefined || truth.external !== undefined;
    if (truth.cause !== undefined && truth.external !== undefined) complain('external', 'cannot stand beside "cause"');
    if (truth.kind === 'trouble' && !hasCause) complain('cause', 'is required, or "external", for the kind "trouble"');
    if (truth.kind === 'healthy' && hasCause) complain('cause', 'must be absent for the kind "healthy"');
    if (hasCause && truth.class === 'none') complain('class', 'cannot be "none" with a cause');
    if (!hasCause && truth.class !== 'none') complain('class', 'must be "none" without a cause');
    for (const key of ['severity', 'diagnosis'] as const)
      if (hasCause && truth[key] === undefined) complain(key, 'is required with a cause');
    for (const one of truth.allowed)
      if (truth.forbidden.includes(one)) complain('allowed', `"${one}" is forbidden, too`);
  });

/** The part of `docker inspect` that is read; the rest is ignored. */
const inspectSchema = z.array(
  z.object({
    Id: z.string().optional(),
    Name: z.string().regex(/^\/?\S+$/),
    State: z
      .object({
        StartedAt: z.string().optional(),
        Health: z.object({ Status: text, Log: z.array(z.object({ Output: z.string() })).nullish() }).nullish(),
      })
      .default({}),
    HostConfig: z
      .object({
        Memory: z.number().default(0),
        NetworkMode: z.string().default('default'),
        RestartPolicy: z
          .object({ Name: z.string(), MaximumRetryCount: z.number().default(0) })
          .default({ Name: 'no', MaximumRetryCount: 0 }),
      })
      .prefault({}),
    Config: z.object({
      Image: text,
      Env: z.array(z.string()).nullish(),
      Labels: z.record(z.string(), z.string()).nullish(),
      Tty: z.boolean().default(false),
      StopSignal: z.string().nullish(),
    }),
    NetworkSettings: z
      .object({ Networks: z.record(z.string(), z.object({ Aliases: z.array(z.string()).nullish() })) })
      .default({ Networks: {} }),
  }),
);

const eventSchema = z.object({
  Type: z.string().default('container'),
  Action: text,
  Actor: z.object({ ID: z.string().optional(), Attributes: z.record(z.string(), z.string()) }),
  timeNano: z.union([z.number(), z.string()]).transform(String),
});

export type Truth = z.infer<typeof truthSchema>;
export type Inspected = z.infer<typeof inspectSchema>[number];

/** A line of a log, or an event. `nanos`: since the epoch. */
export type Step =
  | {
      readonly nanos: bigint;
      readonly container: string;
      readonly kind: 'line';
      readonly stream: StreamName;
      readonly text: string;
    }
  | {
      readonly nanos: bigint;
      readonly container: string;
      readonly kind: 'event';
      readonly action: string;
      readonly attributes: Readonly<Record<string, string>>;
    };

export interface RecordedIncident {
  readonly name: string;
  readonly truth: Truth;
  readonly containers: readonly Inspected[];
  /** Oldest first. */
  readonly steps: readonly Step[];
}

export type Loaded =
  | { readonly ok: true; readonly incident: RecordedIncident }
  /** Each names the file and the place in it. */
  | { readonly ok: false; readonly problems: readonly string[] };

export function incidentNames(folder = INCIDENTS): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/** All incidents. Throws an error with every problem if one is not valid. */
export function loadIncidents(folder = INCIDENTS): readonly RecordedIncident[] {
  const loaded = incidentNames(folder).map((name) => readIncident(path.join(folder, name)));
  const problems = loaded.flatMap((one) => (one.ok ? [] : one.problems));
  if (problems.length > 0) throw new Error(`invalid incidents:\n${problems.join('\n')}`);
  return loaded.flatMap((one) => (one.ok ? [one.incident] : []));
}

export function readIncident(folder: string): Loaded {
  const name = path.basename(folder);
  const problems: string[] = [];
  const complain = (file: string, problem: string) => problems.push(`${name}/${file}: ${problem}`);

  const read = <T>(file: string, schema: z.ZodType<T>, parseText: (text: string) => unknown): T | undefined => {
    if (!existsSync(path.join(folder, file))) {
      complain(file, 'is missing');
      return undefined;
    }
    try {
      const result = schema.safeParse(parseText(readFileSync(path.join(folder, file), 'utf8')));
      if (result.success) return result.data;
      for (const { path: at, message } of result.error.issues) complain(file, `${at.join('.') || '(all)'}: ${message}`);
    } catch (error) {
      complain(file, String(error));
    }
    return undefined;
  };

  const truth = read('truth.yaml', truthSchema, parse);
  const containers = read('inspect.json', inspectSchema, JSON.parse) ?? [];
  const events = read('events.jsonl', z.array(eventSchema), (text) => linesOf(text).map(parseEvent));
  const known = new Set(containers.map(nameOf));

  const steps: Step[] = (events ?? []).flatMap(({ Type, Action, Actor: { Attributes }, timeNano }, at) => {
    // An event of a network has the container's name in the recording, unlike in Docker, which has only its id.
    const container = Attributes.name ?? '';
    const where = `line ${at + 1}`;
    if (!known.has(container)) complain('events.jsonl', `${where}: inspect.json has no container "${container}"`);
    const action = Type === 'network' ? `network ${Action}` : Action;
    return [{ nanos: BigInt(timeNano), container, kind: 'event', action, attributes: Attributes }];
  });
  for (const file of existsSync(path.join(folder, 'logs')) ? readdirSync(path.join(folder, 'logs')) : []) {
    const [, container = '', stream] = /^(.+)\.(stdout|stderr)\.log$/.exec(file) ?? [];
    if (stream === undefined || !known.has(container)) {
      complain(`logs/${file}`, 'must be CONTAINER.stdout.log or CONTAINER.stderr.log, of a container in inspect.json');
      continue;
    }
    for (const [at, line] of linesOf(readFileSync(path.join(folder, 'logs', file), 'utf8')).entries()) {
      const nanos = nanosOf(line.slice(0, line.indexOf(' ') < 0 ? undefined : line.indexOf(' ')));
      if (nanos === undefined) complain(`logs/${file}`, `line ${at + 1}: must begin with a time, as of docker logs -t`);
      else {
        const text = line.includes(' ') ? line.slice(line.indexOf(' ') + 1) : '';
        steps.push({ nanos, container, kind: 'line', stream: stream as StreamName, text });
      }
    }
  }
  steps.sort((a, b) => (a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0));
  if (truth !== undefined) problems.push(...disagreements(truth, known, containers, steps).map((p) => `${name}/${p}`));
  if (problems.length > 0 || truth === undefined) return { ok: false, problems };
  return { ok: true, incident: { name, truth, containers, steps } };
}

/** What the truth says that the recording does not have. */
function disagreements(
  truth: Truth,
  known: ReadonlySet<string>,
  containers: readonly Inspected[],
  steps: readonly Step[],
): readonly string[] {
  const problems: string[] = [];
  const named = [
    ...(truth.cause === undefined ? [] : [['cause', truth.cause] as const]),
    ...truth.members.map((name) => ['members', name] as const),
    ...[...truth.allowed, ...truth.forbidden].map((one) => ['allowed, forbidden', one.split(' ')[1] ?? ''] as const),
  ];
  for (const [key, name] of named)
    if (name !== '*' && !known.has(name)) problems.push(`truth.yaml: ${key}: inspect.json has no container "${name}"`);
  const outputs = containers.flatMap(({ State }) => State.Health?.Log?.map(({ Output }) => Output) ?? []);
  const texts = [...steps.flatMap((step) => (step.kind === 'line' ? [step.text] : [])), ...outputs];
  for (const [key, wanted] of [
    ...truth.evidence.map((one) => ['evidence', one] as const),
    ...truth.secrets.map((one) => ['secrets', one] as const),
  ]) {
    const inSettings = containers.some(({ Config }) => Config.Env?.some((one) => one.includes(wanted)));
    if (!texts.some((line) => line.includes(wanted)) && !(key === 'secrets' && inSettings))
      problems.push(`truth.yaml: ${key}: no line of a log contains "${wanted}"`);
  }
  const begins = nanosOf(truth.begins) ?? 0n;
  if (!steps.some(({ nanos }) => nanos >= begins)) problems.push('truth.yaml: begins: nothing happens after this time');
  return problems;
}

/** The nanoseconds do not fit a number. */
function parseEvent(line: string): unknown {
  return JSON.parse(line.replace(/"timeNano":\s*(\d+)/, '"timeNano":"$1"'));
}

export function nameOf({ Name }: Inspected): string {
  return Name.replace(/^\//, '');
}

const linesOf = (text: string): readonly string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));

/** A time with up to nine digits of fraction, in UTC. Undefined if it is something else. */
export function nanosOf(time: string): bigint | undefined {
  const [, seconds, fraction = ''] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/.exec(time) ?? [];
  const ms = seconds === undefined ? Number.NaN : Date.parse(`${seconds}Z`);
  return Number.isNaN(ms) ? undefined : BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}
