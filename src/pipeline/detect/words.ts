/**
 * Evidence in lines that state no level. Two grades: signatures, which mean trouble wherever they stand as
 * a message (docs/detection.md has the table), and weak words, which count only in a telling place and not
 * beside a negation, a count of zero, an identifier, a path or an HTTP status below 500.
 */

import { type Family, familiesIn, familyBits } from './stems.ts';

/** What is looked at of one line: what tells the trouble stands at its start or its end. */
const HEAD = 2048;
const TAIL = 512;

interface Telling {
  readonly word: string;
  readonly families: number;
  readonly pattern: RegExp;
}

type Row = readonly [word: string, families: readonly Family[], pattern: RegExp];

/** With the flag that lets a search go on where the last match ended. */
function table(rows: readonly Row[]): readonly Telling[] {
  return rows.map(([word, families, pattern]) => ({
    word,
    families: familyBits(families),
    pattern: new RegExp(pattern.source, `${pattern.flags}g`),
  }));
}

/** Signatures: name shown, families needed, pattern. Anchored where the words alone would be prose. */
const SIGNATURES = table([
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
    ['heap', 'error'],
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
  ['deadlock', ['deadlock'], /\b[Dd]eadlock (?:detected|found)\b|all goroutines are asleep/],
  [
    'fatal signal',
    ['signal'],
    /\bgot signal(?: |:)?(?:6|7|8|11|SIG(?:ABRT|BUS|FPE|SEGV))\b|\b(?:killed|terminated|exited) (?:by|on|with) signal (?:4|6|7|8|9|11|SIG(?:KILL|ABRT|SEGV|BUS|ILL))/i,
  ],
]);

/** Errors of the operating system and the network, told as phrases; in a line that negates none of it. */
const PHRASES =
  /\b(?:connection (?:was )?(?:refused|reset(?: by peer)?|timed out|aborted|closed unexpectedly|lost)|permission denied|access denied(?: for)?|no such file or directory|no such host|no route to host|network is unreachable|host is unreachable|operation not permitted|read-only file system|broken pipe|connect(?:ion)? time(?:d )?out|timed out (?:waiting|after|while|connecting)|(?:request|query|operation|read|write|lock wait|gateway) time(?:d )?out|timeout (?:exceeded|expired|reached|waiting|of \d+ ?m?s exceeded)|deadline exceeded|name or service not known|temporary failure in name resolution|could not resolve|certificate (?:has expired|verify failed)|handshake fail(?:ed|ure)|authentication failed|password authentication failed|input\/output error|i\/o error|checksum mismatch|connection pool (?:is )?exhausted|pool exhausted|service unavailable|bad gateway|internal server error|E(?:CONNREFUSED|CONNRESET|TIMEDOUT|HOSTUNREACH|NETUNREACH|ACCES|PERM|NOENT|PIPE|AI_AGAIN|NOTFOUND|ROFS))\b/gi;

const PHRASE_FAMILIES = familyBits(['phrase', 'time', 'fail', 'error']);

