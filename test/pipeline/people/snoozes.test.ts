import { expect, it } from 'vitest';
import { createSnoozes } from '../../../src/pipeline/people/snoozes.ts';
import type { Snooze } from '../../../src/pipeline/ports/people.ts';
import { anIncident } from '../../support/domain.ts';

it('a snooze that an earlier run may have begun to end names its alert about an incident that it held back', async () => {
  const incident = anIncident({ openedAt: 50 });
  const by = { who: 'U1', via: 'slack' } as const;
  const snooze: Snooze = { id: 's1', service: incident.container, since: 0, until: 100, by, heldBack: 0 };
  const keyOf = async (left: Snooze, openedAt = 50) => {
    const snoozes = createSnoozes({
      store: { unendedSnoozes: async () => [left] },
      clock: { now: () => 100 },
    } as never);
    await snoozes.load();
    return snoozes.endingKey({ ...incident, openedAt });
  };
  expect(await keyOf(snooze)).toBe('snooze/s1');
  expect(await keyOf(snooze, 100)).toBeUndefined();
  expect(await keyOf({ ...snooze, until: 101 })).toBeUndefined();
  expect(await keyOf({ ...snooze, service: { service: 'other' } })).toBeUndefined();
  expect(await keyOf({ ...snooze, fingerprint: 'other' })).toBeUndefined();
});
