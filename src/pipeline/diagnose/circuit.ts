/**
 * A circuit breaker around Claude, as plain data: while the API fails, nobody is kept waiting for it.
 *
 *   closed     questions are asked; failures in a row are counted
 *   open       nothing is asked before `retryAt`
 *   half_open  one question, the probe, is under way: its end closes the circuit or opens it for longer
 *
 * Times are epoch ms.
 */
export type Circuit =
  | { readonly kind: 'closed'; readonly failures: number }
  | { readonly kind: 'open'; readonly retryAt: number; readonly backoffMs: number }
  | { readonly kind: 'half_open'; readonly backoffMs: number };

export type Admission =
  | { readonly kind: 'refused' }
  /** `circuit` is the state from now on. Every admitted question must be reported back, once. */
  | { readonly kind: 'admitted'; readonly circuit: Circuit; readonly probe: boolean };

/** Each failure is a whole question, up to three tries: five are no coincidence. */
export const FAILURES_TO_OPEN = 5;
export const FIRST_BACKOFF_MS = 30_000;
/** An outage of hours costs four probes an hour; its end is seen within a quarter of one. */
export const LONGEST_BACKOFF_MS = 15 * 60_000;

export const CLOSED: Circuit = { kind: 'closed', failures: 0 };

export function admit(circuit: Circuit, now: number): Admission {
  switch (circuit.kind) {
    case 'closed':
      return { kind: 'admitted', circuit, probe: false };
    case 'half_open':
      return { kind: 'refused' };
    case 'open': {
      // Further away than any back-off: the clock was set back.
      const due = now >= circuit.retryAt || circuit.retryAt - now > circuit.backoffMs;
      if (!due) return { kind: 'refused' };
      return { kind: 'admitted', circuit: { kind: 'half_open', backoffMs: circuit.backoffMs }, probe: true };
    }
    default:
      return circuit satisfies never;
  }
}

/** The API answered, whatever it said, and whoever asked: it works. */
export function succeeded(_: Circuit): Circuit {
  return CLOSED;
}

/** The API failed. Questions asked before the circuit opened and failing after it tell nothing new. */
export function failed(circuit: Circuit, now: number, probe: boolean): Circuit {
  switch (circuit.kind) {
    case 'closed': {
      const failures = circuit.failures + 1;
      return failures < FAILURES_TO_OPEN ? { kind: 'closed', failures } : open(now, FIRST_BACKOFF_MS);
    }
    case 'half_open':
      return probe ? open(now, Math.min(circuit.backoffMs * 2, LONGEST_BACKOFF_MS)) : circuit;
    case 'open':
      return circuit;
    default:
      return circuit satisfies never;
  }
}

/** The question ended without a word of the API (the agent stops, a cap forbade it): another may be the probe. */
export function withdrawn(circuit: Circuit, now: number, probe: boolean): Circuit {
  return probe && circuit.kind === 'half_open' ? { kind: 'open', retryAt: now, backoffMs: circuit.backoffMs } : circuit;
}

function open(now: number, backoffMs: number): Circuit {
  return { kind: 'open', retryAt: now + backoffMs, backoffMs };
}
