/**
 * Recognises errors that report a dependency which does not answer. Takes time linear in the text.
 *
 * The patterns are texts that clients print: errno names and texts of libc, Node, Go, Java, Python, .NET, PHP, Ruby and
 * Rust, of database drivers and proxies, and the gateway statuses of HTTP.
 */

/**
 * `unreachable`: a dependency could not be reached at all. `interrupted`: a connection ended or a response did not
 * arrive, which can also be the fault of the client. `exhausted`: no connection in the client's pool is free, because a
 * dependency is slow or the client leaks connections.
 */
export type Failure = 'unreachable' | 'interrupted' | 'exhausted';

const HEAD_CHARS = 6_144;
const TAIL_CHARS = 2_048;

/** The part of a record that is searched: the message at its start and the innermost cause at its end. */
export function readablePart(text: string): string {
  if (text.length <= HEAD_CHARS + TAIL_CHARS) return text;
  return `${text.slice(0, HEAD_CHARS)}\n${text.slice(-TAIL_CHARS)}`;
}

const UNREACHABLE = anyOf([
  'connection (?:was |is |has been )?(?:refused|timed out|failure)',
  'connection to .{0,120}(?:failed|refused|could not be established)',
  'econnrefused|etimedout|esockettimedout|ehostunreach|ehostdown|enetunreach|connectionrefused\\b',
  'no route to host|network is unreachable|host is (?:down|unreachable)|destination host unreachable',
  '(?:could not|cannot|can.?t|couldn.t|unable to|failed to|failure to|failed|error) (?:establish a (?:new )?connection|connect(?:ing|ion)?\\b)',
  'connect(?:ion)?[ -]?time(?:d )?-?out|connect(?:ion)? (?:error|failed)|connect call failed|connecttimeout|connection to server failed',
  'error \\d{1,5} connecting to|tcp connect error|error connecting to|all connection attempts failed|connectexception',
  'dial (?:tcp|udp)\\b|refused to connect|failed to (?:dial|reach)|(?:could not|cannot|can.t|unable to) (?:reach|get a resource from the pool)',
  'communications link failure|nohostavailable|no hosts? available|no suitable servers?|serverselection(?:timeout)?error',
  'bad gateway|service (?:temporarily )?unavailable|gateway time-?out|upstream connect error|no healthy upstream|no live upstreams',
  'upstream timed out|connect\\(\\) (?:to .{0,120} )?failed|no server (?:is )?available|<nosrv>|layer[47] (?:connection problem|timeout)',
  '\\b(?:status(?: code)?|http(?:/[\\d.]+)?|returned|responded(?: with)?|response(?: code)?|code)[ :="]{1,3}50[234]\\b',
  '\\b50[234] (?:bad|service|gateway)|error: 50[234]\\b',
  'is not reachable|(?<!network is )\\bunreachable\\b|not ready to accept|the database system is (?:starting up|shutting down|in recovery)',
  'leader not available|broker (?:may not be available|transport failure)|brokers? (?:are |is )?(?:down|not available)|no ?brokers|not available in pool',
  'max retries exceeded|masterdown|clusterdown|loading redis is loading|loading the dataset in memory',
]);

const NAME_RESOLUTION = anyOf([
  'temporary failure in name resolution|eai_again|eai_noname|server misbehaving|\\benotfound|no such host|nodename nor servname',
  'name or service not known|(?:could not|cannot|couldn.t|unable to|failed to) resolve|failed to lookup address|resolution failed',
  'could not translate host name|unknown (?:mysql server )?host|unknownhost(?:exception)?|name resolution|nxdomain|bad address|getaddrinfo|name does not resolve',
  'no address associated with host|failed to resolve|could not be resolved|host not found|server was not found',
]);

const INTERRUPTED = anyOf([
  'connection (?:was |is |has been |unexpectedly )?(?:reset|closed|aborted|terminated|lost|broken|dropped|gone)',
  'econnreset|econnaborted|epipe\\b|broken pipe|socket hang up|unexpected eof|connection is closed',
  'lost connection|server (?:has )?(?:closed|terminated|gone away|disconnected)|terminating connection|remote end closed',
  'socket (?:closed|disconnected|is closed)|other side closed|empty reply from server|^(?:get|post|put|patch|delete|head) "[^"]{1,500}": (?:unexpected )?eof',
  'i/o timeout|read timed? ?out|readtimeout|request timed out|timed out\\b|time-?out\\b',
  'deadline ?exceeded|upstream prematurely closed|connection unavailable|sockettimeoutexception|operationtimedout|server selection',
  'connection \\S{1,20} to \\S{1,120} (?:closed|timed out|was destroyed)',
  // The other side answers, and refuses: its certificate, its memory, its disk or its role is the problem.
  'failed to verify certificate|certificate[ _]verify[ _]failed|cert_has_expired|certificate has expired|sslhandshakeexception',
  'oom command not allowed|misconf redis|readonly you can.t write|read.only.allow.delete',
  'leader (?:has )?changed|(?:no|not the|lost the|without a) leader\\b|not_leader_or_follower|not leader for partition',
  'transport (?:is closing|error)|statuscode[.=:" ]{1,3}unavailable|rpc error: code = unavailable',
]);

