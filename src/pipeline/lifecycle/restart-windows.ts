import type { Clock } from '../../lib/time.ts';

/** Events of our own restart may arrive a little after the engine's answer. */
const OWN_EVENTS_LAG_MS = 3_000;

/** Which containers we are restarting ourselves, so that their stop is no operator's. */
export function createRestartWindows(clock: Clock): {
  expect(containerId: string): () => void;
  ours(containerId: string): boolean;
} {
  const until = new Map<string, number>();
  return {
    expect(containerId) {
      until.set(containerId, Number.POSITIVE_INFINITY);
      return () => {
        if (until.get(containerId) === Number.POSITIVE_INFINITY)
          until.set(containerId, clock.monotonic() + OWN_EVENTS_LAG_MS);
      };
    },
    ours(containerId) {
      const end = until.get(containerId);
      if (end === undefined) return false;
      if (clock.monotonic() <= end) return true;
      until.delete(containerId);
      return false;
    },
  };
}
