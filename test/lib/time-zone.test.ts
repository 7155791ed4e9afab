import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instantOf, isTimeZone, latestAt, localTime } from '../../src/lib/time-zone.ts';

const iso = (time: number) => new Date(time).toISOString().slice(0, 16);

describe('the moment of a local time', () => {
  it.each([
    ['UTC', '2026-11-25', '08:00', '2026-11-25T08:00'],
    ['Europe/Berlin', '2026-01-10', '08:00', '2026-01-10T07:00'],
    ['Europe/Berlin', '2026-07-10', '08:00', '2026-07-10T06:00'],
    ['America/New_York', '2026-11-25', '00:00', '2026-11-25T05:00'],
    ['Asia/Kathmandu', '2026-11-25', '08:00', '2026-11-25T02:15'],
    ['Pacific/Kiritimati', '2026-11-25', '08:00', '2026-11-24T18:00'],
    // 2026-03-29, 02:00 → 03:00: there is no 02:30.
    ['Europe/Berlin', '2026-03-29', '02:30', '2026-03-29T01:30'],
    // 2026-10-25, 03:00 → 02:00: 02:30 comes twice.
    ['Europe/Berlin', '2026-10-25', '02:30', '2026-10-25T00:30'],
    ['Australia/Lord_Howe', '2026-10-04', '08:00', '2026-10-03T21:00'],
  ])('in %s on %s at %s is %s UTC', (zone, date, time, expected) => {
    const [hour = 0, minute = 0] = time.split(':').map(Number);
    expect(iso(instantOf(zone, { date, minute: hour * 60 + minute }))).toBe(expected);
  });
});

it('a daily time comes exactly once on every date, in every zone, whatever the changes of the clocks', () => {
  const zones = ['Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe', 'Africa/Casablanca', 'America/Santiago'];
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.integer({ min: 0, max: 1439 }),
      fc.integer({ min: 0, max: 700 }),
      (zone, minute, day) => {
        const from = Date.UTC(2025, 0, 1) + day * 86_400_000;
        const dates: string[] = [];
        let last = '';
        for (let time = from; time < from + 4 * 86_400_000; time += 3_600_000) {
          const { date, at } = latestAt(zone, minute, time);
          expect(at).toBeLessThanOrEqual(time);
          if (date > last) dates.push(date);
          expect(date >= last).toBe(true);
          last = date;
        }
        expect(new Set(dates).size).toBe(dates.length);
        expect(dates.length).toBeGreaterThanOrEqual(4);
        expect(dates.length).toBeLessThanOrEqual(5);
      },
    ),
    { numRuns: 8 },
  );
});

it('knows time zones', () => {
  expect(['UTC', 'Europe/Berlin', 'Nowhere/At_All', ':/etc/localtime'].map(isTimeZone)).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(localTime('Asia/Tokyo', Date.UTC(2026, 10, 25, 23, 30))).toEqual({ date: '2026-11-26', minute: 8 * 60 + 30 });
});
