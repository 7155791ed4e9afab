import { describe, expect, it } from 'vitest';
import { detect, errorBounds, levelLines, ownTraces, sharedFile, type Trace } from '../../support/detect.ts';

const NEIGHBOURS: Record<string, readonly string[]> = {
  'plain lines': ['Server listening on port 8080', 'Request served in 12 ms'],
  'timestamped INFO lines': [
    '2024-05-01T10:00:00.000Z INFO  [main] app - Server listening on port 8080',
    '2024-05-01T10:00:01.000Z INFO  [main] app - Request served in 12 ms',
  ],
  'lines with a time and no level': ['2024/05/01 10:00:00 Server listening', '2024/05/01 10:00:01 Request served'],
  'JSON lines': ['{"level":"info","msg":"listening"}', '{"level":"info","msg":"served"}'],
  'blank lines': ['Server listening', ''],
};

const shared = sharedFile('traces.json');
const sharedTraces: Trace[] = Object.entries(JSON.parse(String(shared ?? '{}')) as Record<string, string>).map(
  ([name, text]) => ({ name, lines: text.replace(/\n$/, '').split('\n') }),
);

const sets: [string, Trace[]][] = [
  ['own, tuning', ownTraces('tuning')],
  ['own, held out', ownTraces('held-out')],
  ['traces.json', sharedTraces],
];

it('has at least 100 traces as test cases', () => {
  expect(ownTraces('tuning').length + ownTraces('held-out').length).toBeGreaterThanOrEqual(100);
});

it('is not taken from the thread dump that an operator asked a JVM for', () => {
  const dump = [
    '2026-11-20 03:12:44',
    'Full thread dump OpenJDK 64-Bit Server VM (21.0.4+7-LTS mixed mode, sharing):',
    '',
    '"main" #1 [8] prio=5 os_prio=0 cpu=512.11ms elapsed=8811.02s tid=0x00007f2a3c01 nid=8 runnable  [0x00007f2a]',
    '   java.lang.Thread.State: RUNNABLE',
    '\tat sun.nio.ch.Net.accept(java.base@21.0.4/Native Method)',
    '\tat org.apache.catalina.startup.Catalina.await(Catalina.java:845)',
    '',
    '"pool-1-thread-2" daemon prio=5 os_prio=0 cpu=3.02ms elapsed=8810.31s tid=0x00007f2b nid=31 waiting on condition',
    '   java.lang.Thread.State: WAITING (parking)',
    '\tat jdk.internal.misc.Unsafe.park(java.base@21.0.4/Native Method)',
    '',
    'JNI global refs: 24, weak refs: 0',
  ];
  expect(errorBounds(dump)).toEqual([]);
  expect(errorBounds([...dump, 'java.lang.IllegalStateException: x', '\tat a.B.c(B.java:1)'])).toHaveLength(1);
});

describe.each(sets)('a stack trace (%s)', (name, traces) => {
  const skip = traces.length === 0;

  describe.each(Object.entries(NEIGHBOURS))('between %s', (_, around) => {
    it.skipIf(skip)(`is one record with exact bounds (${name})`, () => {
      const wrong = traces.filter(({ lines }) => {
        const bounds = errorBounds([...around, ...lines, ...[...around].reverse()]);
        return JSON.stringify(bounds) !== JSON.stringify([[around.length + 1, around.length + lines.length]]);
      });
      expect(wrong.map((trace) => trace.name)).toEqual([]);
    });
  });

  it.skipIf(skip)('joins an ERROR line directly before it', () => {
    const wrong = traces.filter(({ lines }) => {
      const head = '2024-05-01T10:00:00.500Z ERROR [main] app - request failed';
      const bounds = errorBounds(['hello', head, ...lines, ...(NEIGHBOURS['timestamped INFO lines'] as string[])]);
      return JSON.stringify(bounds) !== JSON.stringify([[2, 2 + lines.length]]);
    });
    // Rails logs the exception on a line with its own level; a Go log line with a time is a separate record.
    expect(wrong.map((trace) => trace.name).filter((trace) => trace !== 'JAVA_EXC' && trace !== 'GO_HTTP')).toEqual([]);
  });

  it.skipIf(skip)('is separate from one on the other stream whose lines alternate with its own', () => {
    const wrong = traces.filter(({ lines }, at) => {
      const other = traces[(at * 7 + 3) % traces.length] as Trace;
      const mixed: { text: string; stream: 'stdout' | 'stderr' }[] = [];
      for (let i = 0; i < Math.max(lines.length, other.lines.length); i++) {
        if (i < lines.length) mixed.push({ stream: 'stdout', text: lines[i] as string });
        if (i < other.lines.length) mixed.push({ stream: 'stderr', text: other.lines[i] as string });
      }
      const last = (stream: string) => mixed.map((line) => line.stream).lastIndexOf(stream as 'stdout') + 1;
      return (
        JSON.stringify(errorBounds(mixed)) !==
        JSON.stringify([
          [1, last('stdout')],
          [2, last('stderr')],
        ])
      );
    });
    expect(wrong.map((trace) => trace.name)).toEqual([]);
  });

  it.skipIf(skip)(
    'is separate from an equal one, with and without an INFO line of any known format between them',
    () => {
      const infos = [...levelLines('tuning'), ...levelLines('held-out')].filter(({ level }) => level === 'info');
      const heads = [...new Map(infos.map(({ format, text }) => [format, text])).values()];
      const wrong: string[] = [];
      for (const { name: trace, lines } of traces) {
        const length = lines.length;
        if (String(errorBounds([...lines, ...lines])) !== String([1, length, length + 1, 2 * length]))
          wrong.push(trace);
        for (const head of heads) {
          const bounds = errorBounds([head, ...lines, head, ...lines, head]);
          if (String(bounds) !== String([2, 1 + length, 3 + length, 2 + 2 * length])) wrong.push(`${trace} at ${head}`);
        }
      }
      expect(wrong).toEqual([]);
    },
  );

  it.skipIf(skip)('is separate from one directly after it on the same stream', () => {
    const wrong = traces.filter(({ lines }, at) => {
      const next = traces[(at * 7 + 3) % traces.length] as Trace;
      const bounds = errorBounds([...lines, ...next.lines]);
      const wanted = [
        [1, lines.length],
        [lines.length + 1, lines.length + next.lines.length],
      ];
      return JSON.stringify(bounds) !== JSON.stringify(wanted);
    });
    expect(wrong.map((trace) => trace.name)).toEqual([]);
  });
});

