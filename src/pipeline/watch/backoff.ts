import { EngineError, type EngineReason } from '../../errors.ts';
import type { ReconnectCause } from '../observer.ts';

/** Why a stream ended: the engine ended it, the agent closed it because it had stalled, or it failed. */
export type StreamEnd = 'ended' | 'stalled' | EngineReason;

const FIRST_MS = 250;
/** One attempt every 5 s costs next to nothing and keeps the blind time short. */
const MAX_MS = 5_000;

/**
 * The delay before the next attempt after `failures` failures in a row (1 for the first). It doubles each time; half of
 * it is random, so that hundreds of streams that were cut together do not reconnect together.
 */
export function backoffMs(failures: number): number {
  const full = Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(failures - 1, 10));
  return full * (0.5 + Math.random() / 2);
}

export function reasonOf(error: unknown): EngineReason {
  return error instanceof EngineError ? error.reason : 'protocol';
}

/** The metric counts all failures together. */
export function toReconnectCause(end: StreamEnd): ReconnectCause {
  return end === 'ended' || end === 'stalled' ? end : 'error';
}

/** A stream that was open for this long counts as healthy: its end is a first failure. */
export const HEALTHY_AFTER_MS = 1_000;
