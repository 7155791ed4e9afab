import { useSyncExternalStore } from 'react';

const STEP_MS = 1_000;
/** A smaller difference may be the time that the answer took. */
const SAME_CLOCK_MS = 2_000;
/** How far the clock of the agent is ahead of this one. Times are the agent's, and are compared with its clock. */
let aheadMs = 0;

export function agentNow(): number {
  return Date.now() + aheadMs;
}

/** The agent has just said what time it is. */
export function setAgentTime(time: number): void {
  const difference = time - Date.now();
  aheadMs = Math.abs(difference) < SAME_CLOCK_MS ? 0 : difference;
  tick();
}

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let now = agentNow();

function tick(): void {
  now = agentNow();
  for (const each of listeners) each();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (timer === undefined) {
    // Nobody has looked at the clock for a while.
    now = agentNow();
    timer = setInterval(tick, STEP_MS);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0 || timer === undefined) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** The time, as one clock for the whole page, rounded down to `stepMs`: the component renders only when that changes. */
export function useNow(stepMs = STEP_MS): number {
  return useSyncExternalStore(subscribe, () => Math.floor(now / stepMs) * stepMs);
}
