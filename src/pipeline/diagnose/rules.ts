import type { ContainerFacts, Detector, Finding, RuleFinding } from '../../domain.ts';

/** What the rules look at. */
export interface RuleInput {
  readonly detector: Detector;
  /** What was detected in words, with the telling record first; redacted. */
  readonly evidence: string;
  /** The last lines before it; redacted. */
  readonly logLines: readonly string[];
  readonly facts?: ContainerFacts;
  /** Joined signals included. */
  readonly detectors: readonly Detector[];
  readonly exitCode?: number;
}

interface Rule {
  readonly name: string;
  readonly matches: (input: RuleInput) => boolean;
  readonly finding: (input: RuleInput) => Finding;
  readonly vetoesRestart?: true;
}

const MIB = 1024 * 1024;
/** A process that lived so short died of how it was started: a restart would meet the same. */
const DIED_AT_START_MS = 15_000;

const says =
  (pattern: RegExp) =>
  ({ evidence }: RuleInput) =>
    pattern.test(evidence);

const died = ({ detectors }: RuleInput) => detectors.includes('crash') || detectors.includes('crash_loop');

const diedAtStart = (input: RuleInput) =>
  died(input) &&
  input.facts !== undefined &&
  input.facts.finishedAt > 0 &&
  input.facts.finishedAt - input.facts.startedAt < DIED_AT_START_MS;

const memory = (facts?: ContainerFacts) =>
  facts && facts.memoryLimit > 0 ? `its limit of ${Math.round(facts.memoryLimit / MIB)} MiB` : 'the memory there is';

function finding(
  rootCause: string,
  suggestedFix: string,
  rest: Partial<Omit<Finding, 'rootCause' | 'suggestedFix'>>,
): Finding {
  return {
    rootCause,
    suggestedFix,
    severity: 'medium',
    autoRestartSafe: false,
    configSuggestions: [],
    likelyRecurring: false,
    estimatedImpact: 'Not known without looking further.',
    ...rest,
  };
}

