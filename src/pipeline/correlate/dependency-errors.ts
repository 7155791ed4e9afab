/** Recognises errors that say "a dependency does not answer", and the hosts that they name. Linear in the text. */

/** Only the first part of a record is read: a long record repeats itself, in frames and causes. */
const MAX_TEXT = 8_192;
const MAX_HOSTS = 8;

/**
 * What clients print when a dependency cannot be reached or breaks off: errno names and texts of libc, Node, Go, Java,
 * Python, .NET, PHP, Ruby and database drivers, and the gateway statuses of HTTP.
 */
const DEPENDENCY_FAILURE = new RegExp(
  [
    'connection (?:was |is |has been )?(?:refused|reset|closed|aborted|terminated|timed out|lost|broken|dropped|failure)',
    'connection to .{0,120}(?:failed|refused|closed|lost)',
    'connect(?:ion)? (?:timed out|timeout|error|failed|failure)',
    'econn(?:refused|reset|aborted)|etimedout|ehostunreach|enetunreach|enotfound|eai_again|epipe\\b|esockettimedout',
    'no route to host|network is unreachable|host is (?:down|unreachable)|destination host unreachable',
    'name or service not known|temporary failure in name resolution|(?:could not|cannot|unable to|failed to) resolve',
    'no such host|unknown ?host|getaddrinfo|name resolution|nodename nor servname|server misbehaving|nxdomain',
    '(?:could not|cannot|can.t|unable to|failed to|failure to|error) (?:establish a )?connect(?:ing|ion)?\\b',
    'could not translate host name|lost connection|server (?:has )?(?:closed|terminated) the connection',
    'server closed the connection|terminating connection|connection pool (?:is )?(?:exhausted|timed? ?out)|pool timed? ?out',
    'timed? ?out (?:acquiring|waiting for|while waiting for) (?:a )?connection|connection is not available',
    'dial (?:tcp|udp)|i/o timeout|read timed out|request timed out|context deadline exceeded|deadline exceeded',
    'bad gateway|service unavailable|gateway time-?out|upstream (?:timed out|prematurely closed|connect error)',
    'no live upstreams|connect\\(\\) failed|broken pipe|socket hang up|unexpected eof|connection reset by peer',
    'communications link failure|sockettimeoutexception|connectexception|unknownhostexception|nohostavailable',
    '\\b(?:status|code|http(?:/[\\d.]+)?|returned|response)[ :=]{1,3}(?:code )?50[234]\\b|\\b50[234] (?:bad|service|gateway)',
    'is not reachable|unreachable|failed to reach|could not reach|cannot reach|refused to connect|not ready to accept',
    'leader not available|broker (?:may not be available|transport failure)|no brokers|all connection attempts failed',
    'max retries exceeded|cannot assign requested address|the database system is (?:starting up|shutting down)',
  ].join('|'),
  'i',
);

/** A cause of its own: no dependency explains it. */
const OWN_CAUSE = new RegExp(
  [
    'no space left|disk (?:is )?full|enospc|quota exceeded|read-only file system|erofs',
    'corrupt|checksum (?:mismatch|failed|error)|bad magic|malformed database|invalid page',
    'certificate (?:has )?expired|certificate is not yet valid|x509|self.signed certificate|cert(?:ificate)? verify failed',
    'permission denied|eacces|operation not permitted|access denied for|authentication failed',
    'out of memory|cannot allocate memory|oom|heap out of|too many open files|emfile|too many (?:clients|connections)',
    'address already in use|eaddrinuse|segmentation fault|panic:|assertion failed|deadlock detected',
  ].join('|'),
  'i',
);

/** Whether the text says that something else could not be reached or broke off. */
export function isDependencyFailure(text: string): boolean {
  return DEPENDENCY_FAILURE.test(text.slice(0, MAX_TEXT));
}

const NAME_RESOLUTION_FAILURE =
  /temporary failure in name resolution|eai_again|server misbehaving|enotfound|no such host|name or service not known|(?:could not|cannot|unable to|failed to) resolve|could not translate host name/i;

