/**
 * A circuit breaker for a model, as plain data: while its server fails, no diagnosis waits for it.
 *
 *   closed     questions are asked; consecutive failures are counted
 *   open       no question is asked before `retryAt` (epoch ms)
 *   half_open  one question, the probe, is in progress; its result closes the circuit or opens it for longer
 */
export type Circuit =
  | { readonly kind: 'closed'; readonly failures: number }
  | { readonly kind: 'open'; readonly retryAt: number; readonly backoffMs: number }
  | { readonly kind: 'half_open'; readonly backoffMs: number };

type Admission =
  | { readonly kind: 'refused' }
  /** `circuit` is the new state. The result of every admitted question must be reported once. */
  | { readonly kind: 'admitted'; readonly circuit: Circuit; readonly probe: boolean };

/** For Claude. Each failure is a question of up to three requests, so five in a row are no coincidence. */
export const FAILURES_TO_OPEN = 5;
export const FIRST_BACKOFF_MS = 30_000;
/** During a long outage: four probes an hour, and its end is noticed within a quarter of an hour. */
export const LONGEST_BACKOFF_MS = 15 * 60_000;

export const CLOSED: Circuit = { kind: 'closed', failures: 0 };

export function admit(circuit: Circuit, now: number): Admission {
  switch (circuit.kind) {
    case 'closed':
      return { kind: 'admitted', circuit, probe: false };
    case 'half_open':
      return { kind: 'refused' };
    case 'open': {
      // A longer wait than the back-off: the clock was set back.
      const due = now >= circuit.retryAt || circuit.retryAt - now > circuit.backoffMs;
      if (!due) return { kind: 'refused' };
      return { kind: 'admitted', circuit: { kind: 'half_open', backoffMs: circuit.backoffMs }, probe: true };
    }
    default:
      return circuit satisfies never;
  }
}

/** Any response to any question shows that the API works. */
export function succeeded(_: Circuit): Circuit {
  return CLOSED;
}

/** Failures of questions that were asked before the circuit opened are ignored. */
export function failed(circuit: Circuit, now: number, probe: boolean, failuresToOpen = FAILURES_TO_OPEN): Circuit {
  switch (circuit.kind) {
    case 'closed': {
      const failures = circuit.failures + 1;
      return failures < failuresToOpen ? { kind: 'closed', failures } : open(now, FIRST_BACKOFF_MS);
    }
    case 'half_open':
      return probe ? open(now, Math.min(circuit.backoffMs * 2, LONGEST_BACKOFF_MS)) : circuit;
    case 'open':
      return circuit;
    default:
      return circuit satisfies never;
  }
}

/** The question was cancelled before the API responded. If it was the probe, another question may be one. */
export function withdrawn(circuit: Circuit, now: number, probe: boolean): Circuit {
  return probe && circuit.kind === 'half_open' ? { kind: 'open', retryAt: now, backoffMs: circuit.backoffMs } : circuit;
}

function open(now: number, backoffMs: number): Circuit {
  return { kind: 'open', retryAt: now + backoffMs, backoffMs };
}
