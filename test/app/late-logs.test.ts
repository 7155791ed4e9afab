import { describe, expect, it } from 'vitest';
import { noteLateLogs } from '../../src/app/late-logs.ts';
import { aContainer } from '../support/domain.ts';

describe('logs that are read late', () => {
  let now = Date.UTC(2026, 0, 1);
  const late = noteLateLogs({ now: () => now, monotonic: () => now });
  const web = aContainer({ id: 'web', name: 'web' });
  const read = (agoMs: number) => late.onLines(web, [{ time: now - agoMs, stream: 'stdout', text: 'INFO served' }]);

  it('are told while they are read, and no longer once they were read to their end', () => {
    read(120_000);
    expect(late.now()).toEqual([{ container: 'web', ms: 120_000 }]);
    read(1_000);
    expect(late.now()).toEqual([]);
    read(120_000);
    now += 10_001;
    expect(late.now()).toEqual([]);
  });

  it('are forgotten with their container', () => {
    read(120_000);
    late.forget(web);
    expect(late.now()).toEqual([]);
  });
});
