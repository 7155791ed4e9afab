import { describe, expect, it } from 'vitest';
import { trackLateLogs } from '../../src/app/late-logs.ts';
import { aContainer } from '../support/domain.ts';

describe('a log that is read late', () => {
  let now = Date.UTC(2026, 0, 1);
  const late = trackLateLogs({ now: () => now, monotonic: () => now });
  const web = aContainer({ id: 'web', name: 'web' });
  const read = (ageMs: number) => late.onLines(web, [{ time: now - ageMs, stream: 'stdout', text: 'INFO served' }]);

  it('is reported while it is late, but not after it has been read to its end', () => {
    read(120_000);
    expect(late.current()).toEqual([{ container: 'web', ms: 120_000 }]);
    read(1_000);
    expect(late.current()).toEqual([]);
    read(120_000);
    now += 10_001;
    expect(late.current()).toEqual([]);
  });

  it('is forgotten together with its container', () => {
    read(120_000);
    late.forget(web);
    expect(late.current()).toEqual([]);
  });
});
