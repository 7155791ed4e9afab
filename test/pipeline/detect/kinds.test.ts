import { describe, expect, it } from 'vitest';
import { cleanLine } from '../../../src/pipeline/detect/clean.ts';
import { createLogDetector } from '../../../src/pipeline/detect/log-detector.ts';
import type { LogError } from '../../../src/pipeline/detect/log-error.ts';
import { createStartupHold } from '../../../src/pipeline/detect/startup-hold.ts';
import { detect, detectOne, errorBounds, errorOf, type Line } from '../../support/detect.ts';

const level = (text: string) => detectOne(text).record.level;
const isError = (...lines: readonly string[]) => errorBounds(lines).length > 0;

describe('a level', () => {
  it.each([
    [
      'thread and level of a game server',
      '[12:34:56] [Server thread/ERROR]: Encountered an unexpected exception',
      'error',
    ],
    ['a day and month before the time', '13 Dec 19:31:53 - [error] [function:x] no such flow', 'error'],
    ['a symbol before the word', '[7/28/2020] [8:41:31 AM] [Nginx    ] › ✖  error     Command failed', 'error'],
    ['a code cut to five letters', 'CRITI [root] broken', 'fatal'],
    ['a letter and a time in brackets', '[E 2024-01-01 10:00:00.123 ServerApp] Uncaught exception', 'error'],
    ['two words in brackets', '[Fatal Error] :1:1: Content is not allowed in prolog.', 'fatal'],
    ["a program's name before it", 'ffmpeg: warning: cannot open font', 'warn'],
    ['a label of the Java VM', 'OpenJDK 64-Bit Server VM warning: option failed', 'warn'],
    ['PostgreSQL in German', '2026-11-25 16:04:59.913 UTC [1490] FEHLER:  Relation »orders« existiert nicht', 'error'],
    ['PostgreSQL in Turkish', '2026-11-25 16:04:59.913 UTC [1490] HATA:  "orders" nesnesi mevcut değil', 'error'],
    ['PostgreSQL in Chinese', '2026-11-25 16:04:59.913 UTC [1490] 致命错误:  数据库 "appdb" 不存在', 'fatal'],
    ['java.util.logging in German', 'SCHWERWIEGEND: Auftrag 42', 'error'],
    ['the scale of Nextcloud', '{"reqId":"x","level":3,"app":"core","message":"x"}', 'error'],
    ['the scale of syslog beside GELF keys', '{"version":"1.1","host":"a","short_message":"x","level":3}', 'error'],
    [
      'a record inside a record',
      '{"level":"info","msg":"record","record":{"error_severity":"FATAL","message":"x"}}',
      'fatal',
    ],
  ])('is read: %s', (_, text, wanted) => {
    expect(level(text)).toBe(wanted);
  });

  it.each([
    ['the name of a program that looks like a code', '[2023-11-24 14:43:43.882 176M] PID of FTL process: 176'],
    ['a small number of unknown scale', '{"level":3,"msg":"hello"}'],
    ["supervisord's notices of every start", '2024-01-01 10:00:00,000 CRIT Set uid to user 0'],
    ["Node's console.trace", 'Trace: here'],
  ])('is not read from %s', (_, text) => {
    expect(level(text)).toBeUndefined();
    expect(isError(text)).toBe(false);
  });
});