/** A weak word in a telling place. */
const WEAK = table([
  [
    'error',
    ['error'],
    /(?:^|[\s([>"'-])(?:\w+ )?(?:[Ee]rror|ERROR|err|ERR)(?: (?:\[[\w.-]+\]|\(\d+\)|[\w-]*\d[\w-]*(?: \(\w+\))?))?(?:\(s\))?(?::| -| =>|!)\s*(?=\S)/,
  ],
  [
    'error',
    ['error'],
    /(?:^|[:\]] )(?:An? )?(?:\w+ )?(?:[Ee]rror|ERROR) (?:while|when|during|in|at|on|reading|writing|connect\w*|load\w*|open\w*|pars\w*|code|from|execut\w*|process\w*|fetch\w*|creat\w*|initializ\w*|start\w*|send\w*|receiv\w*|occurred|accepting|binding|handling (?:request|message|event)|running|saving|updating|deleting|inserting|querying|calling|sending|communicating|allocating|compiling|validating|decoding|encoding|establishing|accessing|with)\b/,
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
  ['error', ['error'], /(?:^|[:\]] )[Ee]rror (?!rate|budget|count|log|page|level|handl|report)\w+(?: \w+){0,3}: \S/],
  ['failed', ['fail'], /\sFAILED\s*(?::|$)/],
  ['unexpected', ['unexpected'], /\braised unexpected: /],
  [
    'cannot',
    ['cannot'],
    /(?:^|[:\]] ?)(?:[Cc]annot|CANNOT|[Cc]an't|[Cc]ould not|[Cc]ouldn't|[Uu]nable to|UNABLE TO) \w+/,
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

/** Words shortly before a match that turn it round, or take it for handled, possible, or asked about. */
const NEGATION =
  /(?:\b(?:no|not|without|zero|never|none|any|0|if|unless|whether|in case(?: of)?|ignor(?:e|ed|es|ing)|suppress(?:ed|ing)?|recover(?:ed|ing)?|resolved|fixed|cleared|handled|avoid(?:s|ed|ing)?|prevent(?:s|ed|ing)?|free of|on|upon|until|for|simulat\w+|test(?:s|ing)?|expect(?:s|ed)?|example|previous|last|retry on|show|log|report|catch|enable[ds]?|disable[ds]?|max|number of|return(?:s)? an?)(?!\w)|isn't|wasn't|didn't|doesn't|hasn't|n't)(?!\w)\s*(?:\w+ )?$|[=/.]$/i;
const NEGATION_AFTER =
  /^\s*(?:[:=]|count\s*[:=]?|s?\(s\)\s*[:=]?|rate\s*[:=]?|is|was|were)?\s*"?(?:0+(?:\.0+)?%?\b(?!\.\d)|none\b|null\b|nil\b|false\b|no\b|undefined\b|\[\]|\{\}|""|''|<nil>|<none>|ok\b|disabled\b|off\b)/i;
/** Where the word only names a thing: an error page, a failure detector, a timeout setting. */
const NAMES =
  /^(?:[_-]?(?:handl\w+|logs?\b|logging|logger|pages?\b|rates?\b|reporting|reporter|report\b|budget|counts?\b|counters?\b|templates?\b|levels?\b|codes?\b(?! -?[1-9])|middleware|track\w+|boundar\w+|recovery|correction|metrics?\b|thresholds?\b|streams?\b|channels?\b|output\b|interceptors?|filters?\b|class(?:es)?\b|types?\b|detect\w+|monitor\w*|mapp\w+|formatter|listeners?|hooks?\b|callbacks?|policy|policies|strategy|over\b|tolerance|tolerant|injection|mode\b|documents?\b|retries|retry|limits?\b|alerts?\b|notifications?\b|queue\b|topic\b))/i;

const ACCESS =
  /"(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|CONNECT|TRACE) [^"]*"? (?:HTTP\/[\d.]+" )?(\d{3})\b|\b(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) \/\S* (?:HTTP\/[\d.]+ )?(\d{3})\b|\bHTTP\/[\d.]+"? (\d{3})\b|\bstatus(?:_?code)?[=:] ?"?(\d{3})\b|\bCompleted (\d{3}) /;

export interface Evidence {
  readonly tier: 'signature' | 'keyword' | 'http';
  /** In lower case; closed: never text of the line. */
  readonly word: string;
}

/** What the message of a line without a level gives away; undefined where nothing. */
export function evidenceIn(message: string): Evidence | undefined {
  const text = message.length > HEAD + TAIL ? `${message.slice(0, HEAD)} ${message.slice(-TAIL)}` : message;
  const families = familiesIn(text);
  if (families === 0) return undefined;
  const status = ACCESS.exec(text);
  if (status !== null) {
    const code = Number(status[1] ?? status[2] ?? status[3] ?? status[4] ?? status[5]);
    if (code >= 100 && code < 500) return undefined;
    if (code >= 500 && code < 600) return { tier: 'http', word: 'http 5xx' };
  }
  const signature = firstOf(SIGNATURES, text, families);
  if (signature !== undefined) return { tier: 'signature', word: signature };
  const phrase = (families & PHRASE_FAMILIES) === 0 ? undefined : tells(text, PHRASES);
  if (phrase !== undefined) return { tier: 'keyword', word: phrase.toLowerCase().replace(/ of \d+.*/, '') };
  const weak = firstOf(WEAK, text, families);
  return weak === undefined ? undefined : { tier: 'keyword', word: weak };
}

function firstOf(rows: readonly Telling[], text: string, families: number): string | undefined {
  for (const row of rows) {
    if ((row.families & families) !== 0 && tells(text, row.pattern) !== undefined) return row.word;
  }
  return undefined;
}

/** The first match that is not turned round; no more than four are looked at. */
function tells(text: string, pattern: RegExp): string | undefined {
  pattern.lastIndex = 0;
  for (let tries = 0; tries < 4; tries++) {
    const match = pattern.exec(text);
    if (match === null) return undefined;
    if (!turned(text, match)) return match[0];
    if (match[0] === '') pattern.lastIndex++;
  }
  return undefined;
}

/** The word of a match that a negation would stand before. */
const KEY =
  /err|fail|excep|crash|panic|abort|corrupt|lost|terminat|exit|can(?:not|'t)|could|unable|too many|exhaust|quota/i;

/** Negated, counted as zero, a setting, or part of a name. */
function turned(text: string, match: RegExpExecArray): boolean {
  const found = match[0];
  const start = match.index + Math.max(0, found.search(KEY));
  const end = match.index + found.length;
  if (start > 0 && NEGATION.test(text.slice(Math.max(0, start - 32), start))) return true;
  const rest = text.slice(end, end + 32);
  if (NEGATION_AFTER.test(rest)) return true;
  if (!/\w\s*$/.test(found)) return false;
  return (
    NAMES.test(rest.trimStart()) ||
    (/time(?:d )?out$/i.test(found) && /^\s*(?:[:=(]|is\b|set\b|to\b|was set|value|\d)/.test(rest))
  );
}

/** The article's keywords and what people look for, wherever they stand: shown beside a trouble, never a proof. */
const SHOWN =
  /\b(?:errors?|exception|traceback|fail(?:ed|ure)|fatal|panic(?:ked)?|segmentation fault|sigsegv|out of memory|outofmemoryerror|oom|killed|connection (?:refused|reset|timed out)|econnrefused|time(?:d )?out|permission denied|access denied|no such file|no space left|too many open files|crash(?:ed)?|deadlock|unavailable|unreachable|corrupt(?:ed)?|abort(?:ed)?|exhausted)\b/gi;

/** Each once, in lower case, at most eight. */
export function shownWords(text: string): string[] {
  const found = new Set<string>();
  const matches = (text.length > HEAD ? text.slice(0, HEAD) : text).match(SHOWN);
  if (matches !== null) {
    for (const word of matches) {
      found.add(word.toLowerCase());
      if (found.size === 8) break;
    }
  }
  return [...found];
}
