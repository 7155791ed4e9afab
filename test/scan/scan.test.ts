import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { runScan } from '../../src/scan/scan.ts';

const folder = mkdtempSync(join(tmpdir(), 'scan-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function scan(argv: string[], stdin: string | Buffer = ''): Promise<{ code: number; out: string; err: string }> {
  const text = { out: '', err: '' };
  const stdout = new PassThrough().on('data', (chunk) => (text.out += chunk));
  const stderr = new PassThrough().on('data', (chunk) => (text.err += chunk));
  const code = await runScan(argv, { stdin: Readable.from([Buffer.from(stdin)]), stdout, stderr });
  return { code, ...text };
}

const records = (out: string) =>
  out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const LOG = [
  '2024-05-01T10:15:30.000Z INFO  app - started',
  '2024-05-01T10:15:31.000Z ERROR app - order 7 rejected',
  'java.lang.IllegalStateException: closed',
  '\tat com.acme.A.a(A.java:1)',
  '2024-05-01T10:15:32.000Z ERROR app - order 8 rejected',
  'java.lang.IllegalStateException: closed',
  '\tat com.acme.A.a(A.java:1)',
  'Killed',
].join('\n');

describe('scan', () => {
  it('prints the incidents that would be opened, with counts and their first records', async () => {
    const { code, out } = await scan([file('web.log', LOG)]);
    expect(code).toBe(0);
    expect(out).toContain('8 lines, 3 error records, 2 incidents');
    expect(out).toContain('2 times  web  app - order 7 rejected');
    expect(out).toContain('│ java.lang.IllegalStateException: closed');
    expect(out).toContain('1 time  web  Killed');
  });

  it('prints them as JSON', async () => {
    const { incidents } = JSON.parse((await scan(['--json', '-'], LOG)).out);
    expect(incidents).toMatchObject([
      {
        container: 'stdin',
        tier: 'level',
        level: 'error',
        occurrences: 2,
        line: 2,
        first_at: '2024-05-01T10:15:31.000Z',
        last_at: '2024-05-01T10:15:32.000Z',
      },
      { tier: 'signature', level: null, occurrences: 1, line: 8, patterns: ['killed'] },
    ]);
  });

  it('prints every record with --records', async () => {
    const printed = records((await scan(['--records'], LOG)).out);
    expect(printed.map(({ first, last, level, trouble, tier }) => [first, last, level, trouble, tier])).toEqual([
      [1, 1, 'info', false, null],
      [2, 4, 'error', true, 'level'],
      [5, 7, 'error', true, 'level'],
      [8, 8, null, true, 'signature'],
    ]);
    expect(printed[0]).toEqual({
      first: 1,
      last: 1,
      time: '2024-05-01T10:15:30.000Z',
      level: 'info',
      trouble: false,
      tier: null,
      fingerprint: null,
    });
    expect(printed[1]?.fingerprint).toBe(printed[2]?.fingerprint);
  });

  it.each([
    ['a process number', '[1] 2024/05/01 10:00:00.250000 [INF] x', '2024-05-01T10:00:00.250Z'],
    ['a level and a thread', 'ERROR [main] 2024-05-01 10:00:00,250 A.java:803 - x', '2024-05-01T10:00:00.250Z'],
    ['dots', '2024.05.01 10:00:00 INFO  app[][a.B] x', '2024-05-01T10:00:00.000Z'],
    ['the name of a month', '01-May-2024 10:00:00.250 INFO [main] a.B.c x', '2024-05-01T10:00:00.250Z'],
    ['seconds since 1970', '1714557600: mosquitto version 2.0.18 starting', '2024-05-01T10:00:00.000Z'],
    ['seconds since 1970 in brackets', '[1714557600] unbound[1:0] info: x', '2024-05-01T10:00:00.000Z'],
    ['another number', '1714557600 bytes', null],
  ])('reads the time of a line with %s', async (_, line, time) => {
    const { out } = await scan(['--records'], line);
    expect(JSON.parse(out).time).toBe(time);
  });

  it('reads gzip', async () => {
    const { out } = await scan([file('web.log.gz', gzipSync(LOG))]);
    expect(out).toContain('8 lines, 3 error records, 2 incidents');
    expect(out).toContain('2 times  web  ');
  });

  it("reads Docker's JSON lines: separates streams, joins cut lines and uses their times", async () => {
    const docker = (log: string, stream: string, second: number) =>
      JSON.stringify({ log, stream, time: `2024-05-01T10:15:${second}.123456789Z` });
    const lines = [
      docker('Traceback (most recent call last):\n', 'stderr', 30),
      docker('INFO served\n', 'stdout', 30),
      docker('  File "/a.py", line 1, in f\n', 'stderr', 30),
      docker("KeyError: 'x'\n", 'stderr', 30),
      docker(`ERROR ${'x'.repeat(50)}`, 'stdout', 31),
      docker(' and its end "quoted"\n', 'stdout', 31),
    ];
    const printed = records((await scan(['--records'], lines.join('\n'))).out);
    expect(printed.map(({ first, last, trouble, time }) => [first, last, trouble, time])).toEqual([
      [2, 2, false, '2024-05-01T10:15:30.123Z'],
      [5, 6, true, '2024-05-01T10:15:31.123Z'],
      [1, 4, true, '2024-05-01T10:15:30.123Z'],
    ]);
  });

  it("reads Kubernetes' CRI lines", async () => {
    const lines = [
      '2024-05-01T10:15:30.1Z stderr P ERROR be',
      '2024-05-01T10:15:30.1Z stderr F gun',
      '2024-05-01T10:15:31Z stdout F fine',
    ];
    const { out } = await scan([], lines.join('\n'));
    expect(out).toContain('ERROR begun');
  });

  it('keeps containers separate if the lines name them', async () => {
    const line = (container: string) =>
      JSON.stringify({ t: '1674983529991738443', container, stream: 'stdout', log: 'ERROR x broke' });
    const printed = records((await scan(['--records'], [line('web-1'), line('db')].join('\n'))).out);
    expect(printed.map(({ container, first }) => [container, first])).toEqual([
      ['web-1', 1],
      ['db', 2],
    ]);
  });

  it('applies rules', async () => {
    expect((await scan(['--ignore', 'order \\d+', '--match', 'started'], LOG)).out).toContain('2 error records');
  });

  it.each([
    [['--match', '('], 'detect.match: "(" is no RE2 pattern'],
    [['--nonsense'], 'nonsense'],
    [['--json', '--records'], 'exclude each other'],
  ])('refuses %j', async (argv, message) => {
    const { code, err } = await scan(argv);
    expect(code).toBe(64);
    expect(err).toContain(message);
    expect(err).toContain('Usage:');
  });

  it('says which file it cannot read and continues with the others', async () => {
    const { code, out, err } = await scan([join(folder, 'missing.log'), file('a.log', LOG)]);
    expect(code).toBe(1);
    expect(err).toContain('missing.log');
    expect(out).toContain('8 lines');
  });

  it.each([
    ['an empty file', ''],
    ['a broken gzip', Buffer.from([0x1f, 0x8b, 1, 2, 3])],
    ['one byte', Buffer.from([0x1f])],
    ['bytes that are not text', Buffer.from([0xff, 0xfe, 0, 10, 0xc3])],
  ])('survives %s', async (_, content) => {
    const { code } = await scan([file('odd', content)]);
    expect([0, 1]).toContain(code);
  });

  it('reports a log storm as one incident with samples', async () => {
    const word = (n: number) => [...String(n)].map((digit) => 'abcdefghij'[Number(digit)]).join('');
    const lines = Array.from({ length: 500 }, (_, n) => `2024-05-01T10:15:30.000Z ERROR ${word(n)} broke`);
    const { incidents } = JSON.parse((await scan(['--json'], lines.join('\n'))).out);
    expect(incidents).toHaveLength(21);
    expect(incidents.at(-1)).toMatchObject({ tier: 'storm', patterns: ['log storm'], occurrences: 480 });
    expect(incidents.at(-1).samples).toHaveLength(5);
  });
});

describe('scan --explain', () => {
  it('prints what the level was read from, the lines of the record, the tier and the fingerprint', async () => {
    const { code, out } = await scan(['--explain', '4'], LOG);
    expect(code).toBe(0);
    expect(out).toContain('lines 2 to 4');
    expect(out).toContain('error, by its word');
    expect(out).toContain('yes: tier level');
    expect(out).toMatch(/fingerprint +[0-9a-f]{16}, by the types and frames/);
  });

  it('says why a line is not an error', async () => {
    const refused = '2024/01/05 19:00:00 [error] invalid username or password, client: 203.0.113.4';
    expect((await scan(['--explain', '1'], refused)).out).toContain("a client's mistake");
    expect((await scan(['--explain', '1'], LOG)).out).toContain('no: its level is below ERROR');
  });

  it('refuses anything but one line of one file', async () => {
    expect((await scan(['--explain', 'x'], LOG)).err).toContain('--explain: "x" is no line number');
    expect((await scan(['--explain', '1', 'a.log', 'b.log'])).code).toBe(64);
    expect(await scan(['--explain', '99'], LOG)).toMatchObject({ code: 1, out: '' });
  });
});