describe('a warning', () => {
  it.each([
    '[2024-01-05 19:10:00 +0000] [1] [WARNING] Worker with pid 12 was terminated due to signal 9',
    '[05-Jan-2024 19:00:00] WARNING: [pool www] child 12 exited on signal 11 (SIGSEGV - core dumped) after 3 seconds',
    '2024-01-05T19:00:00.101Z pid=1 tid=abc WARN: RuntimeError: boom',
    '2024-01-05 19:00:00 [warning] disk resource limit alarm set on node a',
    '2024-01-05 19:00:00 WARN flood stage disk watermark [95%] exceeded on [x], all indices will be marked read-only',
    '2024-01-05 19:00:00 WARN /var/lib/app is running out of inodes',
  ])('is an error if a process was killed or a resource is exhausted: %s', (text) => {
    expect(isError(text)).toBe(true);
  });

  it('is an error if it describes a failure above a stack trace, but not a retry', () => {
    const frame = '\tat org.apache.tika.parser.CompositeParser.parse(CompositeParser.java:312)';
    const trace = ['org.apache.tika.exception.TikaException: bad font', frame];
    expect(isError('WARN  [qtp-1] 10:00:01,123 TikaResource Text extraction failed (null)', ...trace)).toBe(true);
    expect(isError('WARN  [qtp-1] 10:00:01,123 TikaResource Slow parser was used', ...trace)).toBe(false);
    expect(isError('WARN  [qtp-1] 10:00:01,123 TikaResource Text extraction failed, will retry', ...trace)).toBe(false);
  });

  it.each([
    '2024-01-05 19:00:00 INFO high disk watermark [90%] exceeded on [x]',
    '2024-01-05 19:00:00 WARN high disk watermark [90%] no longer exceeded on [x]',
    '2024-01-05 19:00:00 WARN will retry after connection refused',
    '[05-Jan-2024 19:00:00] WARNING: [pool www] child 12 exited on signal 15 (SIGTERM)',
  ])('is not an error otherwise: %s', (text) => {
    expect(isError(text)).toBe(false);
  });
});

describe("a client's mistake", () => {
  const refused = (n: number) =>
    `2024/01/05 19:00:00 [error] login: invalid username or password, client: 203.0.113.${n % 200}`;

  it.each([
    refused(1),
    '[ERROR] Username or password is incorrect. IP: 203.0.113.4. Username: a@example.com.',
    '[error] 30#30: *1 open() "/srv/favicon.ico" failed (2: No such file or directory), client: 203.0.113.4, request: "GET /favicon.ico HTTP/1.1"',
    'level=error msg="Request completed" method=GET path=/api status=401 remote_addr=203.0.113.4',
    'Apr  9 22:51:01 mail postfix/smtpd[20338]: NOQUEUE: reject: RCPT from unknown[203.0.113.4]: 554 5.7.1 Service unavailable; Client host [203.0.113.4] blocked; proto=SMTP helo=<x>',
    'error: maximum authentication attempts exceeded for root from 203.0.113.4 port 41231 ssh2 [preauth]',
    'Jul 23 16:35:55 mail postfix/smtpd[19462]: SSL_accept error from unknown[198.51.100.9]: -1',
    '1714557604: Socket error on client esp-12, disconnecting.',
    '1714557605: Client <unknown> disconnected due to protocol error.',
    "2024-05-01 10:00:04.01 Logon       Error: 18456, Severity: 14, State: 8.\n2024-05-01 10:00:04.01 Logon       Login failed for user 'sa'. Reason: Password did not match. [CLIENT: 172.18.0.1]",
    '2024/01/05 http: TLS handshake error from 203.0.113.4:5000: read: connection reset by peer',
  ])('is not an error by itself: %s', (text) => {
    expect(isError(...text.split('\n'))).toBe(false);
  });

  it('is an error if many come within a minute', () => {
    expect(errorBounds(Array.from({ length: 29 }, (_, n) => refused(n)))).toEqual([]);
    expect(isError(...Array.from({ length: 40 }, (_, n) => refused(n)))).toBe(true);
  });

  it.each([
    '[error] 30#30: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 203.0.113.4, request: "GET / HTTP/1.1", upstream: "http://10.0.0.5:3000/"',
    'ERROR could not connect to database: password authentication failed for user "app"',
    'ERROR user 4711 not found',
  ])('does not include failures of the program or its dependencies: %s', (text) => {
    expect(isError(text)).toBe(true);
  });
});

