import type { CompiledRules } from './rules.ts';

const WINDOW_MS = 10_000;
/** Time that the patterns of one container may take within a window. Useful patterns take microseconds for a record. */
const MOST_MS = 2_000;
const SUSPENDED_MS = 60_000;

/**
 * Suspends the rules of a container for a minute if they take more than a fifth of the time: its records are then
 * judged without them. All containers share one thread.
 */
export function limitTime(
  rules: CompiledRules,
  { now, onSuspended }: { now(): number; onSuspended(): void },
): CompiledRules {
  let windowFrom = now();
  let spent = 0;
  let suspendedUntil = Number.NEGATIVE_INFINITY;

  const timed = (search: (text: string) => boolean) => (text: string) => {
    const start = now();
    if (start < suspendedUntil) return false;
    if (start - windowFrom > WINDOW_MS) {
      windowFrom = start;
      spent = 0;
    }
    const found = search(text);
    const end = now();
    spent += end - start;
    if (spent > MOST_MS) {
      suspendedUntil = end + SUSPENDED_MS;
      windowFrom = suspendedUntil;
      spent = 0;
      onSuspended();
    }
    return found;
  };
  return { empty: rules.empty, ignores: timed(rules.ignores), matches: timed(rules.matches) };
}