/** Whether the text says that a name could not be resolved. */
export function isNameResolutionFailure(text: string): boolean {
  return NAME_RESOLUTION_FAILURE.test(text.slice(0, MAX_TEXT));
}

/**
 * A cause that lies in the process or its host, such as a full disk, corruption or a certificate, in the words of the
 * text, lower case. Equal for an error and for the error of a client that relays it.
 */
export function ownCauseIn(texts: readonly string[]): string | undefined {
  for (const text of texts) {
    const found = OWN_CAUSE.exec(text.slice(0, MAX_TEXT))?.[0];
    if (found !== undefined) return found.toLowerCase();
  }
  return undefined;
}

export interface NamedHost {
  /** Lower case, without a final dot: a name or an IPv4 address. */
  readonly host: string;
  readonly port?: number;
  /** The position leaves no doubt that it is a host: a URL, a look-up, or `host:port` with a dotted name or address. */
  readonly certain: boolean;
}

const NAME = '[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9])?';

/** Positions in which clients print the host that they talk to. Each captures the host, and the port if printed. */
const CERTAIN: readonly RegExp[] = [
  new RegExp(`\\b[a-z][a-z0-9+.-]{1,20}://(?:[^\\s/@]{0,200}@)?(${NAME})(?::(\\d{1,5}))?`, 'gi'),
  new RegExp(
    `(?:ENOTFOUND|EAI_AGAIN|\\blookup|UnknownHostException:?|[Cc]ould not resolve host:?|translate host name|resolve host(?:name)?|resolving|unknown host) ["']?(${NAME})`,
    'g',
  ),
  new RegExp(`\\bserver (?:at|on) ["'](${NAME})["'](?: \\([\\d.]+\\))?(?:, port (\\d{1,5}))?`, 'g'),
  new RegExp(`\\bhost(?:name)?\\s?[=:]\\s?["']?(${NAME})["']?(?:,? ["']?port["']?\\s?[=:]\\s?(\\d{1,5}))?`, 'gi'),
  /(?<![\d.])((?:\d{1,3}\.){3}\d{1,3}):(\d{1,5})(?!\d)/g,
];
/** Here the word may be something else; it counts only if a container has that name. */
const POSSIBLE: readonly RegExp[] = [
  new RegExp(`(?<![\\w./-])(${NAME}):(\\d{2,5})(?!\\d)`, 'g'),
  new RegExp(
    `\\b(?:to|at|on|from|with|server|service|upstream|backend|address|host|broker|node|peer) ["'(]?(${NAME})(?::(\\d{1,5}))?`,
    'gi',
  ),
  /(?<![\d.])((?:\d{1,3}\.){3}\d{1,3})(?![\d.])/g,
];

const LOCAL = /^(?:localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0)$/;

/** The hosts that the text names, those in certain positions first, without the machine itself. */
export function hostsIn(text: string): readonly NamedHost[] {
  const start = text.slice(0, MAX_TEXT);
  const hosts = new Map<string, NamedHost>();
  const collect = (patterns: readonly RegExp[], certain: boolean): void => {
    for (const pattern of patterns) {
      for (const [, name = '', port] of start.matchAll(pattern)) {
        if (hosts.size >= MAX_HOSTS) return;
        const host = name.toLowerCase();
        if (LOCAL.test(host) || hosts.has(host)) continue;
        hosts.set(host, { host, certain, ...(port === undefined ? {} : { port: Number(port) }) });
      }
    }
  };
  collect(CERTAIN, true);
  collect(POSSIBLE, false);
  return [...hosts.values()];
}

/** Extensions of source files: `main.go:12` is a position in code. */
const SOURCE_FILE =
  /\.(?:c|cc|clj|cpp|cs|dart|erl|ex|exs|go|h|hs|java|js|jsx|kt|lua|mjs|php|pl|py|rb|rs|scala|sh|so|swift|ts|tsx|json|ya?ml|conf|log|sock|html?)$/;

/** Whether the host can lie outside the engine: an address, or a name with dots that is no file. */
export function canBeExternal({ host, certain }: NamedHost): boolean {
  return certain && host.includes('.') && !SOURCE_FILE.test(host);
}
