import type { LiveIncident } from './open-incidents.ts';

/** How long further evidence is awaited after the first: the rest of a stack trace, or the death that follows an error. */
const SETTLE_MS = 300;
/** Some of it is still awaited if the end of the first record was: other records come together with it. */
const LEAST_SETTLE_MS = 100;
/** Older evidence was read late, after an absence for example. What follows it is then read late, too. */
const LATE_MS = 2_000;

/** How long a new incident settles before it is handled, ms. */
export function settleMs({ evidence: [first] }: LiveIncident, now: number): number {
  // Nothing was awaited for an event of the engine. Podman reports that a person stopped a container after its end.
  if (first?.record === undefined) return SETTLE_MS;
  const age = now - first.at;
  return age < 0 || age > LATE_MS ? SETTLE_MS : Math.max(LEAST_SETTLE_MS, SETTLE_MS - age);
}
