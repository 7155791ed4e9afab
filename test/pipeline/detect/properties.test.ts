import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLogDetector } from '../../../src/pipeline/detect/log-detector.ts';
import { createGrouper } from '../../../src/pipeline/group/grouper.ts';
import { createLineSplitter } from '../../../src/scan/lines.ts';
import { aContainer, detect, levelLines, ownTraces, wordLines } from '../../support/detect.ts';

/** Lines that the detector treats specially, and some odd ones. */
const known = [
  ...ownTraces('tuning').flatMap(({ lines }) => lines),
  ...levelLines('tuning').map(({ text }) => text),
  ...wordLines('tuning').trouble,
  ...wordLines('tuning').quiet,
  '',
  '  ',
  '{',
  '}',
  '{"level":',
  '{"a":{"b":[{"level":"error"}]},"msg":"x"}',
  '\u001b[31m',
  '\u0000',
  '[[[[[[',
  '"'.repeat(50),
];
const text = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...known) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 80 }) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom(...known), fc.nat(), fc.string({ maxLength: 5 })).map(([line, at, noise]) => {
      const cut = at % (line.length + 1);
      return line.slice(0, cut) + noise + line.slice(cut);
    }),
  },
);
const line = fc.record({
  text: text.map((it) => it.replaceAll('\n', ' ')),
  stream: fc.constantFrom('stdout' as const, 'stderr' as const),
  time: fc.integer({ min: 0, max: 5_000 }),
});

describe('for any lines', () => {
  it('each line is in exactly one record, which is contiguous in its stream', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 60 }), (lines) => {
        const found = detect(lines);
        for (const stream of ['stdout', 'stderr'] as const) {
          const ordinals = lines.flatMap((it, at) => (it.stream === stream ? [at + 1] : []));
          let next = 0;
          for (const { record } of found.filter((it) => it.record.stream === stream)) {
            expect(record.first).toBe(ordinals[next]);
            next += record.lines;
            expect(record.last).toBe(ordinals[next - 1]);
          }
          expect(next).toBe(ordinals.length);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('the errors are the same whether or not every record is reported', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 40 }), (lines) => {
        const plain: string[] = [];
        const detector = createLogDetector({ emit: (trouble) => plain.push(trouble.record.text), now: () => 0 });
        for (const it of lines) detector.push(it);
        detector.flush(Number.POSITIVE_INFINITY);
        const watched = detect(lines).flatMap(({ trouble }) => (trouble === undefined ? [] : [trouble.record.text]));
        expect([...plain].sort()).toEqual([...watched].sort());
      }),
      { numRuns: 300 },
    );
  });

  it('each error gets a fingerprint, and equal errors get equal ones', () => {
    const container = aContainer();
    fc.assert(
      fc.property(fc.array(line, { maxLength: 30 }), (lines) => {
        const troubles = detect(lines).flatMap(({ trouble }) => trouble ?? []);
        const first = createGrouper();
        const second = createGrouper();
        for (const trouble of troubles) {
          const one = first.assign(container, trouble, 0);
          expect(one.fingerprint).toMatch(/^[0-9a-f]{16}$/);
          expect(second.assign(container, trouble, 0)).toEqual(one);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('bytes', () => {
  const split = (bytes: Uint8Array, cuts: readonly number[]): string[] => {
    const lines: string[] = [];
    const splitter = createLineSplitter((it) => lines.push(it));
    let from = 0;
    for (const cut of [...cuts.map((it) => it % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)) {
      splitter.push(bytes.subarray(from, cut));
      from = cut;
    }
    splitter.end();
    return lines;
  };

  it('give the same lines whatever the chunks', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 300 }),
          fc.array(text, { maxLength: 10 }).map((it) => Buffer.from(it.join('\n'))),
        ),
        fc.array(fc.nat(), { maxLength: 12 }),
        (bytes, cuts) => {
          const whole = split(bytes, []);
          expect(split(bytes, cuts)).toEqual(whole);
          const decoded = new TextDecoder('utf-8').decode(bytes);
          const expected = decoded.split('\n');
          if (expected.at(-1) === '') expected.pop();
          expect(whole).toEqual(expected.map((it) => it.replace(/\r$/, '')));
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('a hostile line of 64 KB', () => {
  const SIZE = 65_536;
  const fill = (unit: string) => unit.repeat(Math.ceil(SIZE / unit.length)).slice(0, SIZE);
  const units =
    'a| |[|(|{|"|\'|`|1|1:|1.|a.|a:|a/|a-|1a-|a@|=|\\|::|/|<|  at a.|error |failed to |Error: |no |"a":|{"a":|\u001b[|\u001b]|é|\u{1F600}|a(|#1 |\tat a|Caused by: |Aa|aA1|a$|_$|Error$'.split(
      '|',
    );
  const heads = [
    '',
    'ERROR ',
    '2024-05-01T10:15:30.123Z ',
    '2024-05-01T10:15:30.123Z ERROR ',
    '{"level":"error","msg":"',
    '  at ',
    'Exception: ',
  ];

  // The benchmark measures the time; this test only checks that it ends.
  it('gives exactly one record', () => {
    const container = aContainer();
    let seen = 0;
    for (const head of heads) {
      for (const unit of units) {
        const grouper = createGrouper();
        const detector = createLogDetector({
          emit: (trouble) => void grouper.assign(container, trouble, 0),
          onRecord: () => void seen++,
          now: () => 0,
        });
        detector.push({ time: 0, stream: 'stdout', text: head + fill(unit) });
        detector.flush(Number.POSITIVE_INFINITY);
      }
    }
    expect(seen).toBe(heads.length * units.length);
  });
});