describe('a message about starting or stopping', () => {
  it.each([
    '2024-01-05 19:00:00 UTC [63] FATAL:  the database system is starting up',
    '2024-01-05 19:00:00 UTC [63] FATAL:  das Datenbanksystem fährt herunter',
    '2024-01-05 19:00:00 UTC [63] FATAL:  terminating connection due to administrator command',
    'mbind: Operation not permitted',
    'SLF4J: Failed to load class "org.slf4j.impl.StaticLoggerBinder".',
    'io_uring_queue_init() failed with ENOSYS, falling back to libaio',
    'cannot read /etc/app.conf; using defaults',
  ])('is not an error: %s', (text) => {
    expect(isError(text)).toBe(false);
  });

  it('is an error if a program refuses for longer than a minute', () => {
    const lines = Array.from({ length: 8 }, (_, n) => ({
      text: 'FATAL: the database system is starting up',
      time: 1_000 + n * 20_000,
    }));
    expect(errorBounds(lines).length).toBeGreaterThan(0);
  });

  it('of npm is an error if the script failed, but not if it was stopped', () => {
    expect(isError('npm ERR! path /app', 'npm ERR! command failed', 'npm ERR! signal SIGTERM')).toBe(false);
    expect(errorBounds(['npm ERR! code ELIFECYCLE', 'npm ERR! errno 1', 'npm ERR! Exit status 1'])).toEqual([[1, 3]]);
  });
});

describe('a supervisor in the container', () => {
  it.each([
    '2024-01-05 19:00:02,123 INFO exited: web (exit status 1; not expected)',
    '2024-01-05 19:00:02,123 INFO gave up: web entered FATAL state, too many start retries too quickly',
    '[cont-init.d] 20-start.sh: exited 1.',
    'cont-init: info: /etc/cont-init.d/10-x exited 1',
    '2024-01-05T19:00:10: PM2 log: App [api:0] exited with code [1] via signal [SIGINT]',
  ])('reports a failure: %s', (text) => {
    expect(isError(text)).toBe(true);
  });

  it.each([
    '2024-01-05 19:00:02,123 INFO exited: cron (exit status 0; expected)',
    '[cont-init.d] 20-start.sh: exited 0.',
    '2024-01-05T19:00:10: PM2 log: App [api:0] exited with code [0] via signal [SIGINT]',
    '2024-01-05 19:00:02,123 INFO stopped: web (terminated by SIGTERM)',
  ])('reports an ordinary exit: %s', (text) => {
    expect(isError(text)).toBe(false);
  });
});

describe('5xx responses', () => {
  it.each([
    '[GIN] 2024/01/05 - 19:00:00 | 500 |    1.234567ms |      10.0.0.1 | GET      "/api"',
    '[24/Jan/2022:16:51:02 +0000] - 502 502 - GET http a.example "/x" [Client 203.0.113.4] [Length 192]',
    '{"DownstreamStatus":502,"RequestMethod":"GET","RequestPath":"/","level":"info","msg":"","time":"2024-01-05T19:00:00Z"}',
    '{"level":30,"req":{"method":"GET","url":"/"},"res":{"statusCode":500},"msg":"request completed"}',
    'INFO:     10.0.0.1:123 - "GET / HTTP/1.1" 500 Internal Server Error',
    'GET /api 503 12.3 ms - 45',
    '2024/01/05 19:00:00 [a/x-1] "GET http://a/ HTTP/1.1" from 10.0.0.1:1 - 500 33B in 1ms',
    'I, [2024-01-05T19:00:00.123456 #1]  INFO -- : Completed 500 Internal Server Error in 5ms',
  ])('are an error at a sufficient rate: %s', (text) => {
    const quiet = Array.from({ length: 40 }, () => text.replaceAll(/\b50[0-9]\b/g, '200'));
    expect(isError(...quiet, text)).toBe(false);
    expect(isError(...quiet, text, text, text)).toBe(true);
  });
});

