/**
 * Preloaded into an agent's process (`node --import`): its sleeps are shorter, and its durations longer, by the factor
 * HURRY. Its wall clock is the real one, so it agrees with the engine and with other agents.
 */
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/lib/time.ts';

const { monotonic, sleep } = systemClock;
const factor = Number(process.env.HURRY ?? 1);

Object.assign(systemClock, {
  monotonic: () => monotonic() * factor,
  sleep: (ms: number, signal?: AbortSignal) => sleep(ms / factor, signal),
} satisfies Partial<typeof systemClock>);

/** Node's flags and the program, for `startDoctor` with `HURRY` in its environment. */
export const HURRIED: readonly string[] = [
  '--import',
  fileURLToPath(import.meta.url),
  fileURLToPath(new URL('../../src/main.ts', import.meta.url)),
];
