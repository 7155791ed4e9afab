/**
 * How the time for a task grows with its size. The two sizes are measured in turns in one run and the fastest of several
 * tries counts, so that other load on the machine does not matter.
 */

const FACTOR = 4;
const MAX_TRIES = 12;
/** Linear growth gives FACTOR, quadratic growth its square. */
export const LINEAR = 2.5 * FACTOR;
/** Below this, in ms, the clock and the first compilation count more than the task. */
const NEGLIGIBLE_MS = 0.5;

/**
 * Returns the time for `size` divided by that for a quarter of it; about 4 if it grows linearly, about 16 if it grows
 * quadratically. Compare it with LINEAR.
 */
export function growth(size: number, task: (size: number) => void): number {
  const times = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const measure = (at: 0 | 1, ofSize: number): number => {
    const begun = performance.now();
    task(ofSize);
    times[at] = Math.min(times[at] as number, performance.now() - begun);
    return times[at] as number;
  };
  let ratio = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < MAX_TRIES && ratio >= LINEAR; tries++) {
    const small = measure(0, Math.floor(size / FACTOR));
    const large = measure(1, size);
    ratio = large < NEGLIGIBLE_MS ? FACTOR : large / Math.max(small, NEGLIGIBLE_MS / FACTOR);
  }
  return ratio;
}
