/** Judges the end of a container's process, at once or after a short wait for an event that explains it. */
import { type ContainerFacts, PODMAN_RESTARTS_WITHIN_MS } from '../../domain/containers.ts';
import type { Signal } from '../../domain/incident.ts';
import type { Clock } from '../../lib/time.ts';
import { type Death, endedByItself, judge, KILLED, restartsAlways, type Verdict } from './death.ts';
import type { LifecycleRecord } from './record.ts';
import { oomSignal } from './signals.ts';

export interface Ends {
  /** Returns the signals that are known at once; others go to `onLateSignals`. */
  died(record: LifecycleRecord, death: Death): readonly Signal[];
  /** Judges an end that is still undecided, if there is one. Returns its signals. */
  decide(record: LifecycleRecord, by: Decided): readonly Signal[];
  /** Podman is restarting the container, so nobody had stopped it. Returns the signals of an end that looked like a stop. */
  restartedByPodman(record: LifecycleRecord, at: number): readonly Signal[];
  forget(record: LifecycleRecord): void;
  /** Judges all undecided ends by what is known now. */
  settle(): void;
}

type Decided = Exclude<Verdict, 'undecided'>;
type InspectedFacts = Pick<ContainerFacts, 'status' | 'oomKilled' | 'restartPolicy' | 'stoppedByUser'>;
/** Undefined: the container is gone. */
type Inspected = InspectedFacts | 'no_answer' | undefined;

export interface EndsOptions {
  readonly clock: Pick<Clock, 'sleep'>;
  isOwnRestart(record: LifecycleRecord): boolean;
  /** The default if the container has not been inspected yet. */
  stopSignalOf(containerId: string): number;
  /** Undefined if the container has not been inspected yet. */
  restartPolicyOf(containerId: string): string | undefined;
  /** Asks the engine now. Must not reject. */
  inspect(containerId: string): Promise<Inspected>;
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
    const answer = await options.inspect(death.container.id);
    if (record.undecided !== death) return;
    const oom: Signal[] = [];
    if (answer !== 'no_answer' && answer?.oomKilled) {
      record.oomAt = death.at;
      oom.push(oomSignal(death.container, death.at));
    }
    report([...oom, ...decide(record, judgeInspected(death, answer))]);
  }

  function decide(record: LifecycleRecord, by: Decided): readonly Signal[] {
    const death = record.undecided;
    if (death === undefined) return [];
    forget(record);
    record.lastEnd = { at: death.at, exitCode: death.exitCode, by: by === 'itself' ? 'itself' : 'person' };
    const { stoppedByPersonAt } = record;
    record.presumedStop = by === 'unreported_stop' ? { death, stoppedByPersonAt } : undefined;
    if (by === 'itself') return endedByItself(record, death, options.restartPolicyOf(death.container.id));
    const last = record.personSignals.findLast(({ recalled }) => !recalled);
    const requestedAt = last?.at ?? (death.isPodman ? death.at : undefined);
    if (requestedAt !== undefined) {
      record.stoppedByPersonAt = Math.max(stoppedByPersonAt ?? requestedAt, requestedAt);
    }
    return [];
  }

  function restartedByPodman(record: LifecycleRecord, at: number): readonly Signal[] {
    const { presumedStop } = record;
    record.presumedStop = undefined;
    if (presumedStop === undefined || options.isOwnRestart(record)) return [];
    if (at - presumedStop.death.at > PODMAN_RESTARTS_WITHIN_MS) return [];
    record.stoppedByPersonAt = presumedStop.stoppedByPersonAt;
    record.undecided = presumedStop.death;
    return decide(record, 'itself');
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
    restartedByPodman,
    forget,
    settle() {
      for (const record of undecided) report(decide(record, 'itself'));
    },
  };
}

/** Judges an end on Podman that no event explains. */
function judgeInspected({ exitCode, stopsUnreported }: Death, answer: Inspected): Decided {
  const facts = answer === 'no_answer' ? undefined : answer;
  if (facts?.oomKilled) return 'itself';
  // A forced removal: its event comes once the container is gone.
  const removed = answer === undefined || facts?.status === 'removing';
  if (removed && exitCode === KILLED) return 'person';
  // Podman sends the `stop` event only if it sees the end before its cleanup process does.
  if (facts?.stoppedByUser !== undefined) return facts.stoppedByUser ? 'person' : 'itself';
  // If nobody had stopped it, Podman would have started it again by now, or will if it is slow.
  const looksStopped =
    facts && restartsAlways(facts.restartPolicy) ? facts.status === 'exited' : stopsUnreported && exitCode === KILLED;
  return looksStopped ? 'unreported_stop' : 'itself';
}
