/** Patterns for the lines of stack traces, by language. */

export const EXCEPTION =
  /^ ?(?:\[[\w.+-]{1,40}\] |[⨯✖❌×] ?)?(?:(?:Uncaught|Unhandled|Fatal)[: ] ?)?(?:exception: ?)?(?:[\w$]+(?:\.|::|\\))*[A-Z_]?[\w$]*(?:Error|Exception|Failure|Throwable|Panic|Interrupt|Timeout|Warning|Fault|Exit|Invalid|NotFound|Errors)(?:Exception|Error)?(?: \[[A-Z_0-9]+\])?(?:: ?|$| ?\(| ---> )/;
export const FATAL_START =
  /^(?:Exception in thread |Unhandled [Ee]xception\b|panic: |fatal error: |thread '[^']*' (?:\(\d+\) )?panicked at |PHP (?:Fatal|Parse|Recoverable|Catchable) error: |(?:Fatal|Parse|Recoverable fatal|Catchable fatal) error: |Uncaught |terminate called |Unhandled rejection |error: Uncaught |\(node:\d+\) (?:UnhandledPromiseRejection|Uncaught)|\*\* \(|SIG[A-Z]+: |unexpected fault address|runtime: out of memory|=+\d+=+ ?ERROR: )/;
export const PY_START = /^\s*(?:\+ Exception Group )?Traceback \(most recent call last\):\s*$/;
export const GOROUTINE = /^goroutine \d+ (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[[^\]]+\]:$/;
export const SOURCE_LINE = /^(?:\/|file:\/\/|node:|[A-Za-z]:\\|webpack)[^\s:]*(?::[^\s:]+)*:\d+$/;
export const CARETS = /^\s*[~^]+\s*$/;
export const AT_FRAME = /^\s+(?:eval )?at \S/;
/** Specific enough to make the plain line before it part of a trace. */
export const SURE_AT_FRAME =
  /^\s+(?:eval )?at (?:(?:async |new )?[\w$.<>[\]/#`+,&~*^|=-]+(?: \[as [^\]]+\])? ?\(.*\)|(?:async )?(?:file:|node:|https?:|webpack:|\/|<anonymous>)\S*:\d+|\S+[.]\S+\(|\S+ \(.*\) \[0x)/;
/** PHP, Dart, sanitizers, and ClickHouse's `0. function @ 0x…`. */
export const HASH_FRAME = /^\s*#\d+\s|^\d+\. .{0,600}@ 0x[0-9a-f]+/;
export const SURE_HASH_FRAME = /^\s*#\d+\s+(?:\S.*\(.*\)|\{main\}|0x[0-9a-f]+ in )|^\d+\. .{0,600}@ 0x[0-9a-f]+/;
/** Loguru marks the frame that caught the exception with `>`. */
export const PY_FRAME = /^(?:\s+|> )File ".*", line \d+/;
export const RUBY_FRAME = /^\s*(?:\d+: )?(?:from )?\S.*:\d+:in(?: [`'"]|$)/;
export const SURE_RUBY_FRAME =
  /^\s+(?:\d+: )?from \S+:\d+|^\s*\S+\.(?:rb|erb|rake|ru|slim|haml):\d+:in [`']|^\s+\S+ \(\d[\w.]*\) \S+:\d+:in/;
export const RUBY_START = /^\S+:\d+:in [`'][^`']*': .*\([A-Z][\w:]*\)\s*$/;
export const ELIXIR_FRAME =
  /^ {4}(?:\([\w.]+ [^)]+\) )?\S+(?:\.ex|\.exs|\.erl|\.eex|\.heex|\.leex):\d+(?:: |$)|^ {4}\([\w]+ \d[^)]*\) /;
export const RUST_BACKTRACE = /^\s*[Ss]tack backtrace:$/;
export const RUST_FRAME = /^\s+\d+: \S/;
/** MinIO and others, which number their frames in descending order. */
export const NUMBERED_FRAME = /^\s{2,}\d+: \S+\.\w+:\d+:\S+\(/;
/** zap: a function on one line, its file on the next. */
export const GO_FILE = /^\s+\S+\.(?:go|s):\d+/;
export const GO_NAME = /^[\w.~-]+(?:\/[\w.~-]+)*\.[\w.*()[\]{}-]+$/;
export const PERL_FRAME = /^\s+\S.* called at \S+ line \d+/;
export const LUA_TRACE = /^stack traceback:$/;
export const AT_LINK =
  /^\s*(?:Caused by|Suppressed|Wrapped by)(?::|$)|^\s+\.\.\. |^\s*-+ ?End of |^\s*---> |^\s*\((?:Inner Exception|Coroutine boundary|Nested)|^\s*<---|^\s*\[CIRCULAR REFERENCE/;
export const HASH_LINK =
  /^\s*(?:Stack trace:|\[stacktrace\]|<asynchronous suspension>|thrown\b|Next [\w\\]+|\[previous exception\]|\(elided |"\}|#\d+ |SUMMARY: |\{main\}|0x[0-9a-f]+ is located|(?:READ|WRITE) of size|freed by thread|previously allocated by|allocated by thread)/;
export const PY_LINK = /^\s*(?:During handling of the above exception|The above exception was the direct cause)/;
export const PY_FINAL = /^(?:[A-Za-z_][\w.]*(?:: |:$|$)|\S+:\d+:in )/;
export const PY_MORE = /^(?:\s+\S|\[SQL: |\[parameters: |\(Background on this error)/;
export const PY_GROUP = /^\s*(?:\||\+-|\+ Exception Group)/;
export const GO_FUNCTION = /^[^\s(]\S*\(.*\)$|^[^\s(]\S*\(.*\)\.?.*\)$/;
export const GO_MORE =
  /^(?:\t| +\S+\.(?:go|s):\d+|\[signal |created by |goroutine \d+ |runtime stack:|\.\.\.(?:additional|\(?\d+ frames)|\.\.\.$|PC=|\[originating from |exit status \d+$|r\w{1,2} +0x|(?:rip|rflags|cs|fs|gs|eflags|trap|pc|lr|sp|fault) +0x|\[recovered\])/;
export const ELIXIR_MORE =
  /^(?:\s+\S|Last message|State:|Function:|Initial Call:|Ancestors:|Message Queue|Client #|Args:)/;

/** Frames and links of a trace: never its beginning. */
export const CONTINUATION =
  /^\s+(?:eval )?at \S+[.(]|^\s+at (?:async )?(?:file:|node:|\/)|^#\d+\s+\S|^\s*Caused by: |^\s+\.\.\. \d+ (?:more|common)|^\s*---> |^\s+--- End of |^\tat |^\t\S+\.go:\d+|^goroutine \d+ \[|^created by |^\s+from \S+:\d+:in |^\s+File ".*", line \d+|^During handling of the above|^The above exception was/;
