import { describe, expect, it } from 'vitest';
import { createLogDetector } from '../../../src/pipeline/detect/log-detector.ts';
import type { LogError } from '../../../src/pipeline/detect/log-error.ts';
import { detect, detectOne } from '../../support/detect.ts';

const bounds = (lines: readonly string[]) => detect(lines).map(({ record }) => [record.first, record.last]);

describe('a record', () => {
  it('includes the indented lines below its head, and its level applies to them', () => {
    const found = detect([
      '[2024-05-01 10:15:30,123] INFO KafkaConfig values:',
      '\terror.topic = fatal-errors',
      '\tretries = 3 (kafka.server.KafkaConfig)',
      '[2024-05-01 10:15:30,124] INFO started',
    ]);
    expect(found.map(({ record, trouble }) => [record.first, record.last, trouble])).toEqual([
      [1, 3, undefined],
      [4, 4, undefined],
    ]);
  });

  it("includes all lines of .NET's console format", () => {
    const found = detectOne(
      'fail: Microsoft.AspNetCore.Server.Kestrel[13]',
      '      Connection id "0HN", Request id "0HN:1": An unhandled exception was thrown by the application.',
      '      System.InvalidOperationException: boom',
      '         at Shop.Api.Get() in /src/Api.cs:line 8',
    );
    expect(found.record).toMatchObject({ first: 1, last: 4, level: 'error' });
    expect(found.trouble?.tier).toBe('level');
  });

  it('does not report an exception that .NET logs at INFO', () => {
    const { trouble } = detectOne(
      'info: Shop.Retry[0]',
      '      System.TimeoutException: handled',
      '         at Shop.A()',
    );
    expect(trouble).toBeUndefined();
  });

  it('is a single line if the lines are independent', () => {
    expect(bounds(['a', 'b', '{"level":"info"}', '10:15:30.123 INFO c', 'd'])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
      [4, 4],
      [5, 5],
    ]);
  });

  it('does not include lines with the same indentation as its own', () => {
    expect(bounds(['  a', '  b', '    c', '  d'])).toEqual([
      [1, 1],
      [2, 3],
      [4, 4],
    ]);
  });

  it('has no colours or control characters', () => {
    expect(detectOne('\u001b[1;31mERROR\u001b[0m \u0000app:\u0007 x\ty').record.text).toBe('ERROR app: x\ty');
  });

  it('is cut in the middle at 64 KB, with a note', () => {
    const { record } = detectOne(`ERROR ${'é'.repeat(100_000)} end`);
    expect(Buffer.byteLength(record.text)).toBeLessThanOrEqual(65_536);
    expect(record.text.startsWith('ERROR é')).toBe(true);
    expect(record.text).toContain('characters cut');
    expect(record.text.endsWith(' end')).toBe(true);
  });

  it('is bounded even with a trace that never ends', () => {
    const lines = [
      'java.lang.StackOverflowError',
      ...Array.from({ length: 30_000 }, (_, i) => `\tat com.acme.A.f${i}(A.java:1)`),
    ];
    const { record } = detectOne(...lines);
    expect(record.lines).toBe(30_001);
    expect(Buffer.byteLength(record.text)).toBeLessThanOrEqual(65_536);
  });

  it('has lines of one stream only', () => {
    const found = detect([
      { stream: 'stderr', text: 'Traceback (most recent call last):' },
      { stream: 'stdout', text: '10:15:30.123 INFO served' },
      { stream: 'stderr', text: '  File "/a.py", line 1, in f' },
      { stream: 'stdout', text: 'hello' },
      { stream: 'stderr', text: 'ValueError: x' },
    ]);
    expect(found.map(({ record }) => [record.stream, record.lines])).toEqual([
      ['stderr', 3],
      ['stdout', 1],
      ['stdout', 1],
    ]);
  });
});

describe('waiting for more lines', () => {
  const setUp = () => {
    let clock = 1_000;
    const troubles: LogError[] = [];
    const detector = createLogDetector({ emit: (trouble) => troubles.push(trouble), now: () => clock });
    const push = (text: string) => detector.push({ time: clock, stream: 'stdout', text });
    const wait = (ms: number) => {
      clock += ms;
      detector.flush(clock);
    };
    return { detector, troubles, push, wait };
  };

  it('ends 200 ms after the last line', () => {
    const { detector, troubles, push, wait } = setUp();
    push('ERROR app: x');
    expect(detector.pending).toBe(true);
    wait(200);
    expect(troubles).toHaveLength(0);
    wait(1);
    expect(troubles).toHaveLength(1);
    expect(detector.pending).toBe(false);
  });

  it('does not happen after quiet lines', () => {
    const { detector, push } = setUp();
    push('10:15:30.123 INFO app: x');
    expect(detector.pending).toBe(false);
    push('10:15:30.123 WARN app: x');
    expect(detector.pending).toBe(false);
  });

  it('ends at the next line with a head', () => {
    const { troubles, push } = setUp();
    push('10:15:30.123 ERROR app: x');
    push('10:15:30.124 INFO app: y');
    expect(troubles.map(({ summary }) => summary)).toEqual(['app: x']);
  });

  it('does not end a quiet record early because another stream waits', () => {
    const { detector, troubles, push, wait } = setUp();
    push('10:15:30.123 INFO values:');
    detector.push({ time: 1_000, stream: 'stderr', text: 'Killed' });
    wait(300);
    expect(troubles).toHaveLength(1);
    push('  panic: never');
    wait(1_000);
    expect(troubles).toHaveLength(1);
  });

  it('does not lose held lines', () => {
    const { troubles, push, wait } = setUp();
    push('ValueError: first');
    push('Killed');
    wait(1_000);
    expect(troubles.map(({ summary }) => summary)).toEqual(['ValueError: first', 'Killed']);
  });
});

describe('a warning that is an error', () => {
  const warning =
    '2024-01-05 19:00:00 WARN flood stage disk watermark [95%] exceeded on [x], all indices are read-only';
  const open = () => {
    const found: string[] = [];
    const detector = createLogDetector({ emit: ({ summary }) => found.push(summary), now: () => 0 });
    detector.push({ time: 0, stream: 'stdout', text: warning });
    return { detector, found };
  };

  it('is found without a further line', () => {
    const { detector, found } = open();
    expect(detector.pending).toBe(true);
    detector.flush(1_100);
    expect(found).toHaveLength(1);
    expect(detector.pending).toBe(false);
  });

  it('waits a second for its stack trace', () => {
    const { detector, found } = open();
    detector.flush(1_000);
    expect(found).toEqual([]);
  });
});
