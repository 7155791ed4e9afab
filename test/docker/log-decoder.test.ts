import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLogDecoder } from '../../src/docker/log-decoder.ts';
import type { LogLine, StreamName } from '../../src/domain/containers.ts';
import type { LogCursor } from '../../src/pipeline/ports/engine.ts';

const FRAGMENT = 16 * 1024;
const T = (nanos: number, second = 0) =>
  `2026-11-23T16:16:${String(second).padStart(2, '0')}.${String(nanos).padStart(9, '0')}Z`;
const TIME = Date.parse('2026-11-23T16:16:00Z');
const now = () => TIME + 3_600_000;

interface Printed {
  readonly at: string;
  readonly stream: StreamName;
  readonly text: string;
  readonly unterminated?: boolean;
}

function frame(stream: StreamName, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream === 'stdout' ? 1 : 2;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** Encodes a line like the engine: in fragments of 16 KB, each with the line's timestamp. */
function fragments({ at, text, unterminated }: Printed, lineEnd: string): Buffer[] {
  const bytes = Buffer.from(text + (unterminated ? '' : lineEnd));
  const parts: Buffer[] = [];
  for (let from = 0; from < bytes.length; from += FRAGMENT) {
    parts.push(Buffer.concat([Buffer.from(`${at} `), bytes.subarray(from, from + FRAGMENT)]));
  }
  return parts;
}

const framed = (printed: readonly Printed[]) =>
  Buffer.concat(printed.flatMap((line) => fragments(line, '\n').map((part) => frame(line.stream, part))));
const raw = (printed: readonly Printed[]) => Buffer.concat(printed.flatMap((line) => fragments(line, '\r\n')));

function chunks(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const result: Buffer[] = [];
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const size = sizes.length === 0 ? bytes.length : Math.max(1, sizes[turn % sizes.length] ?? 1);
    result.push(bytes.subarray(at, at + size));
    at += size;
  }
  return result;
}

function decode(bytes: Buffer, { sizes = [] as readonly number[], from = 0 as LogCursor | number, ended = true } = {}) {
  const decoder = createLogDecoder({ from, now });
  const lines = chunks(bytes, sizes).flatMap((chunk) => decoder.write(chunk));
  if (ended) lines.push(...decoder.end());
  return { lines, cursor: decoder.cursor() };
}

const texts = (lines: readonly LogLine[]) => lines.map(({ text }) => text);
const brief = (lines: readonly LogLine[]) => lines.map(({ stream, text }) => `${stream} ${text}`);

describe('a framed log stream', () => {
  it('is decoded to lines with their stream and time', () => {
    const bytes = framed([
      { at: T(123_456_789), stream: 'stdout', text: 'listening' },
      { at: T(5, 1), stream: 'stderr', text: '' },
    ]);
    expect(decode(bytes).lines).toEqual([
      { time: TIME + 123, stream: 'stdout', text: 'listening' },
      { time: TIME + 1_000, stream: 'stderr', text: '' },
    ]);
  });

  it('joins lines longer than 16 KB, also if the other stream prints in between', () => {
    const long = 'x'.repeat(40_000);
    const [first, second, third] = fragments({ at: T(1), stream: 'stdout', text: long }, '\n') as [
      Buffer,
      Buffer,
      Buffer,
    ];
    const other = framed([{ at: T(2), stream: 'stderr', text: 'between' }]);
    const bytes = Buffer.concat([frame('stdout', first), other, frame('stdout', second), frame('stdout', third)]);
    expect(brief(decode(bytes).lines)).toEqual(['stderr between', `stdout ${long}`]);
  });

  it('ends an unterminated last line of a process where the next process begins', () => {
    const bytes = framed([
      { at: T(1), stream: 'stdout', text: 'panic: no', unterminated: true },
      { at: T(2), stream: 'stdout', text: 'started' },
      { at: T(3), stream: 'stdout', text: 'bye', unterminated: true },
    ]);
    expect(texts(decode(bytes).lines)).toEqual(['panic: no', 'started', 'bye']);
  });

  it('of thousands of frames in one chunk is read without recursion', () => {
    const printed = Array.from({ length: 50_000 }, (_, n) => ({
      at: T(n),
      stream: 'stdout' as const,
      text: `line ${n}`,
    }));
    expect(texts(decode(framed(printed)).lines)).toEqual(printed.map(({ text }) => text));
  });

  it('truncates a line at the limit', () => {
    const bytes = framed([
      { at: T(1), stream: 'stdout', text: 'y'.repeat(100_000) },
      { at: T(2), stream: 'stdout', text: 'next' },
    ]);
    const decoder = createLogDecoder({ from: 0, now, maxLineBytes: 20_000 });
    expect(texts(decoder.write(bytes))).toEqual(['y'.repeat(20_000), 'next']);
  });

  it("throws the engine's own error", () => {
    const error = Buffer.from('Error grabbing logs: unexpected EOF\n');
    const bytes = frame('stdout', error);
    bytes[0] = 3;
    expect(() => decode(bytes)).toThrow('Error grabbing logs: unexpected EOF');
  });

  it('throws the error that Podman sends as the log of a container that was just removed', () => {
    const cause = 'container has already been removed';
    const message = `failed to obtain logs for Container 'a1': ${cause}`;
    const body = Buffer.from(`${JSON.stringify({ cause, message, response: 500 })}\n`);
    expect(() => decode(body)).toThrow(`log stream: ${message}`);
    expect(() => decode(body, { sizes: [20, 500] })).toThrow('log stream: {"cause":"container');
  });

  it('with invalid bytes is rejected', () => {
    expect(() => decode(Buffer.from([1, 9, 9, 9, 0, 0, 0, 1, 65]))).toThrow('invalid log frame');
    expect(() => decode(Buffer.from('<html>'))).toThrow('log stream: <html>');
  });

  it('may have timestamps with offsets or fewer digits, as other log drivers write them', () => {
    const payloads = ['2026-11-23T18:16:00.5+02:00 local\n', '2026-11-23T16:16:01Z whole\n'];
    const { lines } = decode(Buffer.concat(payloads.map((text) => frame('stdout', Buffer.from(text)))));
    expect(lines).toEqual([
      { time: TIME + 500, stream: 'stdout', text: 'local' },
      { time: TIME + 1_000, stream: 'stdout', text: 'whole' },
    ]);
  });
});

