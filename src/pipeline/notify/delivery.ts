import type { Clock } from '../../lib/time.ts';
import type { SendResult } from '../ports/receiver.ts';

/** A receiver that does not accept messages. */
export interface DeliveryFailure {
  /** Of the first failure, epoch ms. */
  readonly since: number;
  /** Of the latest attempt. */
  readonly why: string;
  /** Consecutive attempts that failed but may succeed later; 0 if the latest message was rejected for good. */
  readonly failures: number;
}

/** When the next message may be sent to one receiver. All waiting messages share one back-off. */
export interface Delivery {
  isOpen(): boolean;
  /** Records the result of an attempt. Returns the pause before the next one, ms. */
  record(result: SendResult): number;
  /** Nothing is waiting: messages from now on need not keep the pace. */
  queueEmptied(): void;
  /** Undefined while messages are accepted, and before the first attempt. */
  failure(): DeliveryFailure | undefined;
  /** Whether the receiver has ever accepted a message. */
  hasWorked(): boolean;
}

const FIRST_RETRY_MS = 2_000;
/** The end of an outage is noticed within this time; an hour of outage costs about 60 attempts in all. */
const MAX_RETRY_MS = 60_000;

/**
 * `paceMs`: between the messages of a queue that built up during a failure or before the agent started. Otherwise
 * messages are sent as they come: services accept short bursts, and answer with an error if it is too much.
 */
export function createDelivery(paceMs: number, clock: Pick<Clock, 'now' | 'monotonic'>): Delivery {
  let openFrom = Number.NEGATIVE_INFINITY;
  let failure: DeliveryFailure | undefined;
  let hasWorked = false;
  let hasBacklog = true;

  return {
    isOpen: () => clock.monotonic() >= openFrom,

    record(result) {
      if (result.kind === 'retry') hasBacklog = true;
      let pause = hasBacklog ? paceMs : 0;
      if (result.kind === 'sent') {
        failure = undefined;
        hasWorked = true;
      } else {
        const failures = result.kind === 'retry' ? (failure?.failures ?? 0) + 1 : 0;
        failure = { since: failure?.since ?? clock.now(), why: result.why, failures };
        if (result.kind === 'retry') pause = Math.max(paceMs, result.afterMs ?? 0, backOffMs(failures));
      }
      openFrom = clock.monotonic() + pause;
      return pause;
    },

    queueEmptied() {
      hasBacklog = false;
    },

    failure: () => failure,
    hasWorked: () => hasWorked,
  };
}

function backOffMs(failures: number): number {
  return Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 10));
}
