import { ENGINE_REASONS, EngineError, type EngineReason } from '../../errors.ts';

/** Why a stream was opened again; closed, fit for a metric's label. */
export const RECONNECT_CAUSES = ['ended', 'stalled', ...ENGINE_REASONS] as const;
export type ReconnectCause = (typeof RECONNECT_CAUSES)[number];

const FIRST_MS = 250;
/** One try at this pace costs next to nothing, and nobody is blind for longer than needed. */
const MOST_MS = 5_000;

/**
 * How long to wait after so many failures in a row (1 for the first): doubling, half of it random so that
 * hundreds of streams cut together do not come back together.
 */
export function backoffMs(failures: number): number {
  const full = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 10));
  return full * (0.5 + Math.random() / 2);
}

export function reasonOf(error: unknown): EngineReason {
  return error instanceof EngineError ? error.reason : 'protocol';
}

/** A stream that lived this long was sound: the next failure is a first one. */
export const SOUND_AFTER_MS = 1_000;
