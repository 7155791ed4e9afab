import type { ListedContainer, Signal } from '../../domain.ts';
import { DETECTOR_INFO } from '../detectors.ts';

/** Where containers may complain while they start. */
export interface GracePeriods {
  started(containerId: string, at: number): void;
  /** Whether the signal opens nothing for now. A crash that it holds back may come due. */
  covers(signal: Signal): boolean;
  /** Crashes held back whose container is still down now that its grace is over: it did not come up by itself. */
  due(listed: readonly ListedContainer[], now: number): readonly Signal[];
  forget(containerId: string): void;
}

interface Start {
  readonly at: number;
  held?: Signal;
}

/**
 * `graceMs`: how long after a start of its container a signal opens nothing. A crash loop is no trouble of
 * starting: it is let through.
 */
export function createGracePeriods(graceMs: (signal: Signal) => number): GracePeriods {
  const starts = new Map<string, Start>();
  return {
    started(containerId, at) {
      // What was held back of the life before is forgiven with this one, or told with it.
      starts.set(containerId, { at, held: starts.get(containerId)?.held });
    },

    covers(signal) {
      const start = starts.get(signal.container.id);
      const { inGrace } = DETECTOR_INFO[signal.detector];
      if (!start || inGrace === 'pass') return false;
      const age = signal.at - start.at;
      if (age < 0 || age >= graceMs(signal)) return false;
      if (inGrace === 'hold') start.held = signal;
      return true;
    },

    due(listed, now) {
      const signals: Signal[] = [];
      for (const { ref, status } of listed) {
        const start = starts.get(ref.id);
        // Started in times to come: the clock was set back.
        if (!start?.held || (start.at <= now && now - start.at < graceMs(start.held))) continue;
        const { held } = start;
        start.held = undefined;
        if (status === 'exited' || status === 'dead') signals.push(held);
      }
      return signals;
    },

    forget: (containerId) => void starts.delete(containerId),
  };
}
