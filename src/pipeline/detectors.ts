/** What each detector means. Code that depends on the detector of a signal or incident uses this table. */
import type { Detector } from '../domain/incident.ts';

interface DetectorInfo {
  /** For people. */
  readonly title: string;
  /** For the model. */
  readonly prompt: string;
  /** The main process of the container ended. */
  readonly processEnded: boolean;
  /** The signal reports the death of a process. All signals of one death belong to one incident. */
  readonly partOfDeath: boolean;
  readonly joins: JoinRule;
  /** Other signals of a container join an incident that is settling. These signals neither join nor are joined. */
  readonly separate: boolean;
  /** What happens to the signal during the grace period after a start. */
  readonly inGrace: 'drop' | 'hold' | 'pass';
  /** The incident is over after this long without a signal, ms. */
  readonly quietMs: number;
  /** It is over only if the container runs and is not unhealthy. */
  readonly overOnlyIfRunning: boolean;
}

/**
 * When a signal joins an incident of its container that has another fingerprint. If in doubt, it does not: one incident
 * too many costs one diagnosis, one too few hides a problem.
 */
interface JoinRule {
  /** Joins an incident of the same death, or of any death of the container. */
  readonly death: 'same' | 'any' | 'last_output' | 'no';
  /** Joins an incident whose last signal, at most this many ms earlier, is considered its cause; 0: never. */
  readonly causeWithinMs: number;
}

/** Errors come in bursts; half an hour without one ends the incident. */
const LOG_QUIET_MS = 30 * 60_000;
/** Longer than the engine's longest back-off between restarts, which is one minute. */
const STATE_QUIET_MS = 10 * 60_000;

const FROM_LOG = {
  processEnded: false,
  partOfDeath: false,
  // The last lines of a process are read after the event of its death.
  joins: { death: 'last_output', causeWithinMs: 0 },
  inGrace: 'drop',
  quietMs: LOG_QUIET_MS,
  overOnlyIfRunning: false,
} as const;

const FROM_STATE = { separate: false, quietMs: STATE_QUIET_MS, overOnlyIfRunning: true } as const;

export const DETECTOR_INFO: Readonly<Record<Detector, DetectorInfo>> = {
  log: { ...FROM_LOG, title: 'error in the log', prompt: 'an error in its log', separate: false },
  crash: {
    ...FROM_STATE,
    title: 'crash',
    prompt: 'its process ended by itself (nobody stopped it)',
    processEnded: true,
    partOfDeath: true,
    joins: { death: 'same', causeWithinMs: 10_000 },
    inGrace: 'hold',
  },
  oom: {
    ...FROM_STATE,
    title: 'out of memory',
    prompt: 'an out-of-memory kill, reported by the kernel',
    processEnded: false,
    partOfDeath: true,
    joins: { death: 'same', causeWithinMs: 10_000 },
    inGrace: 'hold',
  },
  health: {
    ...FROM_STATE,
    title: 'failing health check',
    prompt: 'its health check fails',
    processEnded: false,
    partOfDeath: false,
    // A health check usually fails within a few of its intervals after the error that broke it.
    joins: { death: 'no', causeWithinMs: 60_000 },
    inGrace: 'drop',
  },
  crash_loop: {
    ...FROM_STATE,
    title: 'crash loop',
    prompt: 'it keeps ending soon after each start',
    processEnded: true,
    partOfDeath: true,
    joins: { death: 'any', causeWithinMs: 0 },
    inGrace: 'pass',
  },
  // A storm hides the individual problems in it.
  storm: {
    ...FROM_LOG,
    title: 'log storm',
    prompt: 'more new kinds of errors at once than can be distinguished',
    separate: true,
  },
};

/** Whether one of these detectors reports that the main process of the container ended. */
export function processEnded(detectors: readonly Detector[]): boolean {
  return detectors.some((detector) => DETECTOR_INFO[detector].processEnded);
}

/** Whether one of these detectors reports the death of a process, the main process or another one. */
export function isPartOfDeath(detectors: readonly Detector[]): boolean {
  return detectors.some((detector) => DETECTOR_INFO[detector].partOfDeath);
}
