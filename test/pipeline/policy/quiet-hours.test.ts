import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isQuiet, parseQuietHours, QUIET_HOURS_FORM } from '../../../src/pipeline/policy/quiet-hours.ts';

const quiet = (text: string, at: string) => isQuiet(parseQuietHours(text) ?? expect.fail(text), Date.parse(at));

describe('quiet hours', () => {
  it.each([
    ['22:00-07:00', '2026-11-23T23:00Z', true],
    ['22:00-07:00', '2026-11-23T06:59Z', true],
    ['22:00-07:00', '2026-11-23T07:00Z', false],
    ['22:00-07:00', '2026-11-23T21:59Z', false],
    ['12:00-13:00, 22:00-07:00', '2026-11-23T12:30Z', true],
    ['12:00-13:00, 22:00-07:00', '2026-11-23T13:00Z', false],
    ['00:00-24:00', '2026-11-23T00:00Z', true],
    ['00:00-24:00', '2026-11-23T23:59Z', true],
    ['9:00-17:30 Europe/Berlin', '2026-11-23T08:00Z', true],
    ['9:00-17:30 Europe/Berlin', '2026-11-23T16:30Z', false],
    // Daylight saving time: the local time counts.
    ['9:00-17:30 Europe/Berlin', '2026-07-23T07:00Z', true],
    ['9:00-17:30 Europe/Berlin', '2026-07-23T15:30Z', false],
    ['22:00-07:00 America/New_York', '2026-11-23T04:00Z', true],
    ['none', '2026-11-23T04:00Z', false],
  ])('%s at %s: %s', (text, at, expected) => {
    expect(quiet(text, at)).toBe(expected);
  });

  it.each([
    '',
    '22:00',
    '22-07',
    '25:00-07:00',
    '22:60-07:00',
    '24:01-07:00',
    '08:00-08:00',
    '22:00-07:00 Mars/Olympus',
    'Sat 22:00-07:00',
    '22:00-07:00;',
    'always',
  ])('reject %j', (text) => {
    expect(parseQuietHours(text)).toBeUndefined();
  });

  it('never throw, and accept only what matches the schema', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(QUIET_HOURS_FORM)), (text) => {
        if (parseQuietHours(text) !== undefined) expect(text).toMatch(QUIET_HOURS_FORM);
      }),
    );
  });
});
