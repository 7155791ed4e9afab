import { describe, expect, it } from 'vitest';
import { detectOne, levelLines, score, sharedFile } from '../../support/detect.ts';

describe.each(['tuning', 'held-out'] as const)('level of lines in known formats (%s set)', (set) => {
  const lines = levelLines(set);

  it('has at least 500 lines', () => {
    expect(lines.length).toBeGreaterThanOrEqual(500);
  });

  it('is read exactly', () => {
    const wrong = lines.filter(({ level, text }) => detectOne(text).record.level !== level);
    expect(wrong).toEqual([]);
  });

  it('separates ERROR and above from the rest with precision and recall of at least .998', () => {
    const results = lines.map(({ level, text }) => ({
      wanted: level === 'error' || level === 'fatal',
      got: detectOne(text).trouble !== undefined,
    }));
    const { precision, recall } = score(results);
    expect(precision).toBeGreaterThanOrEqual(0.998);
    expect(recall).toBeGreaterThanOrEqual(0.998);
  });
});

describe('level of a line', () => {
  it.each([
    ['a thread name with a level in it', '2024-05-01 10:15:30 [error-handler-1] INFO app - up', 'info'],
    ['the head takes precedence over the message', '2024-05-01 10:15:30 INFO app - ERROR seen in capitals', 'info'],
    ['a level directly before a bracketed thread', '2015-10-18 18:01:47,978 INFO [main] org.acme.App: up', 'info'],
    ['a program tag of syslog', 'Jul 25 23:23:13 combo xinetd[26482]: warning: no address', 'warn'],
    [
      'a level inside a nested object before the real one',
      '{"data":{"level":"error"},"level":"info","msg":"x"}',
      'info',
    ],
    ['a level inside a string', '{"msg":"\\"level\\":\\"error\\"","level":"info"}', 'info'],
    ['a text line wrapped in JSON', '{"log":"10:15:30.123 ERROR app - x","n":1}', 'error'],
    ['colours around the level', '\u001b[32m2024-05-01T10:15:30Z\u001b[0m \u001b[31mERROR\u001b[0m app: x', 'error'],
    ['carriage return and bell before it', '\r\u00072024-05-01 10:15:30 WARN app', 'warn'],
    ['a letter in brackets', '12:00:00 [E] x', 'error'],
    ['a tag before the time', 'Zigbee2MQTT:error  2025-12-22 12:00:00: failure', 'error'],
    ['old glog', 'F0825 185142 test.cc:22] Check failed', 'fatal'],
    ['old Redis', '[4018] 14 Nov 07:01:22.119 * Background saving terminated with success', 'info'],
    ['a Java level in brackets with blanks', '[2024-05-01T10:15:30,123][WARN ][o.e.n.Node] x', 'warn'],
  ])('%s', (_, text, level) => {
    expect(detectOne(text).record.level).toBe(level);
  });

  it.each([
    'Error handling enabled',
    'I am here',
    '10:15:30 I am here',
    'Warnings are disabled',
    '[worker] started',
    'INFORMATION_SCHEMA loaded',
  ])('is not read from %j', (text) => {
    expect(detectOne(text).record.level).toBeUndefined();
  });
});

const events = sharedFile('severity.json');

describe('events of many servers', () => {
  it.skipIf(events === undefined)('are classified with precision and recall of at least .95 (severity.json)', () => {
    const labelled = (JSON.parse(String(events)) as { text: string; severity: string }[]).filter(
      ({ severity }) => severity !== 'DEFAULT',
    );
    const { precision, recall } = score(
      labelled.map(({ text, severity }) => ({
        wanted: severity === 'ERROR',
        got: detectOne(...text.split('\n')).trouble !== undefined,
      })),
    );
    expect(precision).toBeGreaterThanOrEqual(0.95);
    expect(recall).toBeGreaterThanOrEqual(0.95);
  });
});
