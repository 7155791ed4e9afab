import type { ContainerFacts } from '../../domain.ts';
import type { RuleMatch } from '../ports.ts';
import { NO_SPACE_LEFT, PLAIN_CASES } from './plain-cases.ts';
import { assessment, died, diedAtStart, type Rule, type RuleInput, says } from './rule.ts';

export type { RuleInput } from './rule.ts';

const MIB = 1024 * 1024;

const memory = (facts?: ContainerFacts) =>
  facts && facts.memoryLimit > 0 ? `its limit of ${Math.round(facts.memoryLimit / MIB)} MiB` : 'the memory there is';

/** Strongest first: facts of the engine before what a log says, the particular before the general. */
const RULES: readonly Rule[] = [
  NO_SPACE_LEFT,
  {
    name: 'out_of_memory',
    plain: true,
    matches: ({ killedForMemory }) => killedForMemory === true,
    assessment: ({ facts }) =>
      assessment(
        `The kernel killed the container because it used more than ${memory(facts)}.`,
        'Raise the memory limit (mem_limit, or docker update --memory), or find what grows: a leak, an unbounded cache, too many workers.',
        {
          severity: 'high',
          autoRestartSafe: true,
          likelyRecurring: true,
          configSuggestions: ['Raise mem_limit', 'Set the runtime’s own heap limit below the container’s'],
          estimatedImpact: 'What the container served is down or was cut off until it is restarted.',
        },
      ),
  },
  {
    name: 'child_out_of_memory',
    plain: true,
    matches: (input) => input.detectors.includes('oom') && !died(input),
    assessment: ({ facts }) =>
      assessment(
        `The kernel killed a process in the container, not its main process, because the container used more than ${memory(facts)}.`,
        'Raise the memory limit (mem_limit, or docker update --memory), or find what grows: a worker, or a command run with docker exec. A restart of the main process does not help.',
        {
          severity: 'medium',
          likelyRecurring: true,
          configSuggestions: ['Raise mem_limit', 'Fewer workers, or a memory limit for each'],
          estimatedImpact: 'What that process did failed; the main process runs on.',
        },
      ),
  },
  {
    name: 'heap_exhausted',
    matches: says(
      /java\.lang\.OutOfMemoryError|JavaScript heap out of memory|\bMemoryError\b|cannot allocate memory|runtime: out of memory|\bstd::bad_alloc\b|Allowed memory size of \d+ bytes exhausted|memory allocation of \d+ bytes failed/i,
    ),
    assessment: ({ facts }) =>
      assessment(
        `The process ran out of memory of its own (heap), within ${memory(facts)}.`,
        'Raise the runtime’s heap limit (-Xmx, --max-old-space-size) together with the container’s limit, or find what grows.',
        {
          severity: 'high',
          autoRestartSafe: true,
          likelyRecurring: true,
          estimatedImpact: 'Requests fail until it is restarted.',
        },
      ),
  },
  ...PLAIN_CASES,
  {
    name: 'connection_pool_exhausted',
    matches: says(
      /pool .{0,60}(?:exhausted|limit|reached|timed? ?out)|too many (?:clients|connections)|remaining connection slots|QueuePool limit/i,
    ),
    assessment: () =>
      assessment(
        'All connections to the database are in use: the pool or the server’s limit is exhausted.',
        'Look for connections that are not given back and for slow queries (pg_stat_activity, SHOW PROCESSLIST); then raise the pool size or the server’s limit.',
        {
          severity: 'high',
          autoRestartSafe: true,
          likelyRecurring: true,
          configSuggestions: ['Pool size and overflow', 'A time limit on idle transactions'],
          estimatedImpact: 'Requests that need the database wait or fail.',
        },
      ),
  },
  {
    name: 'transient_timeout',
    matches: (input) =>
      !died(input) &&
      input.detector === 'log' &&
      /time[d ]?[- ]?out|ETIMEDOUT|deadline exceeded|ECONNRESET|connection reset|EPIPE|broken pipe/i.test(
        input.evidence,
      ),
    assessment: () =>
      assessment(
        'A single operation took too long or lost its connection.',
        'Nothing now. If it comes back, look at the other side of the connection.',
        { severity: 'low', estimatedImpact: 'One request failed.' },
      ),
  },
  {
    name: 'connection_refused',
    matches: says(/connection refused|ECONNREFUSED/i),
    assessment: () =>
      assessment(
        'Something that it depends on does not accept connections.',
        'Check that the other service runs and listens where it is looked for.',
        { severity: 'medium', estimatedImpact: 'What needs that service fails until it is back.' },
      ),
  },
  {
    name: 'unhealthy',
    matches: ({ detectors }) => detectors.includes('health'),
    assessment: ({ facts }) => {
      const last = facts?.healthLog.at(-1);
      return assessment(
        `Its health check fails${last ? ` (exit code ${last.exitCode})` : ''}: the process runs but does not answer as it should.`,
        'Look at what the check asks and at the load of the container; a hung process is freed by a restart.',
        { severity: 'high', autoRestartSafe: true, estimatedImpact: 'It is up but probably serves nobody.' },
      );
    },
  },
  {
    name: 'crash_at_start',
    matches: diedAtStart,
    assessment: ({ exitCode }) =>
      assessment(
        `It ended with exit code ${exitCode ?? 'unknown'} right after its start: likely its configuration, image or a dependency.`,
        'Read the lines above; compare what changed (image tag, environment, volumes) with the last time it ran.',
        {
          severity: 'high',
          estimatedImpact: 'It is down; a restart would most likely meet the same.',
          likelyRecurring: true,
        },
      ),
  },
  {
    name: 'crash',
    matches: died,
    assessment: ({ exitCode }) =>
      assessment(
        `The process ended unasked with exit code ${exitCode ?? 'unknown'}.`,
        'Read the lines above for the reason; a restart policy in compose brings it back by itself.',
        {
          severity: 'high',
          autoRestartSafe: true,
          estimatedImpact: 'It is down.',
          configSuggestions: ['restart: unless-stopped'],
        },
      ),
  },
  {
    name: 'fatal_error',
    matches: says(/\b(?:fatal|panic|segmentation fault|core dumped)\b/i),
    assessment: () =>
      assessment('The process reported a fatal error.', 'Read the lines around it for the reason.', {
        severity: 'high',
        estimatedImpact: 'The process may have ended or be unable to go on.',
      }),
  },
  {
    name: 'error_logged',
    matches: () => true,
    assessment: () =>
      assessment(
        'The application logged an error that no built-in rule knows.',
        'Read the lines around it; with ANTHROPIC_API_KEY set, Claude would be asked.',
        {},
      ),
  },
];

/** Every rule that matches, strongest first; at least one always does. */
export function applyRules(input: RuleInput): readonly RuleMatch[] {
  return RULES.filter((rule) => rule.matches(input)).map((rule) => ({
    rule: rule.name,
    assessment: rule.assessment(input),
    vetoesRestart: rule.vetoesRestart === true,
  }));
}

const PLAIN = new Set(RULES.filter((rule) => rule.plain).map((rule) => rule.name));

/** Whether this rule's answer needs no second opinion (`DIAGNOSE_WITH=rules-first`). */
export function isPlain(rule: string): boolean {
  return PLAIN.has(rule);
}
