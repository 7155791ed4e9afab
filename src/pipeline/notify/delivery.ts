import type { Clock } from '../../lib/time.ts';
import type { SendResult } from '../ports.ts';

/** What is wrong with a service that should take our messages. */
export interface DeliveryTrouble {
  /** Epoch ms. */
  readonly since: number;
  /** Of the latest try. */
  readonly why: string;
  /** Tries in a row that the service did not take; 0 where it answered that it never will. */
  readonly failures: number;
}

/** When the next message may leave for a service: all of them wait together, one of them tries. */
export interface Delivery {
  isOpen(): boolean;
  /** How the try that just ended went. Returns for how many ms nobody tries now. */
  note(result: SendResult): number;
  /** Nothing waits any more: what comes from now on need not keep the pace. */
  caughtUp(): void;
  /** Undefined while messages are taken, or none was sent yet. */
  trouble(): DeliveryTrouble | undefined;
  /** Whether it ever took one. */
  hasWorked(): boolean;
}

const FIRST_RETRY_MS = 2_000;
/** An outage's end is noticed within this; an hour of outage costs some sixty tries, whatever waits. */
const LONGEST_RETRY_MS = 60_000;

/**
 * `paceMs`: between the messages of a queue that built up, in a failure or before the agent started. In ordinary
 * times they leave as they come: services take short bursts, and say so where it is too much.
 */
export function createDelivery(paceMs: number, clock: Pick<Clock, 'now' | 'monotonic'>): Delivery {
  let openFrom = Number.NEGATIVE_INFINITY;
  let trouble: DeliveryTrouble | undefined;
  let hasWorked = false;
  let behind = true;

  return {
    isOpen: () => clock.monotonic() >= openFrom,

    note(result) {
      if (result.kind === 'retry') behind = true;
      let wait = behind ? paceMs : 0;
      if (result.kind === 'sent') {
        trouble = undefined;
        hasWorked = true;
      } else {
        const failures = result.kind === 'retry' ? (trouble?.failures ?? 0) + 1 : 0;
        trouble = { since: trouble?.since ?? clock.now(), why: result.why, failures };
        if (result.kind === 'retry') wait = Math.max(paceMs, result.afterMs ?? 0, backoffMs(failures));
      }
      openFrom = clock.monotonic() + wait;
      return wait;
    },

    caughtUp() {
      behind = false;
    },

    trouble: () => trouble,
    hasWorked: () => hasWorked,
  };
}

function backoffMs(failures: number): number {
  return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 10));
}