const EXHAUSTED = anyOf([
  '(?:connection )?pool (?:is )?(?:exhausted|timed? ?out|timeout)|pooltimeout|queuepool limit|connection is not available',
  'timed? ?out (?:acquiring|waiting for|while waiting for) (?:a |an )?(?:free |open )?(?:connection|resource)',
  'no (?:idle|free) connections? available|remaining connection slots|too many connections',
]);

/** A client of the container disconnected: no dependency failed. */
const CLIENT_LEFT = anyOf([
  'client (?:\\S{1,64} )?(?:prematurely |unexpectedly )?(?:closed|disconnected|aborted|went away|intended to send|timed out)',
  'clientabort|clientdisconnect|(?:from|to) (?:the )?client\\b|on client connection|client connection|remote client',
  'tls handshake error from|while (?:reading|sending|writing) (?:client|response to client|to client)|error writing response',
  'writing to client|closed keepalive connection|invalid http request received|bad request (?:syntax|version)|incomplete startup packet',
]);

/** The container could not open a port of its own, to listen or to connect. */
const OWN_PORT =
  /address already in use|eaddrinuse|\bbind.{0,80}(?:failed|denied)|cannot assign requested address|eaddrnotavail/i;

/** Undefined if the text does not report the failure of a dependency. */
export function failureIn(text: string): Failure | undefined {
  const part = readablePart(text);
  if (OWN_PORT.test(part)) return undefined;
  // A proxy also names the client when its upstream fails.
  if (CLIENT_LEFT.test(part) && !/upstream|backend/i.test(part)) return undefined;
  if (EXHAUSTED.test(part)) return 'exhausted';
  if (UNREACHABLE.test(part) || NAME_RESOLUTION.test(part)) return 'unreachable';
  return INTERRUPTED.test(part) ? 'interrupted' : undefined;
}

/** Whether the text says that a name could not be resolved. */
export function isNameResolutionFailure(text: string): boolean {
  return NAME_RESOLUTION.test(readablePart(text));
}

/** The name server failed, which differs from a name that it does not know. */
const NO_NAME_SERVER = /temporary failure in name resolution|eai_again|server misbehaving|servfail|try again/i;

export function isNameServerFailure(text: string): boolean {
  return NO_NAME_SERVER.test(readablePart(text));
}

/** Causes in a process or on its host, by kind. A client that relays the error of its dependency states the same kind. */
const STATED_CAUSES: readonly (readonly [string, RegExp])[] = [
  [
    'disk full',
    /no space left|misconf redis is configured to save|disk (?:is )?full|enospc|quota exceeded|no space on|disk_full|out of disk|flood[- ]stage/i,
  ],
  [
    'read-only',
    /read-only (?:file ?system|transaction|mode|replica)|readonly you can.t write|erofs|read.only.{0,20}allow/i,
  ],
  [
    'corruption',
    /corrupt(?:ed|ion)?\b|checksum (?:mismatch|failed|error)|bad magic|database disk image is malformed|invalid page|torn page/i,
  ],
  [
    'certificate',
    /certificate (?:has |is )?expired|cert(?:ificate)?_has_expired|certificate is not yet valid|x509: |self.signed certificate|certificate verify failed/i,
  ],
  ['permission', /permission denied|eacces|operation not permitted|eperm\b/i],
  [
    'memory',
    /out of memory|cannot allocate memory|memory resource limit alarm|low on memory|oom command not allowed|outofmemoryerror|heap out of memory|enomem|std::bad_alloc/i,
  ],
  [
    'limit',
    /too many open files|emfile|enfile|too many (?:clients|connections)|remaining connection slots|max number of clients/i,
  ],
  ['crash', /segmentation fault|assertion failed|\bpanic: /i],
];

/**
 * The kind of the first cause that the texts state. It is the same for an error and for a client's error that relays it.
 * Undefined if they state none.
 */
export function statedCause(texts: readonly string[]): string | undefined {
  for (const text of texts) {
    const part = readablePart(text);
    const found = STATED_CAUSES.find(([, pattern]) => pattern.test(part));
    if (found !== undefined) return found[0];
  }
  return undefined;
}

function anyOf(alternatives: readonly string[]): RegExp {
  return new RegExp(alternatives.join('|'), 'i');
}
