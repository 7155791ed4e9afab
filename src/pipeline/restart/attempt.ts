/** A restart attempt from its record in the store to its outcome. */
import type { ContainerFacts } from '../../domain/containers.ts';
import type { Attempt, DecisionReason, Outcome } from '../../domain/decision.ts';
import { AgentStopping, FleetLimitReached } from '../../errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../lib/time.ts';
import type { LiveIncident } from '../incident/open-incidents.ts';
import type { Lifecycle } from '../lifecycle/lifecycle.ts';
import type { Observer } from '../observer.ts';
import type { PolicyOf } from '../policy/resolve.ts';
import type { ContainerControl } from '../ports/engine.ts';
import type { AttemptStore } from '../ports/store.ts';
import { SPANS, type Tracing } from '../tracing.ts';
import { restart } from './restart.ts';
import { type Unconfirmed, verify } from './verify.ts';

interface RestartsDeps {
  readonly control: Pick<ContainerControl, 'restart'>;
  /** Not traced: verification calls it every second. */
  readonly untracedControl: Pick<ContainerControl, 'inspect'>;
  readonly store: AttemptStore;
  readonly observer: Observer;
  readonly tracing: Tracing;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly policyOf: PolicyOf;
  readonly verifySlackMs: number;
  readonly lifecycle: Pick<Lifecycle, 'of' | 'expectRestart'>;
  readonly stopping: AbortSignal;
  keep(what: string, write: Promise<void>): Promise<void>;
}

export interface Restarted {
  readonly attempt: Attempt;
  /** The state after the engine refused; absent if it restarted the container. */
  readonly refused?: Refusal;
}

/**
 * `down`: the container ran before, and the engine stopped it but could not start it again. `gone`: it no longer exists.
 * `unchanged`: its state is the same as before.
 */
export type Refusal = 'down' | 'gone' | 'unchanged';

export interface RestartSteps {
  /** Default: a new one. */
  readonly attemptId?: string;
  /** The attempt is stored. The engine is called without waiting for it. Must not reject. */
  onBegun(attempt: Attempt): Promise<void>;
  /** The engine has answered. */
  onRestarted(): void;
}

export interface Restarts {
  /**
   * Restarts the container and waits for the outcome. Rejects, with nothing restarted, if the attempt cannot be stored.
   */
  restartAndVerify(live: LiveIncident, facts: ContainerFacts, steps: RestartSteps): Promise<Restarted>;
  /**
   * Verifies an attempt of an earlier run of the agent. Whether the engine made that restart is unknown; it is
   * observed, never repeated.
   */
  verifyInterrupted(live: LiveIncident, attempt: Attempt): Promise<Attempt>;
}

export function createRestarts(deps: RestartsDeps): Restarts {
  const { store, observer, tracing, logger, clock, lifecycle, keep } = deps;

  const verifyAttempt = async (live: LiveIncident, attempt: Attempt, unconfirmed?: Omit<Unconfirmed, 'since'>) => {
    const begun = clock.now();
    let since = begun;
    // Times alone do not tell: the clock may have stepped back since the problem that led to the restart.
    const { occurrences } = live.incident;
    const { stoppedByPersonAt } = lifecycle.of(attempt.containerId);
    const { verifyFor, grace } = deps.policyOf(live.incident.container).values;
    // Signals are ignored during the grace period, so it does not count as stable time.
    const stableForMs = (grace + verifyFor) * 1000;
    const options = {
      containerId: attempt.containerId,
      stableForMs,
      deadlineMs: stableForMs + deps.verifySlackMs,
      recurred: () => live.incident.occurrences > occurrences && live.incident.lastSeenAt > since,
      stoppedByOperator() {
        const { stoppedByPersonAt: at = 0 } = lifecycle.of(attempt.containerId);
        return at !== stoppedByPersonAt && at > since;
      },
      signal: deps.stopping,
      unconfirmed: unconfirmed && {
        ...unconfirmed,
        since: attempt.startedAt,
        onRestarted() {
          since = clock.now();
          unconfirmed.onRestarted();
        },
      },
    };
    const { outcome, detail } = await tracing.span(
      SPANS.verify,
      () => verify(options, { control: deps.untracedControl, clock }),
      ({ outcome, strategy }) => ({ outcome, verifyStrategy: strategy }),
    );
    if (deps.stopping.aborted && outcome === 'unknown') throw new AgentStopping();
    observer.verification({ outcome, durationMs: clock.now() - begun });
    return finish(attempt, outcome, detail);
  };

  const finish = async (attempt: Attempt, outcome: Outcome, detail: string): Promise<Attempt> => {
    const finishedAt = clock.now();
    await keep('the outcome of a restart', store.finishAttempt(attempt.id, { outcome, detail, finishedAt }));
    observer.restart({ containerName: attempt.containerName, outcome });
    logger.info(outcome === 'error' ? 'not restarted' : 'restarted', {
      incident: attempt.incidentId,
      container: attempt.containerName,
      outcome,
      detail,
    });
    return { ...attempt, outcome, detail, finishedAt };
  };

  const stateAfter = async (before: ContainerFacts, containerId: string): Promise<Refusal> => {
    const after = await deps.untracedControl.inspect(containerId).catch(() => before);
    if (after === undefined || after.status === 'removing' || after.status === 'dead') return 'gone';
    return before.status === 'running' && after.status !== 'running' ? 'down' : 'unchanged';
  };

  return {
    async restartAndVerify(live, facts, { attemptId, onBegun, onRestarted }) {
      const { container } = live.incident;
      const restartOver = lifecycle.expectRestart(container.id);
      try {
        const restarted = await tracing.span(
          SPANS.restart(container.name),
          () => restart(live.incident, facts, { ...deps, attempts: store, attemptId, onBegun }),
          ({ kind }) => (kind === 'refused' ? { outcome: 'error' } : {}),
        );
        onRestarted();
        const { attempt } = restarted;
        if (restarted.kind === 'refused') {
          const refused = await stateAfter(facts, container.id);
          return { attempt: await finish(attempt, 'error', REFUSED[refused](restarted.detail)), refused };
        }
        if (restarted.answer !== 'done') {
          const unconfirmed = { received: restarted.answer === 'late', onRestarted: restartOver };
          return { attempt: await verifyAttempt(live, attempt, unconfirmed) };
        }
        restartOver();
        return { attempt: await verifyAttempt(live, attempt) };
      } finally {
        restartOver();
      }
    },

    async verifyInterrupted(live, attempt) {
      const restartOver = lifecycle.expectRestart(attempt.containerId);
      try {
        return await verifyAttempt(live, attempt, { received: false, onRestarted: restartOver });
      } finally {
        restartOver();
      }
    },
  };
}

/** Why `restartAndVerify` rejected. */
export function whyNotMade(error: unknown): DecisionReason {
  return error instanceof FleetLimitReached ? 'fleet_restart_limit' : 'store_unavailable';
}

const REFUSED: Readonly<Record<Refusal, (why: string) => string>> = {
  down: (why) => `it was running; the restart could not start it again, and it is down now (${why})`,
  gone: () => 'it was removed during the restart',
  unchanged: (why) => why,
};
