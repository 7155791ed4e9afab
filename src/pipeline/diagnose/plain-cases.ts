/**
 * The plain cases: what a log says in words that every program shares (errno texts, codes of runtimes), or
 * the engine as a fact. Each pattern wants words that an application's own messages do not have:
 * "permission denied" alone is as likely a user without a role.
 */
import { assessment, detailIn, diedAtStart, type Rule, says } from './rule.ts';

const NO_SPACE =
  /no space left on device|\bENOSPC\b|\bEDQUOT\b|disk quota exceeded|\b(?:database or )?disk (?:is )?full(?! ?(?:check|alert|test|threshold|warning))\b|not enough space on the disk|flood stage disk watermark/i;
/** The kernel says ENOSPC of its watch table too. */
const NO_WATCHES = /inotify|file watchers/i;

const EXEC_FORMAT = /\bexec format error\b/i;

const PORT_IN_USE =
  /\bEADDRINUSE\b|(?:\bbind|\blisten|\bsocket|errno 98|\(98:|BindException)[^\n]{0,200}address (?:is )?already in use|address (?:is )?already in use \(os error 98\)|\bport (?:\d{1,5} )?is already (?:allocated|in use)|Ports are not available/i;
const PORT = /(?::::?|\bport |:)(\d{2,5})(?!\d|[.:]\d)/i;

const CERTIFICATE_EXPIRED =
  /\bCERT_HAS_EXPIRED\b|\bCertificateExpiredException\b|(?:x509|\bssl|\btls|depth lookup|certificate_verify_failed|handshake)[^\n]{0,200}certificate (?:has )?expired|certificate (?:has )?expired[^\n]{0,120}(?:x509|\bssl|\btls|handshake|TLSSocket)|(?:^|\s)Error: certificate has expired/i;

const A_PATH = '[\'"`‘“]?(?:\\.{0,2}/|[A-Z]:\\\\)[^\\s\'"`’”:,;()]{1,200}';
const FILE_DENIED = new RegExp(
  [
    '\\bEACCES\\b',
    '\\berrno 13\\b',
    '\\(13: permission denied\\)',
    'AccessDeniedException: /',
    `${A_PATH}[^\\n]{0,80}permission denied`,
    `permission denied[^\\n]{0,40}${A_PATH}`,
    'could not (?:open|create|access|write|read|stat) [^\\n]{0,20}(?:file|directory)[^\\n]{0,200}permission denied',
    '(?:\\bEPERM\\b|(?:chown|chmod|mount|changing (?:ownership|permissions))[^\\n]{0,200}operation not permitted)',
  ].join('|'),
  'i',
);
/** Requests of users, shells of other machines, and ports: not files. */
const NO_FILE =
  /\bHTTP\b|https?:|\b(?:GET|POST|PUT|PATCH|DELETE|HEAD)\b|\b40[13]\b|publickey|permission_denied|permission denied for |\b(?:listen|bind)\b/i;
const PATH = /(?:^|[\s'"`‘“(:=])((?:\.{0,2}\/)[\w.@+/-]{1,120})/;

const PRIVILEGED_PORT = /\b(?:listen|bind)\b[^\n]{0,120}(?:EACCES|permission denied)|EACCES[^\n]{0,40}:\d{1,4}\b/i;

const READ_ONLY = /\bEROFS\b|read-only file ?system/i;

const NAME_NOT_RESOLVED =
  /could(?: not|n't) resolve host|getaddrinfo[^\n]{0,60}(?:ENOTFOUND|EAI_AGAIN|failed)|\b(?:ENOTFOUND|EAI_AGAIN)\b[^\n]{0,60}getaddrinfo|query[A-Z]{1,5} E(?:NOTFOUND|SERVFAIL)|\bname (?:or service not known|does not resolve)\b|temporary failure in name resolution|\blookup [^\n]{1,200}: (?:no such host|server misbehaving)|could not translate host name|\bUnknownHostException\b|host not found in upstream|nodename nor servname provided/i;
const HOST =
  /(?:getaddrinfo (?:ENOTFOUND|EAI_AGAIN)|resolve host:?|lookup|host name|UnknownHostException:|in upstream) ["']?([A-Za-z0-9][\w.-]{0,100})/i;

const MISSING_AT_START =
  /no such file or directory|\bENOENT\b|executable file not found|: (?:command )?not found$|Cannot find module|ModuleNotFoundError|\benvironment variables? [^\n]{0,80}(?:not set|missing|required|undefined|must be)|missing (?:required )?(?:env|environment|config|configuration|setting)\b|(?:required|must (?:be set|specify|provide))[^\n]{0,60}environment variable|specify one of the following as an environment variable|superuser password is not specified|config(?:uration)? file [^\n]{0,120}(?:not found|does not exist)/i;
/** A name in capitals is a variable's. */
const MISSING_VARIABLE =
  /KeyError: '[A-Z][A-Z0-9_]+'|\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b["'`]?:? (?:(?:is|was) )?(?:not set|unset|missing|required|undefined|must be set|unbound variable|parameter not set)/;
const MISSING_NAME =
  /(?:KeyError: '|variables? ["'`]?|^|\s)([A-Z][A-Z0-9]*_[A-Z0-9_]{1,60})|(?:open|stat|file|directory|module|exec:?|:)[ :]["'`]?([\w.@+/-]*\/[\w.@+/-]{1,100})/;

const CREDENTIALS_REFUSED =
  /password authentication failed for user|\bAccess denied for user '[^'\n]{0,64}'@|\bWRONGPASS\b|\bNOAUTH\b|MongoServerError: Authentication failed|ACCESS_REFUSED[^\n]{0,40}Login was refused|no pg_hba\.conf entry/i;

export const NO_SPACE_LEFT: Rule = {
  name: 'no_space_left',
  plain: true,
  matches: says(NO_SPACE, NO_WATCHES),
  vetoesRestart: true,
  assessment: () =>
    assessment(
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
};

/** The particular before the general. */
export const PLAIN_CASES: readonly Rule[] = [
  {
    name: 'exec_format_error',
    plain: true,
    matches: says(EXEC_FORMAT),
    assessment: () =>
      assessment(
        'The program cannot be executed on this host: it is built for another processor architecture, or it is a script without a `#!` line.',
        'Use an image for this platform (`docker manifest inspect IMAGE` lists them; `platform:` in compose), or rebuild it with `docker buildx build --platform`. For a script: put `#!/bin/sh` on its first line, with Unix line ends.',
        { severity: 'high', estimatedImpact: 'The container cannot start here.', likelyRecurring: true },
      ),
  },
  {
    name: 'port_in_use',
    plain: true,
    matches: says(PORT_IN_USE),
    assessment: (input) =>
      assessment(
        `The port that it listens on${detailIn(input, PORT_IN_USE, PORT)} is already taken.`,
        'Find the other listener (`ss -ltnp`, `docker ps --filter publish=PORT`; with `network_mode: host` or a shared network also the neighbours), stop it, or change the port.',
        {
          severity: 'high',
          estimatedImpact: 'It cannot serve until the port is free.',
          configSuggestions: ['Another port in ports: or in the program’s own settings'],
        },
      ),
  },
  {
    name: 'certificate_expired',
    plain: true,
    matches: says(CERTIFICATE_EXPIRED),
    assessment: () =>
      assessment(
        'A TLS certificate has expired.',
        'Find which (`openssl s_client -connect HOST:PORT </dev/null | openssl x509 -noout -dates`), renew it, and reload who serves it; check the clock of the host too (`date -u`).',
        {
          severity: 'high',
          likelyRecurring: true,
          configSuggestions: ['Renew certificates automatically, and alert two weeks before they expire'],
          estimatedImpact: 'Every connection that needs this certificate fails.',
        },
      ),
  },
  {
    name: 'privileged_port',
    plain: true,
    matches: says(PRIVILEGED_PORT),
    assessment: (input) =>
      assessment(
        `It may not listen on a port below 1024${detailIn(input, PRIVILEGED_PORT, PORT)} as the user it runs as.`,
        'Listen on a port above 1023 and map it (`ports: "80:8080"`), or allow it: `cap_add: [NET_BIND_SERVICE]`, or `sysctls: net.ipv4.ip_unprivileged_port_start=0`.',
        { severity: 'high', likelyRecurring: true, estimatedImpact: 'It does not serve; a restart meets the same.' },
      ),
  },
  {
    name: 'permission_denied',
    plain: true,
    matches: says(FILE_DENIED, NO_FILE),
    assessment: (input) =>
      assessment(
        `It may not read or write a file or directory that it needs${detailIn(input, FILE_DENIED, PATH)}, often a bind mount owned by another user.`,
        'Compare the user in the container (`docker exec NAME id`) with the owner of the path on the host (`ls -ln`); `chown -R UID:GID` it, or set `user:` in compose. With SELinux, add `:z` to the mount.',
        {
          severity: 'medium',
          estimatedImpact: 'What needs that path fails until the permission is mended.',
          likelyRecurring: true,
        },
      ),
  },
  {
    name: 'read_only_file_system',
    plain: true,
    matches: says(READ_ONLY),
    assessment: (input) =>
      assessment(
        `It writes where nothing may be written${detailIn(input, READ_ONLY, PATH)}: the file system is mounted read-only.`,
        'Give it a place to write: a volume, or `tmpfs:` for that path; or drop `read_only: true` or `:ro`. If it was writable before, the host remounted a failing disk: look at `dmesg`.',
        { severity: 'high', likelyRecurring: true, estimatedImpact: 'What it writes there is lost or fails.' },
      ),
  },
  {
    name: 'credentials_refused',
    plain: true,
    matches: says(CREDENTIALS_REFUSED),
    assessment: () =>
      assessment(
        'A service that it depends on refuses its user name or password.',
        'Compare the credentials on both sides. A database that already has a volume keeps the password it was first started with: changing its variable later changes nothing (`ALTER USER … PASSWORD`, or a new volume).',
        { severity: 'high', likelyRecurring: true, estimatedImpact: 'What needs that service fails.' },
      ),
  },
  {
    name: 'name_not_resolved',
    plain: true,
    matches: says(NAME_NOT_RESOLVED),
    assessment: (input) =>
      assessment(
        `A host name that it depends on${detailIn(input, NAME_NOT_RESOLVED, HOST)} cannot be resolved.`,
        'Check that the other container runs and shares a network with this one (`docker network inspect NETWORK`), and the spelling: containers are found by service name, never as localhost. For names outside, check the DNS of the host.',
        {
          severity: 'medium',
          configSuggestions: ['depends_on: with condition: service_healthy'],
          estimatedImpact: 'What needs that host fails.',
        },
      ),
  },
  {
    name: 'missing_file_or_variable',
    plain: true,
    matches: (input) => diedAtStart(input) && (says(MISSING_AT_START)(input) || says(MISSING_VARIABLE)(input)),
    assessment: (input) =>
      assessment(
        `Something that it needs at start is missing${detailIn(input, MISSING_VARIABLE, MISSING_NAME) || detailIn(input, MISSING_AT_START, MISSING_NAME)}: a file, a program or an environment variable.`,
        'Check the spelling, `environment:` and `env_file:` (`docker compose config` shows what arrives), and `volumes:`: a bind mount of a host path that does not exist is an empty directory.',
        { severity: 'high', estimatedImpact: 'It cannot start; a restart meets the same.', likelyRecurring: true },
      ),
  },
];
