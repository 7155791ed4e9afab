/** What follows from the end of a container's process, at once or after a short wait for what explains it. */
import type { ContainerFacts, Signal } from '../../domain.ts';
import type { Clock } from '../../lib/time.ts';
import { type Death, endedByItself, judge } from './death.ts';
import type { LifecycleRecord } from './record.ts';
import { oomSignal } from './signals.ts';

export interface Ends {
  /** Returns the signals that are known at once; others come later. */
  died(record: LifecycleRecord, death: Death): readonly Signal[];
  /** Ends the wait for an end that is not judged yet, if there is one. */
  decide(record: LifecycleRecord, by: 'itself' | 'person'): readonly Signal[];
  forget(record: LifecycleRecord): void;
  /** Judges all ends that are not judged yet by what is known now. */
  settle(): void;
}

export interface EndsOptions {
  readonly clock: Pick<Clock, 'sleep'>;
  isOwnRestart(record: LifecycleRecord): boolean;
  /** The default if the container was not inspected yet. */
  stopSignalOf(containerId: string): number;
  /** Undefined if the container was not inspected yet. */
  restartPolicyOf(containerId: string): string | undefined;
  /** Asks the engine now; undefined if it does not answer or the container is gone. Must not reject. */
  inspect(containerId: string): Promise<Pick<ContainerFacts, 'oomKilled'> | undefined>;
  /** Takes the signals of an end that could be judged only some time after its event. */
  onLateSignals(signals: readonly Signal[]): void;
}

/** The engine sends `stop` 10 to 100 ms after `die`; detection is to take less than a second in all. */
const STOP_EVENT_WAIT_MS = 500;

export function createEnds(options: EndsOptions): Ends {
  const undecided = new Set<LifecycleRecord>();

  function died(record: LifecycleRecord, death: Death): readonly Signal[] {
    record.dead = true;
    if (options.isOwnRestart(record)) {
      // The verification of the restart sees how it ends.
      record.lastEnd = { at: death.at, exitCode: death.exitCode, by: 'agent' };
      return [];
    }
    record.unhealthy = false;
    record.undecided = death;
    undecided.add(record);
    const verdict = judge(record, death, options.stopSignalOf(death.container.id));
    if (verdict === 'person') return decide(record, verdict);
    if (death.mayBeOom) void decideByInspect(record, death);
    else if (verdict === 'undecided') void decideAfterWait(record, death);
    else return decide(record, verdict);
    return [];
  }

  /** For the `stop` event that may follow. */
  async function decideAfterWait(record: LifecycleRecord, death: Death): Promise<void> {
    await options.clock.sleep(STOP_EVENT_WAIT_MS);
    if (record.undecided === death) report(decide(record, 'itself'));
  }

  /** Podman reports no kill for memory; without one, a kill that is not explained is the end of a stop. */
  async function decideByInspect(record: LifecycleRecord, death: Death): Promise<void> {
    const facts = await options.inspect(death.container.id);
    if (record.undecided !== death) return;
    if (!facts?.oomKilled) {
      report(decide(record, death.stopsUnreported ? 'person' : 'itself'));
      return;
    }
    record.oomAt = death.at;
    report([oomSignal(death.container, death.at), ...decide(record, 'itself')]);
  }

  function decide(record: LifecycleRecord, by: 'itself' | 'person'): readonly Signal[] {
    const death = record.undecided;
    if (death === undefined) return [];
    forget(record);
    record.lastEnd = { at: death.at, exitCode: death.exitCode, by };
    if (by === 'itself') return endedByItself(record, death, options.restartPolicyOf(death.container.id));
    const last = record.personSignals.findLast(({ recalled }) => !recalled);
    const requestedAt = last?.at ?? (death.stopsUnreported ? death.at : undefined);
    if (requestedAt !== undefined) {
      record.stoppedByPersonAt = Math.max(record.stoppedByPersonAt ?? requestedAt, requestedAt);
    }
    return [];
  }

  function forget(record: LifecycleRecord): void {
    record.undecided = undefined;
    undecided.delete(record);
  }

  function report(signals: readonly Signal[]): void {
    if (signals.length > 0) options.onLateSignals(signals);
  }

  return {
    died,
    decide,
    forget,
    settle() {
      for (const record of undecided) report(decide(record, 'itself'));
    },
  };
}