describe('the line that a trace joins', () => {
  const trace = ['java.io.IOException: broken', '\tat com.acme.A.a(A.java:1)'];

  it('is not an INFO line', () => {
    expect(errorBounds(['10:15:30.123 INFO app - saving', ...trace])).toEqual([[2, 3]]);
  });

  it('may be a WARN line, which makes it a warning', () => {
    const [record] = detect(['10:15:30.123 WARN app - will retry', ...trace]);
    expect(record?.record).toMatchObject({ first: 1, last: 3, level: 'warn' });
    expect(record?.trouble).toBeUndefined();
  });

  it('is not a WARN line if the process crashed', () => {
    expect(
      errorBounds([
        '10:15:30.123 WARN app - slow',
        'panic: boom',
        '',
        'goroutine 1 [running]:',
        'main.main()',
        '\t/a.go:1',
      ]),
    ).toEqual([[2, 6]]);
  });

  it('is not an ERROR line if another line comes between', () => {
    expect(errorBounds(['10:15:30.123 ERROR app - x', 'hello', ...trace])).toEqual([
      [1, 1],
      [3, 4],
    ]);
  });

  it.each([
    [
      '2020-03-20 08:48:57,067 ERROR:__main__:Traceback (most recent call last):',
      '  File "<stdin>", line 2, in f',
      'RuntimeError: bad',
    ],
    ['2024/05/01 10:15:30 panic: boom', '', 'goroutine 1 [running]:', 'main.main()', '\t/app/main.go:3 +0x1'],
  ])('may contain its first line after the head of a logger: %s', (...lines) => {
    expect(errorBounds(['hello', ...lines, 'hello'])).toEqual([[2, 1 + lines.length]]);
  });

  it('is not an ERROR line that is seconds older', () => {
    const lines = ['10:15:30.123 ERROR app - x', ...trace].map((text, at) => ({
      text,
      time: at === 0 ? 1_000 : 9_000,
    }));
    expect(errorBounds(lines)).toEqual([
      [1, 1],
      [2, 3],
    ]);
  });

  it('of an unhandled rejection ends before what Node explains about rejections', () => {
    expect(
      errorBounds([
        "(node:21) UnhandledPromiseRejectionWarning: Error: Can't reach database server at `db`:`5432`",
        '',
        'Please make sure your database server is running at `db`:`5432`.',
        '    at /node_modules/@prisma/client/runtime/index.js:36260:21',
        '(Use `node --trace-warnings ...` to show where the warning was created)',
        '(node:21) UnhandledPromiseRejectionWarning: Unhandled promise rejection. This error originated either by throwing inside of an async function without a catch block, or by rejecting a promise which was not handled with .catch(). (rejection id: 1)',
        '(node:21) [DEP0018] DeprecationWarning: Unhandled promise rejections are deprecated.',
      ]),
    ).toEqual([[1, 4]]);
  });
});
