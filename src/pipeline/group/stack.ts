/**
 * Extracts from a stack trace what stays the same from one crash to the next: the exception types and the application's
 * own frames.
 */

export interface Stack {
  /** Outermost first. */
  readonly types: readonly string[];
  /** Function and file without line numbers, innermost first; only the application's own if there are any. */
  readonly frames: readonly string[];
  /** The message of the innermost exception, and its error codes; '' if it has none. */
  readonly message: string;
}

/** Exception types with many possible causes: only the message distinguishes them. */
const GENERAL =
  /(?:^|[.:\\])(?:Error|Exception|RuntimeError|RuntimeException|StandardError|SystemError|ApplicationException|panic|AggregateError|AggregateException|OSError|IOError|IOException|UncheckedIOException|(?:Operational|Database|Internal|Interface|Programming)Error|SQLException|SqlException|PDOException|DbException|DbalException|QueryException|DatabaseException|PrismaClient\w*Error|ErrorException|(?:Http|HTTP|Axios|Fetch|Request|Response|Client|Api|API|Service|Network|System|Unknown|Fatal|Connect(?:ion)?|Url|URL)\w*(?:Error|Exception)|WebException|RestClientException|ResourceAccessException|FeignException|ServletException|CompletionException|ExecutionException|CommandError|CalledProcessError|DockerException)$/;

export function isGeneralType(type: string): boolean {
  return GENERAL.test(type);
}

