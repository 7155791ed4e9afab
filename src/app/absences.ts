/** Records the times in which the agent saw nothing: it did not run, or the engine did not answer. */
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../lib/time.ts';
import type { Absence, PageStore, TimelineStore } from '../pipeline/ports/pages.ts';
import type { CursorStore } from '../pipeline/ports/store.ts';

/** Shorter ones are restarts of the agent or the engine that nobody needs to see. */
const SHORTEST_MS = 10_000;
const POLL_MS = 1_000;

interface AbsenceDeps {
  readonly store: TimelineStore & Pick<PageStore, 'timeline'> & Pick<CursorStore, 'loadLastRun'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Call it before the agent reads logs. */
export async function recordAgentAbsence({ store, clock, logger }: AbsenceDeps): Promise<void> {
  try {
    const now = clock.now();
    const lastRun = await store.loadLastRun();
    if (lastRun === undefined) return;
    const { absences } = await store.timeline({ from: 0, to: now }, {}, 1);
    // The agent ended while the engine did not answer.
    for (const left of absences.filter(({ to }) => to === undefined)) await store.saveAbsence({ ...left, to: now });
    if (now - lastRun >= SHORTEST_MS) await store.saveAbsence({ kind: 'agent_stopped', from: lastRun, to: now });
  } catch (error) {
    logger.warn('the absence of the agent could not be recorded', { error: String(error) });
  }
}

/** Runs until `signal` aborts. */
export async function recordEngineAbsences(
  { store, clock, logger, isConnected }: AbsenceDeps & { readonly isConnected: () => boolean },
  signal: AbortSignal,
): Promise<void> {
  const save = (absence: Absence) =>
    store
      .saveAbsence(absence)
      .catch((error: unknown) =>
        logger.warn('an absence of the engine could not be recorded', { error: String(error) }),
      );
  let lost: number | undefined;
  let isRecorded = false;
  while (!signal.aborted) {
    const now = clock.now();
    if (isConnected()) {
      if (lost !== undefined && isRecorded) await save({ kind: 'engine_unreachable', from: lost, to: now });
      lost = undefined;
      isRecorded = false;
    } else {
      lost ??= now;
      if (!isRecorded && now - lost >= SHORTEST_MS) {
        isRecorded = true;
        await save({ kind: 'engine_unreachable', from: lost });
      }
    }
    await clock.sleep(POLL_MS, signal);
  }
}
