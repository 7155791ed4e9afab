import { describe, expect, it } from 'vitest';
import { detect, detectOne, errorOf, wordLines } from '../../support/detect.ts';

describe.each(['tuning', 'held_out'] as const)('lines without a level (%s set)', (set) => {
  const { trouble, quiet } = wordLines(set);

  it.each(trouble)('are an error: %s', (text) => {
    expect(detect([text]).some((found) => found.trouble !== undefined)).toBe(true);
  });

  it.each(quiet)('are not an error: %s', (text) => {
    expect(detect([text]).filter((found) => found.trouble !== undefined)).toEqual([]);
  });
});

describe('the display of an error', () => {
  it.each([
    ['level', ['level=error', 'connection refused'], '10:15:30.123 ERROR app - Connection refused by db'],
    ['signature', ['out of memory: killed process', 'out of memory'], 'Out of memory: Killed process 42 (java)'],
    ['keyword', ['failed'], 'Failed to start the shop'],
    ['signature', ['panic'], 'kernel panic - not syncing'],
    ['http', ['http 5xx'], '10.0.0.7 - - [01/May/2024:10:15:30 +0000] "GET / HTTP/1.1" 503 0'],
  ])('shows the tier %s and the patterns %j', (tier, words, text) => {
    const trouble = errorOf(text);
    expect(trouble.tier).toBe(tier);
    expect(trouble.patterns).toEqual(expect.arrayContaining(words));
    for (const pattern of trouble.patterns) expect(pattern).toBe(pattern.toLowerCase());
  });

  it("summarises a trace by the exception's own line", () => {
    const lines = ['Traceback (most recent call last):', '  File "/a.py", line 1, in f', "KeyError: 'x'"];
    expect(errorOf(...lines)).toMatchObject({ tier: 'trace', summary: "KeyError: 'x'" });
  });

  it('takes the message from JSON', () => {
    expect(errorOf('{"level":50,"msg":"checkout failed","err":{"type":"Error","message":"declined"}}').summary).toBe(
      'checkout failed: declined',
    );
  });
});

describe('a JSON line without a level', () => {
  it.each([
    ['{"msg":"listening","port":8080}', false],
    ['{"msg":"done","error":null}', false],
    ['{"msg":"done","error":""}', false],
    ['{"msg":"done","error":false}', false],
    ['{"msg":"sync","error":"connection refused"}', true],
    ['{"msg":"sync","err":{"message":"x","stack":"Error: x\\n    at a (/a.js:1:1)"}}', true],
    ['{"method":"GET","path":"/errors","status":404}', false],
    ['{"method":"GET","path":"/orders","status":502}', true],
    ['{"message":"Failed to start"}', true],
    ['{not json: error}', false],
  ])('%s: error %s', (text, wanted) => {
    expect(detectOne(text).trouble !== undefined).toBe(wanted);
  });
});