/** Properties with an error code that Node and others print below an exception. */
const CODE =
  /^\s*["']?(?:code|errno|status|statusCode|errorCode|sqlState|SQLState|responseCode)["']?\s*[:=]\s*["']?([\w-]{1,40})["']?,?$/;

const TOP_FRAMES = 4;
const MAX_TYPES = 6;

const TYPE =
  /^\s*(?:\|\s*)?(?:Caused by: |Suppressed: |Wrapped by: |---> |\(Inner Exception #\d+\) |Next |Exception in thread "[^"]*" |Unhandled [Ee]xception[.:]? ?(?:at \S+: )?|Uncaught (?:exception ')?|PHP (?:Fatal|Parse|Recoverable) error: +(?:Uncaught )?(?:exception ')?|Fatal error: +(?:Uncaught )?(?:exception ')?|exception '|\*\* \()*((?:[A-Za-z_$][\w$]*(?:\.|::|\\))*(?:[A-Za-z_$][\w$]*\$)?[A-Z_][\w$]*|(?:[a-z_]\w*\.)+\w*(?:[Ee]rror|[Ee]xception|Timeout)\w*)(?=[:;)'\s]|$| \()/;
const LINKED = /^\s*(?:\|\s*)?(?:Caused by: |Suppressed: |Wrapped by: |---> |\(Inner Exception|Next )/;
/** Types within a message: `nested exception is java.lang.X`, `failed: pkg.YException: …`. */
const INLINE =
  /\b((?:[A-Za-z_$][\w$]*(?:\.|::|\\)){1,12}[A-Z]\w*(?:Error|Exception|Throwable|Failure)|[A-Z]\w+(?:Error|Exception))\b(?!\.)/g;

/** What every type has in its name: INLINE is tried from the first name with one of these. */
const NAMES_TYPE = /Error|Exception|Throwable|Failure/;
const NAME = /[\w$.:\\]/;
/** Characters of a message in which types are looked for. */
const NAMED_LENGTH = 1_200;

const JAVA = /^\s+at (?:[\w.@/-]+\/)?([\w$.<>]+)\(([^)]*)\)/;
const CLR = /^\s+at ([^(]+?) ?\(.*?\)(?: \[0x[0-9a-f]+\])?(?: in (.+?)(?::line)?[: ]?\d*)?$/;
const NODE =
  /^\s+at (?:async )?(?:new )?(?:(.+?) \()?((?:file:\/\/|node:|https?:\/\/|webpack:\/\/)?[^()]*?):\d+(?::\d+)?\)?$/;
const PYTHON = /^\s*(?:\|\s*)?File "([^"]+)", line \d+(?:, in (.+))?/;
const GO_FILE = /^\t(\S+\.(?:go|s)):\d+/;
const RUBY = /^\s*(?:\d+: )?(?:from )?(\S.*?):\d+:in [`'"]([^'"]*)['"]/;
const RUBY_TYPE = /:\d+:in [`'].* \(([A-Z][\w:]*)\)$/;
const PHP = /^#\d+ (?:(\S.*?)\(\d+\): )?(.+?)(?:\(.*\))?$/;
const DART = /^#\d+\s+(.+?) \((\S+?)(?::\d+)*\)$/;
const RUST = /^\s+\d+: (?:0x[0-9a-f]+ - )?(\S.*)$/;
const ELIXIR = /^ {4}(?:\((\w+) [^)]*\) )?(\S+?):\d+: (\S+)/;
const NATIVE = /^\s*#\d+\s+0x[0-9a-f]+ in (\S+)/;

const LIBRARY =
  /^(?:java|javax|jakarta|jdk|sun|com\.sun|kotlin|kotlinx|scala|akka|groovy|clojure|org\.(?:springframework|apache|eclipse|hibernate|jboss|wildfly|mortbay|postgresql|slf4j|junit|reactivestreams|aspectj|codehaus|glassfish|jetbrains|xnio|mariadb|mongodb|elasticsearch|quartz)|io\.(?:netty|grpc|micrometer|undertow|vertx|reactivex|micronaut|quarkus|lettuce|projectreactor|opentelemetry)|reactor|rx|okhttp3|retrofit2|feign|ch\.qos|net\.sf|com\.(?:zaxxer|fasterxml|mysql|google\.common|google\.inject|netflix|jetty|ibm|oracle|microsoft|amazonaws|datastax|mongodb|rabbitmq)|System|Microsoft|Npgsql|MySql|StackExchange|Newtonsoft|Serilog|Grpc|core|std|alloc|tokio|hyper|actix_\w+|axum|tower|rust_\w+|__rust\w*|__libc\w*|_start|futures_\w+|runtime|net|reflect|syscall|testing|internal|sync|database\/sql|encoding|bufio|io|os|context|dart)(?:[./:\\$]|$)/;
const LIBRARY_PATH =
  /site-packages|dist-packages|[/\\]lib[/\\]python\d|python\d+_lib|<frozen |<string>|node_modules|^node:|^internal\/|<anonymous>|[/\\]usr[/\\]local[/\\]go[/\\]|[/\\]go[/\\]pkg[/\\]mod[/\\]|(?:^|[/\\])go[/\\]src[/\\]|@v\d|[/\\]gems[/\\]|[/\\]lib[/\\]ruby[/\\]|<internal:|[/\\]vendor[/\\]|\[internal function\]|[/\\]rustc[/\\]|\.cargo[/\\]|^dart:|^package:flutter|^\S+ \(\d[\w.]*\) /;
const LIBRARY_APPS =
  /^(?:elixir|stdlib|kernel|plug|plug_cowboy|phoenix|phoenix_\w+|cowboy|ecto|ecto_sql|db_connection|postgrex|logger|ex_unit|bandit|thousand_island)$/;

interface Frame {
  readonly name: string;
  readonly library: boolean;
}

/** Returns the exception types that a message names, in order. */
export function typesInMessage(message: string): string[] {
  const types: string[] = [];
  const text = message.length > NAMED_LENGTH ? message.slice(0, NAMED_LENGTH) : message;
  const first = text.search(NAMES_TYPE);
  if (first === -1) return types;
  INLINE.lastIndex = nameStart(text, first);
  for (let match = INLINE.exec(text); match !== null; match = INLINE.exec(text)) {
    const type = match[1] as string;
    if (types.at(-1) !== type) types.push(type);
    if (types.length === MAX_TYPES) break;
  }
  return types;
}

/** Returns the index at which the qualified name that covers `at` begins. */
function nameStart(text: string, at: number): number {
  let start = at;
  while (start > 0 && NAME.test(text.charAt(start - 1))) start--;
  return start;
}

export function stackOf(lines: readonly string[]): Stack {
  const types: string[] = [];
  const frames: Frame[] = [];
  let python = false;
  let message = '';
  const codes: string[] = [];
  for (let i = 0; i < lines.length; i++) {
    const line = (lines[i] as string).slice(0, 600);
    if (line.includes('Traceback (most recent call last)')) {
      python = true;
      continue;
    }
    if (i === 0) {
      const ruby = RUBY_TYPE.exec(line)?.[1];
      if (ruby !== undefined) types.push(ruby);
    }
    if (i > 0 && RUST.test(lines[i - 1] as string) && /^\s+at \S/.test(line)) continue;
    const frame = frameOf(line, lines[i + 1]);
    if (frame !== undefined) {
      frames.push(frame);
      continue;
    }
    if (
      types.length < MAX_TYPES &&
      (i === 0 || LINKED.test(line) || (python && /^[A-Za-z_]/.test(line)) || frames.length === 0)
    ) {
      const type = TYPE.exec(line)?.[1];
      if (
        type !== undefined &&
        /[a-z]/.test(type) &&
        (/Error|Exception|Throwable|Failure|Timeout|Interrupt|[.:\\]/.test(type) || LINKED.test(line) || python)
      ) {
        types.push(type);
        message = messageAfter(line, type) || nextMessage(lines, i + 1);
      } else if (i === 0) {
        const named = typesInMessage(line);
        types.push(...named);
        message = messageAfter(line, named.at(-1) ?? '');
      }
      if (line.startsWith('panic: ')) {
        types.push('panic');
        message = line.slice('panic: '.length);
      }
    }
    const code = CODE.exec(line)?.[1];
    if (code !== undefined && codes.length < 3) codes.push(code);
  }
  // Python prints the innermost frame last.
  if (python) frames.reverse();
  const own = frames.filter((frame) => !frame.library);
  const top = (own.length > 0 ? own : frames).slice(0, TOP_FRAMES);
  return { types, frames: top.map((frame) => frame.name), message: [message, ...codes].join(' ').trim() };
}

/** Returns the text after the last mention of the type, or the line if it has none. */
function messageAfter(line: string, type: string): string {
  const at = type === '' ? -1 : line.lastIndexOf(type);
  return at === -1
    ? line.trim()
    : line
        .slice(at + type.length)
        .replace(/^[\s:)('"]+/, '')
        .trim();
}

/** Returns the message of an exception that begins on the lines below its name. */
function nextMessage(lines: readonly string[], from: number): string {
  const found = lines.slice(from, from + 6).filter((line) => line.trim() !== '');
  const end = found.findIndex((line) => /^\s+at |^\s+File "|^\s*#\d|:\d+:in /.test(line));
  return (end === -1 ? found.slice(0, 1) : found.slice(0, end)).join(' ').trim();
}

function frameOf(line: string, next: string | undefined): Frame | undefined {
  const code = line.charCodeAt(0);
  if (code === 0x20 || code === 0x09) {
    const python = PYTHON.exec(line);
    if (python !== null) {
      const path = python[1] as string;
      return { name: `${fileOf(path)}:${python[2] ?? ''}`, library: LIBRARY_PATH.test(path) };
    }
    if (/^\s+(?:eval )?at \S/.test(line)) return atFrame(line);
    const elixir = ELIXIR.exec(line);
    if (elixir !== null) return { name: `${elixir[2]}:${elixir[3]}`, library: LIBRARY_APPS.test(elixir[1] ?? '') };
    const native = NATIVE.exec(line);
    if (native !== null)
      return { name: native[1] as string, library: /^(?:__|std::|_start)/.test(native[1] as string) };
    const rust = RUST.exec(line);
    if (rust !== null) {
      const name = (rust[1] as string).replace(/::h[0-9a-f]{16}$/, '').replace(/^<(.+)>$/, '$1');
      return { name, library: LIBRARY.test(name) || name.startsWith('<') };
    }
  }
  if (next !== undefined && GO_FILE.test(next)) {
    const name = line
      .replace(/^created by /, '')
      .replace(/ in goroutine \d+$/, '')
      .replace(/\((?!\*)[^()]*\)$/, '')
      .replace(/\[\.\.\.\]/g, '');
    const file = GO_FILE.exec(next)?.[1] ?? '';
    return {
      name,
      library:
        LIBRARY_PATH.test(file) ||
        /^(?:runtime|net|panic|reflect|syscall|testing|sync)\b(?:[./(]|$)/.test(name) ||
        line.startsWith('created by '),
    };
  }
  if (GO_FILE.test(line)) return undefined;
  if (code === 0x23) {
    const dart = DART.exec(line);
    if (dart !== null) return { name: dart[1] as string, library: LIBRARY_PATH.test(dart[2] as string) };
    const php = PHP.exec(line);
    if (php !== null) {
      const file = php[1] ?? '';
      return { name: `${fileOf(file)}:${php[2]}`, library: LIBRARY_PATH.test(file) || file === '' };
    }
  }
  const ruby = line.includes(':in ') ? RUBY.exec(line) : null;
  if (ruby !== null) {
    const path = (ruby[1] as string).replace(/^\d+: from /, '');
    return {
      name: `${fileOf(path)}:${(ruby[2] as string).replace(/block (?:\(\d+ levels\) )?in /, '')}`,
      library: LIBRARY_PATH.test(path),
    };
  }
  return undefined;
}

function atFrame(line: string): Frame | undefined {
  const java = JAVA.exec(line);
  if (java !== null && /\.(?:java|kt|scala|groovy|clj)|Native Method|Unknown Source|^$/.test(java[2] as string)) {
    const name = (java[1] as string)
      .replace(/\$\$[\w$]+/g, '')
      .replace(/lambda\$(\w+)\$\d+/g, 'lambda$$$1')
      .replace(/\$\d+/g, '')
      .replace(/GeneratedMethodAccessor\d+|\$Proxy\d+/g, '');
    return { name, library: LIBRARY.test(name) };
  }
  const node = NODE.exec(line);
  if (node !== null) {
    const path = node[2] as string;
    const name = (node[1] ?? '').replace(/ \[as [^\]]+\]/, '');
    return { name: `${name}@${fileOf(path)}`, library: LIBRARY_PATH.test(path) || (name === '' && path === '') };
  }
  const clr = CLR.exec(line);
  if (clr !== null) {
    const name = (clr[1] as string)
      .replace(/<(\w*)>[a-z]__\w+/g, '$1')
      .replace(/`\d+/g, '')
      .trim();
    return { name, library: LIBRARY.test(name) };
  }
  const bare = line.trim().slice(3, 120);
  return { name: bare.replace(/:\d+/g, ''), library: LIBRARY_PATH.test(bare) };
}

/** Returns the last two parts of a path; the rest depends on where the file was built. */
function fileOf(path: string): string {
  const parts = path.split(/[/\\]/);
  return parts
    .slice(-2)
    .join('/')
    .replace(/[0-9a-f]{8,}/g, '<id>');
}