describe("a terminal's log stream", () => {
  it('is decoded without carriage returns and without the timestamps within long lines', () => {
    const long = 'é'.repeat(20_000);
    const bytes = raw([
      { at: T(1), stream: 'stdout', text: 'short' },
      { at: T(2), stream: 'stdout', text: long },
      { at: T(3), stream: 'stdout', text: 'after' },
    ]);
    expect(texts(decode(bytes, { sizes: [7_001] }).lines)).toEqual(['short', long, 'after']);
  });

  it('that ended without a line terminator continues after it with the next start', () => {
    const before: Printed[] = [
      { at: T(1), stream: 'stdout', text: 'one' },
      { at: T(2), stream: 'stdout', text: 'last words', unterminated: true },
    ];
    const { lines, cursor } = decode(raw(before));
    expect(texts(lines)).toEqual(['one', 'last words']);
    const after = raw([{ at: T(9), stream: 'stdout', text: 'started again' }]);
    expect(createLogDecoder({ from: cursor, now }).since).toBe(`${TIME / 1000}.000000003`);
    expect(texts(decode(after, { from: cursor }).lines)).toEqual(['started again']);
  });
});

it("separates a terminal's unterminated line before a restart from the first line after it, but not at a timestamp that a program prints", () => {
  const bytes = raw([
    { at: T(1), stream: 'stdout', text: 'bye', unterminated: true },
    { at: T(2, 5), stream: 'stdout', text: 'x'.repeat(FRAGMENT), unterminated: true },
    {
      at: T(3, 7),
      stream: 'stdout',
      text: `seen 2026-11-23T16:15:59.123456789Z and token ends 2026-11-29T16:15:59.123456789Z ok`,
    },
  ]);
  expect(texts(decode(bytes).lines).map((text) => text.replace(/x+/, (run) => `${run.length} x `))).toEqual([
    'bye',
    `${FRAGMENT} x seen 2026-11-23T16:15:59.123456789Z and token ends 2026-11-29T16:15:59.123456789Z ok`,
  ]);
});

const printedLines = fc.array(
  fc.record({
    stream: fc.constantFrom<StreamName>('stdout', 'stderr'),
    // Few steps, so that many lines share a timestamp.
    step: fc.constantFrom(0, 0, 0, 1, 999_999_999),
    text: fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }).map((text) => text.replaceAll('\n', ' ').replace(/\r+$/, '')),
      fc.integer({ min: FRAGMENT - 2, max: FRAGMENT * 2 + 2 }).map((length) => 'z'.repeat(length)),
      fc.constant(''),
    ),
  }),
  { maxLength: 30 },
);
const sizes = fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 8 });

function stamp(lines: readonly { stream: StreamName; step: number; text: string }[]): Printed[] {
  let nanos = 0n;
  return lines.map(({ stream, step, text }) => {
    nanos += BigInt(step);
    return {
      at: T(Number(nanos % 1_000_000_000n), Number(nanos / 1_000_000_000n)),
      stream,
      text: Buffer.from(text).toString(),
    };
  });
}

