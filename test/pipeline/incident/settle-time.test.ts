import { describe, expect, it } from 'vitest';
import type { Signal } from '../../../src/domain/incident.ts';
import { createOpenIncidents } from '../../../src/pipeline/incident/open-incidents.ts';
import { settleMs } from '../../../src/pipeline/incident/settle-time.ts';
import { aSignal } from '../../support/domain.ts';

const NOW = 1_000_000;

const record = { time: NOW, stream: 'stderr', text: 'ERROR it broke', lines: 1 } as const;

function waits(ageMs: number, over: Partial<Signal> = { record }): number {
  const incidents = createOpenIncidents({ newId: () => 'inc-1', now: () => NOW });
  return settleMs(incidents.fold(aSignal({ at: NOW - ageMs, ...over })).live, NOW);
}

describe('the time in which a new incident settles', () => {
  it('is counted from its first log record, not from when the end of a record was certain', () => {
    expect([0, 100, 200].map((ageMs) => waits(ageMs))).toEqual([300, 200, 100]);
  });

  it('is not shorter for an event of the engine, because a stop may be reported after the end', () => {
    expect(waits(200, { detector: 'crash', record: undefined })).toBe(300);
  });

  it('is never less than a tenth of a second', () => {
    expect([250, 400, 2_000].map((ageMs) => waits(ageMs))).toEqual([100, 100, 100]);
  });

  it('is not shorter for evidence that was read late, or whose clock is ahead', () => {
    expect([2_001, 3_600_000, -5].map((ageMs) => waits(ageMs))).toEqual([300, 300, 300]);
  });
});
