/**
 * Patterns that indicate an error in a line without a level. docs/detection.md describes the tiers; the test cases are
 * in test/fixtures/detect/words.json.
 */
import { type Family, familyBits } from './stems.ts';

export interface EvidenceRow {
  /** Label shown to users; never text from the line. */
  readonly word: string;
  /** The pattern is tried only if the line has a word of one of these families. */
  readonly families: number;
  readonly pattern: RegExp;
}

type Row = readonly [word: string, families: readonly Family[], pattern: RegExp];

function table(rows: readonly Row[]): readonly EvidenceRow[] {
  return rows.map(([word, families, pattern]) => ({
    word,
    families: familyBits(families),
    pattern: new RegExp(pattern.source, `${pattern.flags}g`),
  }));
}

/** Text that means an error anywhere in a message. Anchored if the words alone could be prose. */
export const SIGNATURES = table([
  ['killed', ['killed'], /^(?:\[?\d*\]?[+-]? *)?(?:\S+: line \d+: +\d+ )?Killed(?:\s|$|: 9)/],
  [
    'out of memory: killed process',
    ['killed', 'memory'],
    /Out of memory: Kill(?:ed)? process|\boom-kill:|Memory cgroup out of memory|invoked oom-killer/,
  ],
  [
    'out of memory',
    ['memory'],
    /\b(?:java\.lang\.)?OutOfMemory(?:Error|Exception)\b|JavaScript heap out of memory|\b[Oo]ut [Oo]f [Mm]emory\b(?! (?:error )?handl)|\bOOM[- ]?[Kk]illed\b|\b[Cc]annot allocate memory\b|\bENOMEM\b|\bfailed to allocate \d+ bytes|\bAllocation failed\b|\bstd::bad_alloc\b|\bOut of memory!/,
  ],
  ['segmentation fault', ['segfault'], /\b[Ss]egmentation (?:fault|violation)\b|\bSIGSEGV\b|\bsegfault at\b|^Segfault/],
  [
    'core dumped',
    ['core'],
    /\(core dumped\)|^(?:Aborted|Bus error|Illegal instruction|Floating point exception|Trace\/breakpoint trap)(?:$| \()/,
  ],
  [
    'heap corruption',
    ['core', 'error'],
    /^\*\*\* (?:Error in|stack smashing detected)|^(?:double free or corruption|malloc\(\): |free\(\): invalid|corrupted size vs\. prev_size|munmap_chunk\(\)|realloc\(\): )/,
  ],
  [
    'no space left on device',
    ['space'],
    /\b[Nn]o space left on device\b|\bENOSPC\b|\b[Dd]isk (?:is )?full\b|\b[Dd]isk quota exceeded\b|\bEDQUOT\b/,
  ],
  ['too many open files', ['files'], /\b[Tt]oo many open files\b|\bEMFILE\b|\bENFILE\b/],
  ['panic', ['panic'], /^panic: |\bpanicked at\b|\bkernel panic\b|^PANIC\b|: panic serving /i],
  ['traceback', ['traceback'], /^\s*Traceback \(most recent call last\)/],
  [
    'fatal',
    ['fatal'],
    /^(?:\S+: )?(?:fatal error|fatal|FATAL)[:!] |^PHP Fatal error|\bFATAL ERROR\b|^Fatal error[:,]|^#? ?Fatal\b.*\berror\b/,
  ],
  [
    'uncaught exception',
    ['uncaught'],
    /\b[Uu]n(?:caught|handled) (?:[Ee]xception|[Ee]rror|[Pp]romise|[Rr]ejection)\b|^Uncaught |^Unhandled|\bunhandledRejection\b|\buncaughtException\b/,
  ],
  ['terminate called', ['terminate'], /^terminate called (?:after|without)|^libc\+\+abi: terminating/],
  [
    'exception',
    ['exception', 'error'],
    /^(?:[\w$]+(?:\.|::|\\))*[A-Z]\w*(?:Error|Exception)(?: \[[A-Z_0-9]+\])?(?:: \S|$| \()|^Exception in thread |^(?:[a-z_]\w*\.)+(?:error|exception): /,
  ],
  ['assertion failed', ['assertion'], /\b[Aa]ssertion (?:`[^']*' )?failed\b|^Assertion failed|\bassertion violation\b/],
  [
    'address already in use',
    ['address'],
    /\b[Aa]ddress already in use\b|\bEADDRINUSE\b|\bport \d+ is already (?:allocated|in use)\b/,
  ],
  [
    'exec format error',
    ['error', 'exec'],
    /\b[Ee]xec format error\b|^exec .*: (?:no such file or directory|permission denied)|\bexecutable file not found\b/,
  ],
  ['deadlock', ['assertion'], /\b[Dd]eadlock (?:detected|found)\b|all goroutines are asleep/],
  [
    'fatal signal',
    ['signal'],
    /\bgot signal(?: |:)?(?:6|7|8|11|SIG(?:ABRT|BUS|FPE|SEGV))\b|\b(?:killed|terminated|exited|died|crashed|aborted) (?:by|on|with|due to|from) (?:fatal )?signal:? ?(?:[46789]\b|11\b|SIG(?:KILL|ABRT|SEGV|BUS|ILL|FPE))|\bwas sent SIGKILL\b|\bsignal: (?:killed|segmentation fault|aborted|bus error)/i,
  ],
  [
    'resource alarm',
    ['alarm', 'space'],
    /\bwatermark\b(?:(?!no longer).){0,60}?\bexceeded\b|\b(?:memory|disk|descriptors?)(?: \w+){0,3} alarm set\b|_watermark set\b|\bdescriptor(?: \w+){0,3} (?:reached|exceeded|exhausted)\b|\bopen files (?:limit )?(?:reached|exceeded)\b|\brunning out of (?:file descriptors|disk|space|memory|inodes)\b|\b(?:switch\w*|enter\w*|go(?:ing|es)|now|is|remount\w*|set|placed|forced)(?: back)?(?: in| into| to)? read-only(?: mode)?\b|\bread[-_]only[-_]allow[-_]delete\b|\b(?:disk|volume|file ?system|storage)(?: space)? (?:is )?(?:almost |nearly |critically )?(?:full|exhausted)\b|\b(?:not enough|insufficient) (?:free )?(?:disk )?space\b|\bunable to persist on disk\b/i,
  ],
]);

/** Errors of the operating system and the network. */
export const PHRASES =
  /\b(?:connection (?:was )?(?:refused|reset(?: by peer)?|timed out|aborted|closed unexpectedly|lost)|permission denied|access denied(?: for)?|no such file or directory|no such host|no route to host|network is unreachable|host is unreachable|operation not permitted|read-only file system|broken pipe|connect(?:ion)? time(?:d )?out|timed out (?:waiting|after|while|connecting)|(?:request|query|operation|read|write|lock wait|gateway) time(?:d )?out|timeout (?:exceeded|expired|reached|waiting|of \d+ ?m?s exceeded)|deadline exceeded|name or service not known|temporary failure in name resolution|could not resolve|certificate (?:has expired|verify failed)|handshake fail(?:ed|ure)|authentication failed|password authentication failed|input\/output error|i\/o error|checksum mismatch|connection pool (?:is )?exhausted|pool exhausted|service unavailable|bad gateway|internal server error|E(?:CONNREFUSED|CONNRESET|TIMEDOUT|HOSTUNREACH|NETUNREACH|ACCES|PERM|NOENT|PIPE|AI_AGAIN|NOTFOUND|ROFS))\b/gi;

export const PHRASE_FAMILIES = familyBits(['phrase', 'time', 'fail', 'error']);

/** Words that indicate an error only in the right position. */
export const WEAK = table([
  [
    'error',
    ['error'],
    /(?:^|[\s([>"'-])(?:\w+ )?(?:[Ee]rror|ERROR|err|ERR)(?: (?:\[[\w.-]+\]|\(\d+\)|[\w-]*\d[\w-]*(?: \(\w+\))?))?(?:\(s\))?(?::| -| =>|!)\s*(?=\S)/,
  ],
  [
    'error',
    ['error'],
    /(?:^|[:\])|>-] ?)(?:An? )?(?:\w+ )?(?:[Ee]rror|ERROR) (?:while|when|during|in|at|on|reading|writing|connect\w*|load\w*|open\w*|pars\w*|code|from|execut\w*|process\w*|fetch\w*|creat\w*|initializ\w*|start\w*|send\w*|receiv\w*|occurred|accepting|binding|handling (?:request|message|event)|running|saving|updating|deleting|inserting|querying|calling|sending|communicating|allocating|compiling|validating|decoding|encoding|establishing|accessing|with)\b/,
  ],
  [
    'error',
    ['error'],
    /\b(?:an?|with|got|returned?|threw|caught|encountered|unexpected|internal|syntax|runtime|system|network|socket|database|server|unknown|critical|unrecoverable|protocol|TLS|SSL|SQL|DNS|HTTP|disk|read|write|parse|type|bus) [Ee]rror(?: (?:occurred|near|while|in|at|on|from|during|code))?(?=[\s:.,!]|$)/,
  ],
  [
    'failed',
    ['fail'],
    /(?:^|\s)(?:[Ff]ailed|FAILED)(?: (?:to|with|because|due|while|when|after|at|on|for|in|opening|reading|writing|loading|connecting|starting)\b|[:!.]|$)/,
  ],
  [
    'failed',
    ['fail'],
    /\b(?:has|have|had|is|was|were|command|process|job|task|check|request|query|connection|backup|migration|build|test|login|attempt|start\w*|upload|download|sync|transaction|operation|deploy\w*|authentication|handshake|read|write|call|save|flush|compaction|probe|healthcheck) (?:failed|FAILED)\b/,
  ],
  [
    'failure',
    ['fail'],
    /(?:^|\s)(?:[Ff]ailure|FAILURE)(?:[:!]| (?:to|in|while|when|during|of)\b|$)|\b(?:fatal|critical|system|hardware|disk|write|read|network|link|authentication|connection|startup) failure\b/,
  ],
  [
    'exception',
    ['exception', 'error'],
    /\b(?:[Ee]xception|EXCEPTION)(?::| (?:while|when|in|at|occurred|thrown|caught|during|was)\b)|\b(?:threw|throwing|caught|raised|got|unexpected) (?:an? )?(?:\w+ )?[Ee]xception\b|\b(?:[a-z_]\w*\.){1,12}[A-Z]\w*(?:Error|Exception)\b/,
  ],
  [
    'error',
    ['error'],
    /(?:^|[:\])|>-] ?)[Ee]rror (?!rate|budget|count|log|page|level|handl|report)\w+(?: \w+){0,3}: \S/,
  ],
  ['failed', ['fail'], /\sFAILED\s*(?::|$)/],
  ['unexpected', ['unexpected'], /\braised unexpected: /],
  [
    'configuration error',
    ['unexpected'],
    /\b(?:[Bb]ad|[Uu]nknown|[Ii]nvalid|[Uu]nrecogni[sz]ed|[Ii]llegal|[Dd]uplicate|[Uu]nexpected|[Uu]nsupported) (?:[\w.-]+ ){1,3}(?:'[^']{0,60}' |"[^"]{0,60}" )?(?:at|on|in) (?:line \d|\S+:\d)/,
  ],
  [
    'shell error',
    ['unexpected', 'cannot', 'fail', 'phrase', 'error'],
    /^(?:\S{1,80}: )?(?:line )?\d+: (?:[^:]{1,80}: )?(?:not found|command not found|Permission denied|Is a directory|unbound variable|parameter not set|[Ss]yntax error\b|[Bb]ad substitution|integer expression expected)|^(?:sed|awk|gawk|mawk|grep|find|tar|cp|mv|mkdir|ln|chmod|chown|cat|sort|cut|curl|wget|jq|yq|openssl|gzip|unzip|su|sudo|gosu|su-exec|setpriv|usermod|useradd|groupadd|bash|sh|ash|env|xargs|envsubst|install|test|expr|ssh|git|mount|ip|iptables): .{0,200}?\b(?:unterminated|unknown|invalid|unrecogni[sz]ed|illegal|missing|bad|cannot|can't|unable|error|fatal|not found|no such|denied|failed|unexpected|not permitted)\b/,
  ],
  [
    'cannot',
    ['cannot'],
    /(?:^|[:\])|>-] ?)(?:[Cc]annot|CANNOT|[Cc]an't|[Cc]ould not|[Cc]ouldn't|[Uu]nable to|UNABLE TO) \w+/,
  ],
  [
    'not accessible',
    ['access'],
    /\b(?:is|are) not (?:writable|writeable|readable|accessible|executable|reachable|a valid \w+)\b/,
  ],
  ['crashed', ['crashed'], /\b(?:[Cc]rashed|CRASHED|[Cc]rash (?:loop )?detected)\b/],
  ['panic', ['panic'], /(?:^|\s)panic[:!( ]/],
  ['aborted', ['aborted'], /(?:^|\s)(?:[Aa]borted|ABORTED|[Aa]borting)(?:[:!,. ]|$)/],
  [
    'corrupted',
    ['corrupted'],
    /\b(?:is|was|data|file|index|table|database|page|block) (?:marked as )?corrupt(?:ed)?\b|\b[Cc]orruption detected\b/,
  ],
  [
    'killed after a timeout',
    ['killed', 'terminate', 'time', 'aborted'],
    /\b(?:[Tt]erminat|[Kk]ill|[Aa]bort)(?:ing|ed) (?:\w+ ){0,2}(?:timed[ -]out|hung|stuck|unresponsive|frozen)\b|\b(?:WORKER TIMEOUT\b|[Tt]ime(?:d )?out\b|hung\b|stuck\b|unresponsive\b).{0,40}?\b(?:killing|terminating|aborting)\b/,
  ],
  [
    'terminated unexpectedly',
    ['terminate'],
    /\b(?:terminated|exited|stopped|died|closed) (?:unexpectedly|abnormally)\b|\b(?:exited|exit(?:ed)? with)(?: with)? (?:code|status) [1-9]\d*\b|\bnon-zero (?:exit )?(?:code|status)\b/,
  ],
  [
    'too many connections',
    ['exhausted'],
    /\b[Tt]oo many (?:connections|clients|requests|redirects)\b|\b[Ee]xhausted\b|\b[Qq]uota exceeded\b/,
  ],
  ['lost', ['lost'], /\b(?:[Cc]onnection|[Ll]eader|[Qq]uorum|[Cc]ontact)(?: \w+){0,3} lost\b|\b[Ll]ost connection\b/],
]);