describe('a record', () => {
  it.each([
    [
      'with a blank line before its exception',
      [
        '10:00:00.000 ERROR app : request failed',
        '',
        'java.lang.RuntimeException: boom',
        '\tat com.acme.A.b(A.java:5)',
      ],
    ],
    [
      'with a prefix of the worker on each line',
      [
        '(worker pid=104) Traceback (most recent call last):',
        '(worker pid=104)   File "/app/a.py", line 5, in f',
        '(worker pid=104) ValueError: x',
      ],
    ],
    [
      'with time and process on each line',
      [
        '19:00:00 web.1    | Traceback (most recent call last):',
        '19:00:00 web.1    |   File "/app/a.py", line 5, in f',
        '19:00:01 web.1    | ValueError: x',
      ],
    ],
    [
      'with time and level on each line',
      [
        '2024-01-05 19:00:00,123 ERROR app Traceback (most recent call last):',
        '2024-01-05 19:00:00,123 ERROR app   File "/app/a.py", line 5, in f',
        '2024-01-05 19:00:00,124 ERROR app ValueError: x',
      ],
    ],
    [
      'with frames of zap',
      ['2024-01-05T19:00:00Z\terror\tq.go:1\tfailed', 'acme.io/q.(*queue[...]).Start.func1', '\tacme.io/q@v1/q.go:47'],
    ],
    [
      'with frames of ClickHouse',
      [
        '2024.01.05 19:00:00.123456 [ 1 ] {} <Error> X: Code: 241. DB::Exception: limit:',
        '',
        '0. DB::Exception::Exception() @ 0x0000000a in /usr/bin/clickhouse',
        '1. main @ 0x0000000b in /usr/bin/clickhouse',
      ],
    ],
    [
      'of PostgreSQL with its statement',
      [
        '2024-01-05 19:00:00.913 UTC [1490] ERROR:  relation "o" does not exist',
        '2024-01-05 19:00:00.913 UTC [1490] STATEMENT:  select * from o',
      ],
    ],
    [
      'of java.util.logging',
      [
        'Nov 25, 2026 4:05:07 PM com.acme.Main main',
        'SEVERE: order 42',
        'java.lang.IllegalStateException: x',
        '\tat com.acme.A.b(A.java:5)',
      ],
    ],
  ])('is formed from lines %s', (_, lines) => {
    expect(errorBounds(['hello', ...lines])).toEqual([[2, 1 + lines.length]]);
  });

  it('has all errors of one failure that every layer logs', () => {
    expect(
      errorBounds([
        '2023/03/20 18:46:05.234\tERROR\thttp.acme\tchallenge failed\t{"identifier": "api.example.com"}',
        '2023/03/20 18:46:05.234\tERROR\ttls.obtain\tcould not get certificate\t{"identifier": "api.example.com"}',
        '2023/03/20 18:46:05.234\tERROR\ttls.obtain\twill retry\t{"error": "api.example.com: failed"}',
      ]),
    ).toEqual([[1, 3]]);
  });

  it.each<[string, number, readonly Line[]]>([
    [
      "SQL Server's number and message, of one process",
      2,
      [
        '2024-05-01 10:01:01.11 spid51      Error: 9002, Severity: 17, State: 4.',
        "2024-05-01 10:01:01.11 spid51      The transaction log for database 'shop' is full.",
      ],
    ],
    [
      "Rails' message below its tag, which each line repeats",
      5,
      [
        'F, [2024-05-01T10:00:00.123999 #18] FATAL -- : [7f5b]   ',
        '[7f5b] PG::ConnectionBad (connection to server at "db" failed: Connection refused',
        '[7f5b] ):',
        '[7f5b]   ',
        "[7f5b] app/controllers/home_controller.rb:9:in `index'",
      ],
    ],
    [
      'an indented line of the same level',
      2,
      [
        '2024-05-01 10:10:01 +0000 [error]: #0 hit limit for retries. dropping all chunks',
        '  2024-05-01 10:10:01 +0000 [error]: #0 suppressed same stacktrace',
      ],
    ],
    [
      'the object that its message announces',
      2,
      [
        '[2024/05/01 10:01:00] [error] [output:es:es.0] HTTP status=400 URI=/_bulk, response:',
        '{"error":{"type":"illegal_argument_exception"},"status":400}',
      ],
    ],
    [
      'the error that it restates with its stack',
      3,
      [
        '[2024-05-01 10:00:03.123] error: insert into "articles" - duplicate key value',
        'error: insert into "articles" - duplicate key value',
        '    at Parser.parseErrorMessage (/opt/app/node_modules/pg-protocol/dist/parser.js:283:98)',
      ],
    ],
    [
      'one exception that two layers print with its stack',
      6,
      [
        'Exception (java.lang.RuntimeException) encountered during startup: Unable to gossip with any peers',
        'java.lang.RuntimeException: Unable to gossip with any peers',
        '\tat org.apache.cassandra.gms.Gossiper.doShadowRound(Gossiper.java:1452)',
        'ERROR [main] 2021-01-05 13:15:03,190 CassandraDaemon.java:803 - Exception encountered during startup',
        'java.lang.RuntimeException: Unable to gossip with any peers',
        '\tat org.apache.cassandra.service.CassandraDaemon.main(CassandraDaemon.java:790)',
      ],
    ],
    [
      'errors of one thread at one moment, whatever the module',
      2,
      [
        '[Wed May 01 10:00:09.201040 2024] [proxy:error] [pid 8:tid 140] (111)Connection refused: AH00957: http: attempt to connect to 172.18.0.4:3000 (app) failed',
        '[Wed May 01 10:00:09.201060 2024] [proxy_http:error] [pid 8:tid 140] [client 172.18.0.1:41522] AH01114: HTTP: failed to make connection to backend: app',
      ],
    ],
    [
      'errors of one class, which share nothing but its name',
      2,
      [
        '31-Jul-2024 10:00:02.123 SEVERE [main] org.apache.catalina.core.StandardContext.startInternal One or more listeners failed to start.',
        '31-Jul-2024 10:00:02.124 SEVERE [main] org.apache.catalina.core.StandardContext.startInternal Context [/shop] startup failed due to previous errors',
      ],
    ],
    [
      'the output that it announces',
      2,
      [
        '[2024-05-01 10:01:01] watchdog.front     ERROR   : The following ffmpeg logs include the last 100 lines prior to exit.',
        '[2024-05-01 10:01:01] ffmpeg.front.detect ERROR   : [rtsp @ 0x55d] method DESCRIBE failed',
      ],
    ],
    [
      'the end of a worker and what the worker says of it',
      2,
      [
        '[2024-05-01 10:01:00 +0000] [1] [CRITICAL] WORKER TIMEOUT (pid:8)',
        '[2024-05-01 10:01:00 +0000] [8] [ERROR] Error handling request /report',
      ],
    ],
    [
      'a restatement of it without a head',
      2,
      [
        "ERROR [alembic.util.messaging] Can't locate revision identified by 'a1b2c3'",
        "FAILED: Can't locate revision identified by 'a1b2c3'",
      ],
    ],
    [
      "loguru's trace with its blank lines and marks",
      10,
      [
        "2024-05-01 10:00:01.123 | ERROR    | app.worker:run:33 - An error has been caught in function 'run':",
        'Traceback (most recent call last):',
        '',
        '  File "/app/worker.py", line 40, in <module>',
        '    run()',
        '',
        '> File "/app/worker.py", line 33, in run',
        '    return 1 / n',
        '',
        'ZeroDivisionError: division by zero',
      ],
    ],
    [
      'all that is said of one child process',
      2,
      ['Error: Child (24) not responding to CLI, killed it.', 'Error: Child (24) died signal=3'],
    ],
    [
      'what the system said below it',
      2,
      ['There was an error initializing DB', 'connect ECONNREFUSED 172.18.0.3:5432'],
    ],
  ])('has %s', (_, lines, text) => {
    expect(errorBounds(text)).toEqual([[1, lines]]);
  });

  it('has its paragraphs if all other records of the stream have heads', () => {
    const info = ['[2024-05-01 09:59:58] INFO a', '[2024-05-01 09:59:59] INFO b', '[2024-05-01 09:59:59] INFO c'];
    const error = [
      '[2024-05-01 10:00:01] ERROR cannot connect',
      '',
      '"Unknown database error"',
      '',
      'Error ID:',
      '    500',
    ];
    expect(errorBounds([...info, ...error, '[2024-05-01 10:00:02] INFO d'])).toEqual([[4, 9]]);
    expect(errorBounds([...info, ...error.slice(0, 1), '', '[2024-05-01 10:00:02] INFO d'])).toEqual([[4, 4]]);
  });

  it('does not include another failure', () => {
    const lines = [
      '2024-01-05 19:00:00.100 ERROR [a] a.B - disk sda lost',
      '2024-01-05 19:00:00.180 ERROR [b] c.D - mail queue stuck',
    ];
    expect(errorBounds(lines)).toHaveLength(2);
  });

  it('is not an error if it is only a continuation line', () => {
    for (const line of [
      '\tat com.acme.A.b(A.java:5)',
      'Caused by: java.io.IOException: x',
      '    at f (/app/a.js:1:2)',
    ]) {
      expect(isError(line)).toBe(false);
    }
  });
});

