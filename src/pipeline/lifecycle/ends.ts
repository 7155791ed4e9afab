/** Judges the end of a container's process, at once or after a short wait for an event that explains it. */
import type { ContainerFacts } from '../../domain/containers.ts';
import type { Signal } from '../../domain/incident.ts';
import type { Clock } from '../../lib/time.ts';
import { type Death, endedByItself, judge, KILLED, restartsAlways } from './death.ts';
import type { LifecycleRecord } from './record.ts';
import { oomSignal } from './signals.ts';

export interface Ends {
  /** Returns the signals that are known at once; others go to `onLateSignals`. */
  died(record: LifecycleRecord, death: Death): readonly Signal[];
  /** Judges an end that is still undecided, if there is one. Returns its signals. */
  decide(record: LifecycleRecord, by: 'itself' | 'person'): readonly Signal[];
  forget(record: LifecycleRecord): void;
  /** Judges all undecided ends by what is known now. */
  settle(): void;
}

type InspectedFacts = Pick<ContainerFacts, 'status' | 'oomKilled' | 'restartPolicy' | 'stoppedByUser'>;

export interface EndsOptions {
  readonly clock: Pick<Clock, 'sleep'>;
  isOwnRestart(record: LifecycleRecord): boolean;
  /** The default if the container has not been inspected yet. */
  stopSignalOf(containerId: string): number;
  /** Undefined if the container has not been inspected yet. */
  restartPolicyOf(containerId: string): string | undefined;
  /** Asks the engine now; undefined if it does not answer or the container is gone. Must not reject. */
  inspect(containerId: string): Promise<InspectedFacts | undefined>;
  /** Receives the signals of an end that was judged some time after its event. */
  onLateSignals(signals: readonly Signal[]): void;
}

/** The engine sends `stop` 10 to 100 ms after `die`; detection must take less than a second in total. */
const EXPLANATION_WAIT_MS = 500;

export function createEnds(options: EndsOptions): Ends {
  const undecided = new Set<LifecycleRecord>();

  function died(record: LifecycleRecord, death: Death): readonly Signal[] {
    record.dead = true;
    if (options.isOwnRestart(record)) {
      // The verification of the restart determines the outcome.
      record.lastEnd = { at: death.at, exitCode: death.exitCode, by: 'agent' };
      return [];
    }
    record.unhealthy = false;
    record.undecided = death;
    undecided.add(record);
    const verdict = judge(record, death, options.stopSignalOf(death.container.id));
    if (verdict !== 'undecided') return decide(record, verdict);
    void decideAfterWait(record, death);
    return [];
  }

  async function decideAfterWait(record: LifecycleRecord, death: Death): Promise<void> {
    await options.clock.sleep(EXPLANATION_WAIT_MS);
    if (record.undecided !== death) return;
    if (!death.isPodman) return report(decide(record, 'itself'));
    const facts = await options.inspect(death.container.id);
    if (record.undecided !== death) return;
    const oom: Signal[] = [];
    if (facts?.oomKilled) {
      record.oomAt = death.at;
      oom.push(oomSignal(death.container, death.at));
    }
    report([...oom, ...decide(record, isUnreportedStop(death, facts) ? 'person' : 'itself')]);
  }

  function decide(record: LifecycleRecord, by: 'itself' | 'person'): readonly Signal[] {
    const death = record.undecided;
    if (death === undefined) return [];
    forget(record);
    record.lastEnd = { at: death.at, exitCode: death.exitCode, by };
    if (by === 'itself') return endedByItself(record, death, options.restartPolicyOf(death.container.id));
    const last = record.personSignals.findLast(({ recalled }) => !recalled);
    const requestedAt = last?.at ?? (death.isPodman ? death.at : undefined);
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

/** Whether an end on Podman is best explained by a stop that no event reported. */
function isUnreportedStop({ exitCode, stopsUnreported }: Death, facts: InspectedFacts | undefined): boolean {
  if (facts?.oomKilled) return false;
  // Podman sends the `stop` event only if it sees the end before its cleanup process does.
  if (facts?.stoppedByUser !== undefined) return facts.stoppedByUser;
  // If nobody had stopped it, Podman would have started it again.
  if (facts && restartsAlways(facts.restartPolicy)) return facts.status === 'exited';
  return stopsUnreported && exitCode === KILLED;
}
