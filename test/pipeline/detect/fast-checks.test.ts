import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mayShowTrouble } from '../../../src/pipeline/detect/evidence.ts';
import { createHeadReader } from '../../../src/pipeline/detect/head-reader.ts';
import { NO_LEVEL } from '../../../src/pipeline/detect/levels.ts';
import { beginTrace, isContinuation, isOrdinary, traceOfFrame } from '../../../src/pipeline/detect/traces.ts';
import { detect, levelLines, ownTraces, wordLines } from '../../support/detect.ts';

const known = (['tuning', 'held-out'] as const).flatMap((set) => [
  ...ownTraces(set).flatMap(({ lines }) => lines),
  ...levelLines(set).map(({ text }) => text),
]);
const words = [...wordLines('tuning').quiet, ...wordLines('held_out').quiet];
const altered = fc
  .tuple(fc.constantFrom(...known, ...words), fc.nat(), fc.constantFrom('', ' ', ': ', 'order ', 'HTTPError '))
  .map(([line, at, noise]) => noise + line.slice(at % 3 === 0 ? at % (line.length + 1) : 0));

describe('a line that the fast checks call ordinary', () => {
  it('neither begins nor continues a trace', () => {
    const check = (line: string): void => {
      if (!isOrdinary(line) || mayShowTrouble(line)) return;
      expect(beginTrace(line), line).toBeUndefined();
      for (const before of ['', 'panic: x', 'main.run(0x1)']) expect(traceOfFrame(line, before, true)).toBeUndefined();
      expect(isContinuation(line), line).toBe(false);
    };
    for (const line of [...known, ...words]) check(line);
    fc.assert(fc.property(altered, check), { numRuns: 3_000 });
    expect(isOrdinary('172.18.0.1 - - "GET /orders HTTP/1.1" 200 512')).toBe(true);
  });
});

describe('a line that begins with its level', () => {
  it('has the level that reading its head in full finds', () => {
    const reader = createHeadReader();
    const heads = ['INFO ', 'INFO: ', '[INFO] ', 'DEBUG ', '[DEBUG]  ', 'INFO', 'INFO:', 'INFO | ', 'INFORMATION: '];
    const check = (line: string): void => {
      for (const head of heads) {
        const level = reader.unprefixed(head + line);
        const { bodyAt } = reader;
        if (level === NO_LEVEL) continue;
        reader.read(head + line);
        expect([reader.level, reader.bodyAt], head + line).toEqual([level, bodyAt]);
      }
    };
    for (const line of [...known, ...words]) check(line);
    expect(reader.unprefixed('INFO served 3 requests')).not.toBe(NO_LEVEL);
  });

  it.each([
    ['a supervisor reports an exit', 'INFO [cont-init] app exited 1'],
    ['pm2 reports an exit', 'INFO PM2 app exited with code [1]'],
    ['a terminal shows other text in the end', 'INFO 10 %\rERROR the disk is full'],
    ['its name is that of a supervised process', 'INFO | exited with code 1'],
  ])('is an error if %s', (_, text) => {
    const found = detect([{ text: 'INFO started' }, { text }, { text: 'INFO next' }].map(asLine));
    expect(found.filter(({ trouble }) => trouble !== undefined)).toHaveLength(1);
  });
});

function asLine({ text }: { readonly text: string }, at: number) {
  return { text, time: at, stream: 'stdout' as const };
}