describe('a stack trace whose lines come slowly', () => {
  it.each([150, 400, 1_000])('%i ms apart is one record', (gap) => {
    let clock = 1_000;
    const errors: LogError[] = [];
    const detector = createLogDetector({ emit: (error) => errors.push(error), now: () => clock });
    const lines = [
      'Traceback (most recent call last):',
      '  File "/app/a.py", line 5, in f',
      '    g()',
      '  File "/app/b.py", line 1, in g',
      'ValueError: x',
    ];
    for (const text of lines) {
      detector.push({ time: clock, stream: 'stderr', text });
      for (let waited = 0; waited < gap; waited += 50) {
        clock += 50;
        detector.flush(clock);
      }
    }
    clock += 2_000;
    detector.flush(clock);
    expect(errors.map(({ record, summary }) => [record.lines, summary])).toEqual([[5, 'ValueError: x']]);
  });

  it('ends even if no line ends it', () => {
    let clock = 1_000;
    const errors: LogError[] = [];
    const detector = createLogDetector({ emit: (error) => errors.push(error), now: () => clock });
    detector.push({ time: clock, stream: 'stderr', text: 'Traceback (most recent call last):' });
    clock += 1_100;
    detector.flush(clock);
    expect(errors).toHaveLength(1);
    expect(detector.pending).toBe(false);
  });
});