/** Strongest first: facts of the engine before what a log says, the particular before the general. */
const RULES: readonly Rule[] = [
  {
    name: 'no_space_left',
    matches: says(/no space left on device|ENOSPC|disk (?:is )?full|could not (?:extend|write to) file .*space/i),
    vetoesRestart: true,
    finding: () =>
      finding(
        'No space is left on the disk that the container writes to.',
        'Free space first: `df -h` and `docker system df` show where it went; remove old logs, images (`docker image prune`) or data, or grow the volume. Then restart the container.',
        {
          severity: 'high',
          likelyRecurring: true,
          configSuggestions: [
            'Limit container logs: logging.options max-size and max-file',
            'Alert on disk use above 80 %',
          ],
          estimatedImpact: 'Every write fails until space is freed; a restart does not help and may lose data.',
        },
      ),
  },
  {
    name: 'out_of_memory',
    matches: ({ detectors, facts }) => detectors.includes('oom') || facts?.oomKilled === true,
    finding: ({ facts, detectors }) =>
      finding(
        `The kernel killed ${facts?.oomKilled || died({ detectors } as RuleInput) ? 'the container' : 'a process in the container'} because it used more than ${memory(facts)}.`,
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
    name: 'heap_exhausted',
    matches: says(/java\.lang\.OutOfMemoryError|JavaScript heap out of memory|\bMemoryError\b|Cannot allocate memory/),
    finding: ({ facts }) =>
      finding(
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
  {
    name: 'exec_format_error',
    matches: says(/exec format error/i),
    finding: () =>
      finding(
        'The program is built for another processor architecture than this host’s.',
        'Use an image for this platform (docker manifest inspect IMAGE; platform: in compose), or rebuild it with docker buildx.',
        { severity: 'high', estimatedImpact: 'The container cannot start here.', likelyRecurring: true },
      ),
  },
  {
    name: 'port_in_use',
    matches: says(/address already in use|EADDRINUSE|port is already allocated|bind: .*in use/i),
    finding: () =>
      finding(
        'The port that it listens on is already taken.',
        'Find the other listener (`ss -ltnp`, `docker ps --filter publish=PORT`), stop it, or change the port.',
        { severity: 'high', estimatedImpact: 'It cannot serve until the port is free.' },
      ),
  },
  {
    name: 'certificate_expired',
    matches: says(/certificate (?:has )?expired|CERT_HAS_EXPIRED|x509: certificate has expired/i),
    finding: () =>
      finding(
        'A TLS certificate has expired.',
        'Renew the certificate and reload who uses it; check the clock of the host.',
        {
          severity: 'high',
          likelyRecurring: true,
          configSuggestions: ['Renew certificates automatically, and alert two weeks before they expire'],
          estimatedImpact: 'Every connection that needs this certificate fails.',
        },
      ),
  },
  {
    name: 'permission_denied',
    matches: says(/permission denied|EACCES|operation not permitted|EPERM/i),
    finding: () =>
      finding(
        'It may not read or write something that it needs (often a bind mount owned by another user).',
        'Compare the user in the container (docker exec NAME id) with the owner of the path on the host (ls -ln); chown it, or set user: in compose.',
        {
          severity: 'medium',
          estimatedImpact: 'What needs that path fails until the permission is mended.',
          likelyRecurring: true,
        },
      ),
  },
  {
    name: 'connection_pool_exhausted',
    matches: says(
      /pool .{0,60}(?:exhausted|limit|reached|timed? ?out)|too many (?:clients|connections)|remaining connection slots|QueuePool limit/i,
    ),
    finding: () =>
      finding(
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
    name: 'name_not_resolved',
    matches: says(
      /could not resolve host|ENOTFOUND|EAI_AGAIN|name or service not known|temporary failure in name resolution|no such host/i,
    ),
    finding: () =>
      finding(
        'A host name that it depends on cannot be resolved.',
        'Check that the other container runs and shares a network (docker network inspect), and the spelling of the name.',
        { severity: 'medium', estimatedImpact: 'What needs that host fails.' },
      ),
  },
  {
    name: 'missing_file_or_variable',
    matches: (input) =>
      /no such file or directory|ENOENT|environment variable .{0,60}(?:not set|missing|required)|missing required (?:env|config|setting)|KeyError: '[A-Z][A-Z0-9_]+'/i.test(
        input.evidence,
      ) && diedAtStart(input),
    finding: () =>
      finding(
        'A file or an environment variable that it needs at start is missing.',
        'The log names it: check volumes, env_file and the spelling.',
        { severity: 'high', estimatedImpact: 'It cannot start; a restart meets the same.', likelyRecurring: true },
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
    finding: () =>
      finding(
        'A single operation took too long or lost its connection.',
        'Nothing now. If it comes back, look at the other side of the connection.',
        { severity: 'low', estimatedImpact: 'One request failed.' },
      ),
  },
  {
    name: 'connection_refused',
    matches: says(/connection refused|ECONNREFUSED/i),
    finding: () =>
      finding(
        'Something that it depends on does not accept connections.',
        'Check that the other service runs and listens where it is looked for.',
        { severity: 'medium', estimatedImpact: 'What needs that service fails until it is back.' },
      ),
  },
  {
    name: 'unhealthy',
    matches: ({ detectors }) => detectors.includes('health'),
    finding: ({ facts }) => {
      const last = facts?.healthLog.at(-1);
      return finding(
        `Its health check fails${last ? ` (exit code ${last.exitCode})` : ''}: the process runs but does not answer as it should.`,
        'Look at what the check asks and at the load of the container; a hung process is freed by a restart.',
        { severity: 'high', autoRestartSafe: true, estimatedImpact: 'It is up but probably serves nobody.' },
      );
    },
  },
  {
    name: 'crash_at_start',
    matches: diedAtStart,
    finding: ({ exitCode }) =>
      finding(
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
    finding: ({ exitCode }) =>
      finding(
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
    finding: () =>
      finding('The process reported a fatal error.', 'Read the lines around it for the reason.', {
        severity: 'high',
        estimatedImpact: 'The process may have ended or be unable to go on.',
      }),
  },
  {
    name: 'error_logged',
    matches: () => true,
    finding: () =>
      finding(
        'The application logged an error that no built-in rule knows.',
        'Read the lines around it; with ANTHROPIC_API_KEY set, Claude would be asked.',
        {},
      ),
  },
];

/** Every rule that matches, strongest first; at least one always does. */
export function applyRules(input: RuleInput): readonly RuleFinding[] {
  return RULES.filter((rule) => rule.matches(input)).map((rule) => ({
    rule: rule.name,
    finding: rule.finding(input),
    vetoesRestart: rule.vetoesRestart === true,
  }));
}
