import { describe, expect, it } from 'vitest';
import { createDelivery } from '../../../src/pipeline/notify/delivery.ts';
import type { SendResult } from '../../../src/pipeline/ports/receiver.ts';

const SENT: SendResult = { kind: 'sent' };
const REJECTED: SendResult = { kind: 'dropped', why: 'Slack answered 404 no_service' };
const down = (afterMs?: number): SendResult => ({ kind: 'retry', why: 'Slack answered 500', afterMs });

function setUp({ paceMs = 1_000 } = {}) {
  const time = { now: 1_700_000_000_000, passed: 0 };
  const delivery = createDelivery(paceMs, { now: () => time.now, monotonic: () => time.passed });
  const pauses = (...results: SendResult[]) => results.map((result) => delivery.record(result));
  return { delivery, time, pauses };
}

describe('delivery', () => {
  it('is open at first, then closed until the pause is over, even if the clock is set back', () => {
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
    ['keeps the pace while a backlog is sent', [SENT, SENT], [1_000, 1_000]],
    [
      'doubles the pause after each failure, up to a minute',
      Array.from({ length: 7 }, () => down()),
      [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000],
    ],
    ['waits as long as the service asks', [down(90_000)], [90_000]],
    [
      'does not shorten the pause if the service asks for less',
      [down(1_000), down(1_000), down(1_000)],
      [2_000, 4_000, 8_000],
    ],
    ['starts over after a success', [down(), down(), SENT, down()], [2_000, 4_000, 1_000, 2_000]],
    [
      'starts over after a rejection, because the service answers',
      [down(), down(), REJECTED, down()],
      [2_000, 4_000, 1_000, 2_000],
    ],
  ])('%s', (_, results, expected) => {
    expect(setUp().pauses(...results)).toEqual(expected);
  });

  it('does not pace messages while there is no backlog; a failure creates one', () => {
    const { delivery, pauses } = setUp();
    delivery.queueEmptied();
    expect(pauses(SENT, SENT, down(), SENT)).toEqual([0, 0, 2_000, 1_000]);
    delivery.queueEmptied();
    expect(pauses(SENT)).toEqual([0]);
  });

  it('reports since when and why messages fail or are rejected, until one is accepted', () => {
    const { delivery, time, pauses } = setUp();
    const failedAt = time.now;
    expect(delivery.failure()).toBeUndefined();
    pauses(down());
    time.now += 5_000;
    pauses(down());
    expect(delivery.failure()).toEqual({ since: failedAt, why: 'Slack answered 500', failures: 2 });
    pauses(REJECTED);
    expect(delivery.failure()).toEqual({ since: failedAt, why: 'Slack answered 404 no_service', failures: 0 });
    expect(delivery.hasWorked()).toBe(false);
    pauses(SENT);
    expect(delivery.failure()).toBeUndefined();
    expect(delivery.hasWorked()).toBe(true);
  });
});