describe('terminal control', () => {
  const csi = '\u001b[';
  it.each([
    ['a carriage return', '10 %\r50 %\rERROR: disk full\r', 'ERROR: disk full'],
    ['an erased bar', `bar 10 %${csi}2K${csi}1GERROR x`, 'ERROR x'],
    ['a cursor moved back', `50 %${csi}10DERROR: y`, 'ERROR: y'],
    ['backspaces', 'abc\b\b\bxyz', 'xyz'],
    ['a cursor moved forward', `a${csi}3Cb`, 'a   b'],
  ])('is carried out: %s', (_, text, shown) => {
    expect(cleanLine(text)).toBe(shown);
  });

  it('leaves a progress bar out of the summary', () => {
    expect(errorOf('Downloading [####      ] 40 %\rError: connection refused').summary).toBe(
      'Error: connection refused',
    );
  });
});

describe('weak evidence in the first seconds after a start', () => {
  const error = (text: string, time: number): LogError => ({
    ...(detect([{ text, time }]).find(({ trouble }) => trouble !== undefined)?.trouble as LogError),
  });

  it('is held back', () => {
    const hold = createStartupHold();
    hold.started(1_000);
    expect(hold.holds(error('Failed to load plugin', 3_000), 0)).toBe(true);
    expect(hold.holds(error('Failed to load plugin x', 60_000), 0)).toBe(false);
    expect(hold.holds(error('Killed', 3_000), 0)).toBe(false);
  });

  it('is reported if it repeats or the container ends', () => {
    const hold = createStartupHold();
    hold.started(1_000);
    hold.holds(error('Failed to load plugin 1', 2_000), 0);
    expect(hold.holds(error('Failed to load plugin 2', 3_000), 100)).toBe(false);
    hold.holds(error('Unable to bind port', 4_000), 200);
    expect(hold.ended(5_000).map(({ summary }) => summary)).toEqual(['Unable to bind port']);
    expect(hold.ended(5_000)).toEqual([]);
  });

  it('is forgotten after a minute', () => {
    const hold = createStartupHold();
    hold.started(1_000);
    hold.holds(error('Failed to load plugin', 2_000), 0);
    expect(hold.ended(61_000)).toEqual([]);
  });
});
