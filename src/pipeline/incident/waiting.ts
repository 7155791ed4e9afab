import type { Clock } from '../../lib/time.ts';
import type { LiveIncident, Wait } from './open-incidents.ts';

/** Sleeps until `wait.until`, or only for `ms`, and notes meanwhile what `live` waits for. */
export async function waitUntil(
  live: LiveIncident,
  wait: Wait,
  { clock, stopping }: { readonly clock: Pick<Clock, 'now' | 'sleep'>; readonly stopping: AbortSignal },
  ms = Math.max(0, wait.until - clock.now()),
): Promise<void> {
  live.wait = wait;
  await clock.sleep(ms, stopping);
  live.wait = undefined;
}
