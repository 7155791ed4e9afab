import type { ContainerFacts } from '../../domain/containers.ts';
import { processEnded } from '../detectors.ts';
import type { RuleMatch } from '../ports/model.ts';
import { LOG_RULES, NO_SPACE_LEFT } from './log-rules.ts';
import { assessment, type DiagnosisRule, endedAtStart, hasLine, type RuleInput } from './rule.ts';

const MIB = 1024 * 1024;

const memory = (facts?: ContainerFacts) =>
  facts && facts.memoryLimit > 0 ? `its limit of ${Math.round(facts.memoryLimit / MIB)} MiB` : 'the available memory';

/** Strongest first: facts from the engine come before the log, specific rules before general ones. */
const RULES: readonly DiagnosisRule[] = [
  NO_SPACE_LEFT,
  {
    name: 'out_of_memory',
    unambiguous: true,
    matches: ({ killedForMemory }) => killedForMemory === true,
    assessment: ({ facts }) =>
      assessment(
        `The kernel killed the container because it used more than ${memory(facts)}.`,
        'Raise the memory limit (mem_limit, or docker update --memory), or find the cause of the growth: a leak, an unbounded cache, too many workers.',
        {
          severity: 'high',
          autoRestartSafe: true,
          likelyRecurring: true,
          configSuggestions: ['Raise mem_limit', 'Set the runtime’s own heap limit below the container’s'],
          estimatedImpact: 'It serves no requests until it is restarted.',
        },
      ),
  },
  {
    name: 'child_out_of_memory',
    unambiguous: true,
    matches: (input) => input.detectors.includes('oom') && !processEnded(input.detectors),
    assessment: ({ facts }) =>
      assessment(
        `The kernel killed a process in the container, not its main process, because the container used more than ${memory(facts)}.`,
        'Raise the memory limit (mem_limit, or docker update --memory), or find the process that grows: a worker, or a command run with docker exec. A restart of the container does not help.',
        {
          severity: 'medium',
          likelyRecurring: true,
          configSuggestions: ['Raise mem_limit', 'Fewer workers, or a memory limit for each worker'],
          estimatedImpact: 'The work of that process failed. The main process is still running.',
        },
      ),
  },
  {
    name: 'heap_exhausted',
    matches: hasLine(
      /java\.lang\.OutOfMemoryError|JavaScript heap out of memory|\bMemoryError\b|cannot allocate memory|runtime: out of memory|\bstd::bad_alloc\b|Allowed memory size of \d+ bytes exhausted|memory allocation of \d+ bytes failed/i,
    ),
    assessment: ({ facts }) =>
      assessment(
        `The process ran out of heap memory, within ${memory(facts)}.`,
        'Raise the runtime’s heap limit (-Xmx, --max-old-space-size) together with the container’s limit, or find the cause of the growth.',
        {
          severity: 'high',
          autoRestartSafe: true,
          likelyRecurring: true,
          estimatedImpact: 'Requests fail until it is restarted.',
        },
      ),
  },
  ...LOG_RULES,
  {
    name: 'connection_pool_exhausted',
    matches: hasLine(
      /pool .{0,60}(?:exhausted|limit|reached|timed? ?out)|too many (?:clients|connections)|remaining connection slots|QueuePool limit/i,
    ),
    assessment: () =>
      assessment(
        'All connections to the database are in use: the pool is exhausted, or the server’s limit is reached.',
        'Look for leaked connections and slow queries (pg_stat_activity, SHOW PROCESSLIST). Then raise the pool size or the server’s limit.',
        {
          severity: 'high',
          autoRestartSafe: true,
          likelyRecurring: true,
          configSuggestions: ['Pool size and overflow', 'A timeout for idle transactions'],
          estimatedImpact: 'Requests that need the database wait or fail.',
        },
      ),
  },
  {
    name: 'transient_timeout',
    matches: (input) =>
      !processEnded(input.detectors) &&
      input.detector === 'log' &&
      /time[d ]?[- ]?out|ETIMEDOUT|deadline exceeded|ECONNRESET|connection reset|EPIPE|broken pipe/i.test(
        input.evidence,
      ),
    assessment: () =>
      assessment(
        'A single operation timed out or lost its connection.',
        'Nothing for now. If it happens again, check the other side of the connection.',
        { severity: 'low', estimatedImpact: 'One request failed.' },
      ),
  },
  {
    name: 'connection_refused',
    matches: hasLine(/connection refused|ECONNREFUSED/i),
    assessment: () =>
      assessment(
        'A service that it depends on does not accept connections.',
        'Check that the other service runs and listens on the expected address and port.',
        {
          severity: 'medium',
          estimatedImpact: 'Everything that needs this service fails until it is available again.',
        },
      ),
  },
  {
    name: 'unhealthy',
    matches: ({ detectors }) => detectors.includes('health'),
    assessment: ({ facts }) => {
      const last = facts?.healthLog.at(-1);
      return assessment(
        `Its health check fails${last ? ` (exit code ${last.exitCode})` : ''}: the process runs but does not respond correctly.`,
        'Look at what the health check does and at the load of the container. If the process hangs, a restart helps.',
        { severity: 'high', autoRestartSafe: true, estimatedImpact: 'It runs but probably serves no requests.' },
      );
    },
  },
  {
    name: 'crash_at_start',
    matches: endedAtStart,
    assessment: ({ exitCode }) =>
      assessment(
        `It exited with code ${exitCode ?? 'unknown'} right after it started. The likely cause is its configuration, its image or a dependency.`,
        'Read the last lines of its log. Find what has changed since it last ran: image tag, environment, volumes.',
        {
          severity: 'high',
          estimatedImpact: 'It is down. After a restart it would most likely fail again.',
          likelyRecurring: true,
        },
      ),
  },
  {
    name: 'crash',
    matches: ({ detectors }) => processEnded(detectors),
    assessment: ({ exitCode }) =>
      assessment(
        `The process exited with code ${exitCode ?? 'unknown'}. Nobody stopped it.`,
        'Read the last lines of its log for the reason. With a restart policy, the engine restarts it.',
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
    matches: hasLine(/\b(?:fatal|panic|segmentation fault|core dumped)\b/i),
    assessment: () =>
      assessment('The process reported a fatal error.', 'Read the surrounding lines of the log for the reason.', {
        severity: 'high',
        estimatedImpact: 'The process may have exited or stopped working.',
      }),
  },
  {
    name: 'error_logged',
    matches: () => true,
    assessment: () =>
      assessment(
        'The application logged an error that no built-in rule recognizes.',
        'Read the surrounding lines of the log.',
        {},
      ),
  },
];

/** All rules that match, strongest first. At least one matches. */
export function applyRules(input: RuleInput): readonly RuleMatch[] {
  return RULES.filter((rule) => rule.matches(input)).map((rule) => ({
    rule: rule.name,
    assessment: rule.assessment(input),
    vetoesRestart: rule.vetoesRestart === true,
  }));
}

const UNAMBIGUOUS = new Set(RULES.filter((rule) => rule.unambiguous).map((rule) => rule.name));

/** See DiagnosisRule. */
export function isUnambiguous(rule: string): boolean {
  return UNAMBIGUOUS.has(rule);
}
