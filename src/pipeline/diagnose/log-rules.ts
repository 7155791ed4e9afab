/**
 * Unambiguous rules on the text of logs and of the engine's errors: errno texts, and error codes of runtimes. Each
 * pattern needs more than an application's own message may contain: "permission denied" alone could be about a user
 * without a role.
 */
import { assessment, type DiagnosisRule, detailIn, endedAtStart, hasLine } from './rule.ts';

const NO_SPACE =
  /no space left on device|\bENOSPC\b|\bEDQUOT\b|disk quota exceeded|\b(?:database or )?disk (?:is )?full(?! ?(?:check|alert|test|threshold|warning))\b|not enough space on the disk|flood stage disk watermark/i;
/**
 * The kernel returns ENOSPC also if the limit of file watchers is reached. Node prints the code of an error once more on
 * a line of its own.
 */
const NO_WATCHES = /inotify|file watchers|^\s*code: ['"]ENOSPC/i;

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
/** HTTP requests, remote shells, database roles and ports: not files. */
const NOT_A_FILE =
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
/** A name in capitals is that of a variable. */
const MISSING_VARIABLE =
  /KeyError: '[A-Z][A-Z0-9_]+'|\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b["'`]?:? (?:(?:is|was) )?(?:not set|unset|missing|required|undefined|must be set|unbound variable|parameter not set)/;
const MISSING_NAME =
  /(?:KeyError: '|variables? ["'`]?|^|\s)([A-Z][A-Z0-9]*_[A-Z0-9_]{1,60})|(?:open|stat|file|directory|module|exec:?|:)[ :]["'`]?([\w.@+/-]*\/[\w.@+/-]{1,100})/;

const CREDENTIALS_REFUSED =
  /password authentication failed for user|\bAccess denied for user '[^'\n]{0,64}'@|\bWRONGPASS\b|\bNOAUTH\b|MongoServerError: Authentication failed|ACCESS_REFUSED[^\n]{0,40}Login was refused|no pg_hba\.conf entry/i;

export const NO_SPACE_LEFT: DiagnosisRule = {
  name: 'no_space_left',
  unambiguous: true,
  matches: hasLine(NO_SPACE, NO_WATCHES),
  vetoesRestart: true,
  assessment: () =>
    assessment(
      'No space is left on the disk that the container writes to.',
      'Free space first: `df -h` and `docker system df` show what uses it. Remove old logs, images (`docker image prune`) or data, or enlarge the volume. Then restart the container.',
      {
        severity: 'high',
        likelyRecurring: true,
        configSuggestions: [
          'Limit container logs: logging.options max-size and max-file',
          'Alert on disk use above 80 %',
        ],
        estimatedImpact: 'Every write fails until space is free. A restart does not help and may lose data.',
      },
    ),
};

/** More specific rules come first. */
export const LOG_RULES: readonly DiagnosisRule[] = [
  {
    name: 'exec_format_error',
    unambiguous: true,
    matches: hasLine(EXEC_FORMAT),
    assessment: () =>
      assessment(
        'The program cannot run on this host: it was built for another processor architecture, or it is a script without a `#!` line.',
        'Use an image for this platform (`docker manifest inspect IMAGE` lists the platforms; set `platform:` in compose), or rebuild the image with `docker buildx build --platform`. A script needs `#!/bin/sh` as its first line and Unix line endings.',
        { severity: 'high', estimatedImpact: 'The container cannot start on this host.', likelyRecurring: true },
      ),
  },
  {
    name: 'port_in_use',
    unambiguous: true,
    matches: hasLine(PORT_IN_USE),
    assessment: (input) =>
      assessment(
        `The port that it listens on${detailIn(input, PORT_IN_USE, PORT)} is already in use.`,
        'Find the other listener with `ss -ltnp` or `docker ps --filter publish=PORT` (with `network_mode: host` or a shared network namespace, it may be in another container). Stop it, or use another port.',
        {
          severity: 'high',
          estimatedImpact: 'It cannot serve requests until the port is free.',
          configSuggestions: ['Another port in ports: or in the program’s own settings'],
        },
      ),
  },
  {
    name: 'certificate_expired',
    unambiguous: true,
    matches: hasLine(CERTIFICATE_EXPIRED),
    assessment: () =>
      assessment(
        'A TLS certificate has expired.',
        'Find the certificate (`openssl s_client -connect HOST:PORT </dev/null | openssl x509 -noout -dates`), renew it and reload the server that uses it. Check the clock of the host too (`date -u`).',
        {
          severity: 'high',
          likelyRecurring: true,
          configSuggestions: ['Automatic renewal of certificates, and an alert two weeks before they expire'],
          estimatedImpact: 'All connections that use this certificate fail.',
        },
      ),
  },
  {
    name: 'privileged_port',
    unambiguous: true,
    matches: hasLine(PRIVILEGED_PORT),
    assessment: (input) =>
      assessment(
        `The user that it runs as is not allowed to listen on a port below 1024${detailIn(input, PRIVILEGED_PORT, PORT)}.`,
        'Listen on a port above 1023 and publish it (`ports: "80:8080"`), or allow low ports with `cap_add: [NET_BIND_SERVICE]` or `sysctls: net.ipv4.ip_unprivileged_port_start=0`.',
        {
          severity: 'high',
          likelyRecurring: true,
          estimatedImpact: 'It does not serve requests. After a restart it would fail again.',
        },
      ),
  },
  {
    name: 'permission_denied',
    unambiguous: true,
    matches: hasLine(FILE_DENIED, NOT_A_FILE),
    assessment: (input) =>
      assessment(
        `It has no permission for a file or directory that it needs${detailIn(input, FILE_DENIED, PATH)}. Often this is a bind mount owned by another user.`,
        'Compare the user in the container (`docker exec NAME id`) with the owner of the path on the host (`ls -ln`). Run `chown -R UID:GID` on the path, or set `user:` in compose. With SELinux, add `:z` to the mount.',
        {
          severity: 'medium',
          estimatedImpact: 'Everything that uses this path fails until the permissions are corrected.',
          likelyRecurring: true,
        },
      ),
  },
  {
    name: 'read_only_file_system',
    unambiguous: true,
    matches: hasLine(READ_ONLY),
    assessment: (input) =>
      assessment(
        `It writes to a file system that is mounted read-only${detailIn(input, READ_ONLY, PATH)}.`,
        'Mount a volume or a `tmpfs:` at this path, or remove `read_only: true` or `:ro`. If it was writable before, the host may have remounted a failing disk: check `dmesg`.',
        { severity: 'high', likelyRecurring: true, estimatedImpact: 'Writes to this path fail.' },
      ),
  },
  {
    name: 'credentials_refused',
    unambiguous: true,
    matches: hasLine(CREDENTIALS_REFUSED),
    assessment: () =>
      assessment(
        'A service that it depends on rejects its user name or password.',
        'Compare the credentials on both sides. A database with an existing volume keeps the password of its first start, whatever its variable says: use `ALTER USER … PASSWORD`, or a new volume.',
        { severity: 'high', likelyRecurring: true, estimatedImpact: 'Everything that needs this service fails.' },
      ),
  },
  {
    name: 'name_not_resolved',
    unambiguous: true,
    matches: hasLine(NAME_NOT_RESOLVED),
    assessment: (input) =>
      assessment(
        `A host name that it depends on${detailIn(input, NAME_NOT_RESOLVED, HOST)} cannot be resolved.`,
        'Check that the other container runs and shares a network with this one (`docker network inspect NETWORK`). Check the spelling: other containers are reached by service name, never as localhost. For external names, check the DNS of the host.',
        {
          severity: 'medium',
          configSuggestions: ['depends_on: with condition: service_healthy'],
          estimatedImpact: 'Everything that needs this host fails.',
        },
      ),
  },
  {
    name: 'missing_file_or_variable',
    unambiguous: true,
    matches: (input) => endedAtStart(input) && (hasLine(MISSING_AT_START)(input) || hasLine(MISSING_VARIABLE)(input)),
    assessment: (input) =>
      assessment(
        `Something that it needs to start is missing${detailIn(input, MISSING_VARIABLE, MISSING_NAME) || detailIn(input, MISSING_AT_START, MISSING_NAME)}: a file, a program or an environment variable.`,
        'Check the spelling, `environment:` and `env_file:` (`docker compose config` shows the result), and `volumes:` (a bind mount of a missing host path is an empty directory).',
        {
          severity: 'high',
          estimatedImpact: 'It cannot start. After a restart it would fail again.',
          likelyRecurring: true,
        },
      ),
  },
];