describe('for any output and any chunks', () => {
  it('a framed stream decodes to the same lines', () => {
    fc.assert(
      fc.property(printedLines, sizes, (lines, cuts) => {
        const printed = stamp(lines);
        expect(brief(decode(framed(printed), { sizes: cuts }).lines)).toEqual(
          printed.map((l) => `${l.stream} ${l.text}`),
        );
      }),
    );
  });

  it('a raw stream decodes to the same lines', () => {
    fc.assert(
      fc.property(printedLines, sizes, (lines, cuts) => {
        const printed = stamp(lines);
        expect(texts(decode(raw(printed), { sizes: cuts }).lines)).toEqual(printed.map(({ text }) => text));
      }),
    );
  });

  it('each line is returned once, even if the connection is lost at any byte, any number of times', () => {
    fc.assert(
      fc.property(
        printedLines,
        sizes,
        fc.array(fc.nat({ max: 100_000 }), { maxLength: 5 }),
        fc.boolean(),
        (lines, cuts, losses, tty) => {
          const printed = stamp(lines).map((line) => (tty ? { ...line, stream: 'stdout' as const } : line));
          const encode = tty ? raw : framed;
          const got: LogLine[] = [];
          let from: LogCursor | number = 0;
          for (const loss of [...losses, undefined]) {
            const since = createLogDecoder({ from, now }).since;
            const [seconds = '0', nanos = '0'] = since.split('.');
            const sinceText = `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${nanos}Z`;
            const all = encode(printed.filter(({ at }) => at >= sinceText));
            const bytes = loss === undefined ? all : all.subarray(0, loss % (all.length + 1));
            const decoder = createLogDecoder({ from, now });
            for (const chunk of chunks(bytes, cuts)) {
              const batch = decoder.write(chunk);
              got.push(...batch);
              if (batch.length > 0) from = decoder.cursor();
            }
            if (loss === undefined) got.push(...decoder.end());
          }
          for (const stream of ['stdout', 'stderr'] as const) {
            const mine = (line: { stream: StreamName }) => line.stream === stream;
            expect(texts(got.filter(mine))).toEqual(printed.filter(mine).map(({ text }) => text));
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('each line is returned once, even if the clock steps back now and then', () => {
    // The engine sends only the lines with the requested time or a later one, wherever they are in the log.
    const steps = fc.array(fc.option(fc.integer({ min: 1, max: 5_000 }), { nil: undefined, freq: 4 }), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(
        printedLines,
        steps,
        fc.array(fc.nat({ max: 100_000 }), { maxLength: 5 }),
        fc.boolean(),
        (lines, setBacks, losses, tty) => {
          let backMs = 0;
          let nanos = 0n;
          let times = 0n;
          const printed = lines.map(({ stream, step, text }, n) => {
            const setBack = setBacks[n] ?? 0;
            backMs += setBack;
            if (setBack > 0) times += 1n;
            // No timestamp from before a step back repeats to the nanosecond.
            nanos += BigInt(step) * 64n;
            const at = BigInt(TIME) * 1_000_000n + nanos + times - BigInt(backMs) * 1_000_000n;
            const time = new Date(Number(at / 1_000_000n)).toISOString().slice(0, 19);
            const line = { stream: tty ? ('stdout' as const) : stream, text: Buffer.from(text).toString() };
            return { ...line, backMs, at: `${time}.${String(at % 1_000_000_000n).padStart(9, '0')}Z` };
          });
          const encode = tty ? raw : framed;
          const got: LogLine[] = [];
          let from: LogCursor | number = 0;
          /** How far the clock had stepped back when the stream that reached `from` was opened. */
          let fromBackMs = 0;
          for (const loss of [...losses, undefined]) {
            // As if the cursor had been stored.
            const options = { from: JSON.parse(JSON.stringify(from)), clockStepBackMs: backMs - fromBackMs, now };
            const decoder = createLogDecoder(options);
            const [seconds = '0', fraction = ''] = decoder.since.split('.');
            const sinceText = `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
            const requested = printed.filter(({ at }) => at >= sinceText);
            const all = encode(requested);
            const bytes = loss === undefined ? all : all.subarray(0, loss % (all.length + 1));
            const openedBackMs = printed[got.length - 1]?.backMs ?? 0;
            const batch = decoder.write(bytes);
            got.push(...batch);
            if (batch.length > 0) {
              from = decoder.cursor();
              fromBackMs = openedBackMs;
            }
            if (loss === undefined) got.push(...decoder.end());
          }
          expect(brief(got)).toEqual(printed.map((line) => `${line.stream} ${line.text}`));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('lines are returned after a minute if the last line read is no longer in the log after a step back', () => {
    let clock = TIME;
    const from = { at: T(0, 30), seen: 1 };
    const decoder = createLogDecoder({ from, clockStepBackMs: 30_000, now: () => clock });
    const print = (text: string, second: number) =>
      texts(decoder.write(framed([{ at: T(0, second), stream: 'stdout', text }])));
    expect(print('read or not', 10)).toEqual([]);
    clock += 61_000;
    expect(print('new', 11)).toEqual(['new']);
    expect(print('newer', 12)).toEqual(['newer']);
  });

  it('invalid bytes throw nothing but an EngineError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), sizes, (bytes, cuts) => {
        try {
          decode(Buffer.from(bytes), { sizes: cuts });
        } catch (error) {
          expect((error as Error).name).toBe('EngineError');
        }
      }),
    );
  });
});
