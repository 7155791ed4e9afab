import { describe, expect, it } from 'vitest';
import { createDelivery } from '../../../src/pipeline/notify/delivery.ts';
import type { SendResult } from '../../../src/pipeline/ports.ts';

const SENT: SendResult = { kind: 'sent' };
const REFUSED: SendResult = { kind: 'dropped', why: 'Slack answered 404 no_service' };
const down = (afterMs?: number): SendResult => ({ kind: 'retry', why: 'Slack answered 500', afterMs });

function setUp({ paceMs = 1_000 } = {}) {
  const time = { now: 1_700_000_000_000, passed: 0 };
  const delivery = createDelivery(paceMs, { now: () => time.now, monotonic: () => time.passed });
  const pauses = (...results: SendResult[]) => results.map((result) => delivery.note(result));
  return { delivery, time, pauses };
}

describe('delivery', () => {
  it('is open at first, and not again before the pause is over, whatever the clock is set to', () => {
    const { delivery, time, pauses } = setUp();
    expect(delivery.isOpen()).toBe(true);
    pauses(SENT);
    time.now -= 3_600_000;
    time.passed += 999;
    expect(delivery.isOpen()).toBe(false);
    time.passed += 1;
    expect(delivery.isOpen()).toBe(true);
  });

  it.each<[string, SendResult[], number[]]>([
    ['keeps the pace of a service that takes what waited', [SENT, SENT], [1_000, 1_000]],
    [
      'waits for twice as long after each failure, a minute at most',
      Array.from({ length: 7 }, () => down()),
      [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000],
    ],
    ['waits as long as it is told', [down(90_000)], [90_000]],
    ['does not let itself be told to hurry', [down(1_000), down(1_000), down(1_000)], [2_000, 4_000, 8_000]],
    ['begins anew after a success', [down(), down(), SENT, down()], [2_000, 4_000, 1_000, 2_000]],
    [
      'begins anew after a refusal: the service answers',
      [down(), down(), REFUSED, down()],
      [2_000, 4_000, 1_000, 2_000],
    ],
  ])('%s', (_, results, expected) => {
    expect(setUp().pauses(...results)).toEqual(expected);
  });

  it('needs no pace once nothing waits, until a message is not taken', () => {
    const { delivery, pauses } = setUp();
    delivery.caughtUp();
    expect(pauses(SENT, SENT, down(), SENT)).toEqual([0, 0, 2_000, 1_000]);
    delivery.caughtUp();
    expect(pauses(SENT)).toEqual([0]);
  });

  it('knows since when and why messages are not taken, refused ones too, until one is', () => {
    const { delivery, time, pauses } = setUp();
    const begun = time.now;
    expect(delivery.trouble()).toBeUndefined();
    pauses(down());
    time.now += 5_000;
    pauses(down());
    expect(delivery.trouble()).toEqual({ since: begun, why: 'Slack answered 500', failures: 2 });
    pauses(REFUSED);
    expect(delivery.trouble()).toEqual({ since: begun, why: 'Slack answered 404 no_service', failures: 0 });
    expect(delivery.hasWorked()).toBe(false);
    pauses(SENT);
    expect(delivery.trouble()).toBeUndefined();
    expect(delivery.hasWorked()).toBe(true);
  });
});
