import { describe, expect, it } from 'vitest';
import {
  admit,
  type Circuit,
  CLOSED,
  FAILURES_TO_OPEN,
  FIRST_BACKOFF_MS,
  failed,
  LONGEST_BACKOFF_MS,
  succeeded,
  withdrawn,
} from '../../../src/pipeline/diagnose/circuit.ts';

const NOW = 1_700_000_000_000;
const closed = (failures: number): Circuit => ({ kind: 'closed', failures });
const open = (inMs: number, backoffMs = 60_000): Circuit => ({ kind: 'open', retryAt: NOW + inMs, backoffMs });
const halfOpen = (backoffMs = 60_000): Circuit => ({ kind: 'half_open', backoffMs });

describe('the circuit breaker', () => {
  it.each<[string, Circuit, 'admitted' | 'refused', boolean?, Circuit?]>([
    ['closed admits', closed(0), 'admitted', false, closed(0)],
    ['closed with failures admits', closed(4), 'admitted', false, closed(4)],
    ['open refuses before the end of the back-off', open(1), 'refused'],
    ['open admits a probe at the end of the back-off', open(0), 'admitted', true, halfOpen()],
    ['open admits a probe long after the back-off', open(-3_600_000), 'admitted', true, halfOpen()],
    ['open admits a probe if the clock was set back', open(3_600_000), 'admitted', true, halfOpen()],
    ['half-open refuses during its probe', halfOpen(), 'refused'],
  ])('%s', (_, circuit, kind, probe, next) => {
    const admission = admit(circuit, NOW);
    expect(admission.kind).toBe(kind);
    if (admission.kind === 'admitted') expect([admission.probe, admission.circuit]).toEqual([probe, next]);
  });

  it.each<[string, Circuit, boolean, Circuit]>([
    ['closed counts failures', closed(0), false, closed(1)],
    ['closed counts failures up to the limit', closed(FAILURES_TO_OPEN - 2), false, closed(FAILURES_TO_OPEN - 1)],
    ['closed opens at the limit', closed(FAILURES_TO_OPEN - 1), false, open(FIRST_BACKOFF_MS, FIRST_BACKOFF_MS)],
    ['half-open doubles the back-off if its probe fails', halfOpen(60_000), true, open(120_000, 120_000)],
    ['half-open limits the back-off', halfOpen(LONGEST_BACKOFF_MS), true, open(LONGEST_BACKOFF_MS, LONGEST_BACKOFF_MS)],
    ['half-open ignores an older question', halfOpen(), false, halfOpen()],
    ['open ignores an older question', open(7), false, open(7)],
  ])('after a failure: %s', (_, circuit, probe, next) => {
    expect(failed(circuit, NOW, probe)).toEqual(next);
  });

  it.each([closed(3), open(1_000), halfOpen()])('closes on any response: %j', (circuit) => {
    expect(succeeded(circuit)).toEqual(CLOSED);
  });

  it.each<[string, Circuit, boolean, Circuit]>([
    ['of the probe permits another probe', halfOpen(), true, open(0)],
    ['of another question changes nothing', halfOpen(), false, halfOpen()],
    ['while closed changes nothing', closed(2), false, closed(2)],
  ])('a withdrawal %s', (_, circuit, probe, next) => {
    expect(withdrawn(circuit, NOW, probe)).toEqual(next);
  });
});
