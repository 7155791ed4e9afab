import type { ContainerFacts } from '../../domain/containers.ts';
import type { Attempt, Decision } from '../../domain/decision.ts';
import type { Diagnosis } from '../../domain/diagnosis.ts';
import type { Incident } from '../../domain/incident.ts';
import { AgentStopping } from '../../errors.ts';
import { createSemaphore, type Permit } from '../../lib/limit.ts';
import type { Logger } from '../../lib/log.ts';
import { createKeyedMutex } from '../../lib/mutex.ts';
import { absenceAssessment } from '../correlate/absence.ts';
import { AFTER_MS, type Correlator } from '../correlate/correlate.ts';
import { sufferingOf } from '../correlate/members.ts';
import { backOffMs, failuresInARow } from '../decide/restart-history.ts';
import type { Collector } from '../diagnose/collect.ts';
import type { Diagnoser } from '../diagnose/diagnose.ts';
import { diagnosisByRule, withSurroundings } from '../diagnose/rules-in-context.ts';
import type { SurroundingsGatherer } from '../diagnose/surroundings.ts';
import type { Lifecycle } from '../lifecycle/lifecycle.ts';
import type { Observer } from '../observer.ts';
import type { Requests } from '../people/requests.ts';
import { describeSource } from '../policy/resolve.ts';
import type { ContainerControl } from '../ports/engine.ts';
import type { DiagnosisContext } from '../ports/model.ts';
import type { EvidenceStore } from '../ports/pages.ts';
import type { RestartRequest } from '../ports/people.ts';
import type { AttemptStore, IncidentStore } from '../ports/store.ts';
import { createRestarts, type Refusal, whyNotMade } from '../restart/attempt.ts';
import { SPANS } from '../tracing.ts';
import { type Approved, createEvaluation, type Evaluated, type EvaluationDeps } from './evaluate.ts';
import { toEvidence } from './evidence.ts';
import type { LiveIncident } from './open-incidents.ts';
import type { StoredState } from './stored-state.ts';
import { waitUntil } from './waiting.ts';

export interface RoundDeps extends Omit<EvaluationDeps, 'restartsLastHour' | 'restartsOnHost'> {
  readonly correlator: Pick<Correlator, 'correlate'>;
  readonly collector: Collector;
  readonly surroundings: SurroundingsGatherer;
  readonly diagnoser: Pick<Diagnoser, 'diagnose' | 'prepare'>;
  readonly control: Pick<ContainerControl, 'inspect' | 'list' | 'restart'>;
  /** Not traced: verification calls it every second. */
  readonly untracedControl: Pick<ContainerControl, 'inspect'>;
  readonly store: IncidentStore & AttemptStore & Pick<EvidenceStore, 'saveEvidence'> & { healthy(): boolean };
  readonly observer: Observer;
  readonly logger: Logger;
  readonly newId: () => string;
  readonly requests: Pick<Requests, 'open' | 'withdraw'>;
  /** How much longer than its stable time a restarted container may take to recover, ms. */
  readonly verifySlackMs: number;
  readonly lifecycle: Pick<Lifecycle, 'of' | 'expectRestart'>;
  /** Called with every decision and the facts it is based on. */
  onDecided(incident: Incident, decision: Decision, facts: ContainerFacts | undefined): void;
  /** The attempt is stored. Must not reject. */
  onRestarting(live: LiveIncident, round: Omit<Round, 'ordinal'>): Promise<void>;
  /** Aborted when the agent stops: what merely waits is left to the next run. */
  readonly stopping: AbortSignal;
  /** Aborted some seconds later: until then, paid answers may still arrive. */
  readonly stopNow: AbortSignal;
}

/** One pass through collect → diagnose → decide → restart → verify. */
export interface Round {
  /** The number of restarts for the incident before this round. */
  readonly ordinal: number;
  readonly context: DiagnosisContext;
  readonly diagnosis: Diagnosis;
  readonly decision: Decision;
  /** See Alert. Absent also if an earlier run of the agent decided. */
  readonly because?: string;
  /** The request that waits for a person, or that a person approved. */
  readonly request?: RestartRequest;
  readonly attempt?: Attempt;
  /** No further round follows, whatever the outcome. */
  readonly isLast?: true;
}

/**
 * The incident gets no alert now. `member`: it belongs to another container's incident. `passed`: its dependency is back.
 * `snoozed`: a person has snoozed it. `unclaimed`: an approval had no effect, so nothing has changed.
 */
export type Folded = 'member' | 'passed' | 'snoozed' | 'unclaimed';

/** A restart that a person approved. */
export interface Approval extends Approved {
  /**
   * Called with the decision just before the restart. False: leave the incident as it is. Absent: the answer was stored
   * by an earlier run of the agent, which did not begin the restart.
   */
  claim?(evaluated: Evaluated): Promise<boolean>;
  /** The restart attempt is stored, and the engine is called next. */
  begun?(): void;
}

type Diagnosed = Pick<Round, 'ordinal' | 'context' | 'diagnosis'>;

export interface Rounds {
  /** Throws AgentStopping when the agent stops in the meantime. */
  run(live: LiveIncident, ordinal: number): Promise<Round | Folded>;
  /** The same, but without an earlier diagnosis: a person wants another one. */
  askAgain(live: LiveIncident): Promise<Round | Folded>;
  /** Completes the round in which an earlier run of the agent stopped. `approved`: by a person, in that run. */
  resume(live: LiveIncident, stored: StoredState, approved?: RestartRequest): Promise<Round | Folded>;
  /** Decides again about a diagnosed incident, with a person's approval. */
  approve(live: LiveIncident, diagnosis: Diagnosis, approval: Approval): Promise<Round | Folded>;
  /** The wait before the next round. None once the restart limit is reached: that round only notifies. */
  backOff(live: LiveIncident): Promise<void>;
  /** Restarts of its service by the agent, oldest first. */
  restartsLastHour(live: LiveIncident): Promise<readonly Attempt[]>;
  /** Logs a failed write. A failing store must not prevent an alert; it prevents restarts through `healthy()`. */
  keep(what: string, write: Promise<void>): Promise<void>;
}

const HOUR_MS = 3_600_000;
/** A busy host can start only a few containers at a time. Further restarts wait. */
const RESTARTS_AT_ONCE = 8;

/** Incidents are handled concurrently, but decide, restart and verify of one container run one after the other. */
export function createRounds(deps: RoundDeps): Rounds {
  const { store, clock, logger, observer, tracing } = deps;
  const containers = createKeyedMutex();
  const oneAtATime = <T>({ incident }: LiveIncident, work: () => Promise<T>) => containers(incident.container.id, work);
  const acquireRestart = createSemaphore(RESTARTS_AT_ONCE);

  const keep: Rounds['keep'] = async (what, write) => {
    await write.catch((error: unknown) => logger.error(`${what} could not be stored`, { error: String(error) }));
  };
  const restarts = createRestarts({ ...deps, keep });

  const restartsLastHour: Rounds['restartsLastHour'] = (live) =>
    store.attemptsSince(live.incident.container, clock.now() - HOUR_MS).catch(() => []);
  const restartsOnHost = (): Promise<number> => store.countAttemptsSince(clock.now() - HOUR_MS).catch(() => 0);
  const restartsFor = async ({ id, container, openedAt }: Incident): Promise<number> => {
    const ofService = await store.attemptsSince(container, openedAt).catch(() => []);
    return ofService.filter(({ incidentId }) => incidentId === id).length;
  };

  const collect = (live: LiveIncident): Promise<DiagnosisContext> =>
    tracing.span(
      SPANS.collect,
      () => deps.collector.context(live.incident, live.evidence),
      (context) => ({ context }),
    );

  /** Looks for the cause of a new incident in other containers. */
  const correlate = async (live: LiveIncident, context: DiagnosisContext): Promise<Folded | undefined> => {
    const correlation = await tracing.span(
      SPANS.correlate,
      () => deps.correlator.correlate(live, context),
      ({ kind }) => ({ correlation: { kind, evidence: live.cause?.evidence } }),
    );
    if (deps.stopping.aborted) throw new AgentStopping();
    switch (correlation.kind) {
      case 'member':
      case 'passed':
        return correlation.kind;
      case 'external':
      case 'unknown':
        live.incident = { ...live.incident, cause: correlation };
        break;
      case 'own':
        break;
      default:
        return correlation satisfies never;
    }
    return undefined;
  };

  const diagnose = async (live: LiveIncident, ordinal: number, again: boolean): Promise<Diagnosed | Folded> => {
    const collected = await collect(live);
    if (deps.stopping.aborted) throw new AgentStopping();
    live.phase = 'handling';
    live.incident = { ...live.incident, summary: collected.incident.summary };
    const folded = ordinal === 0 ? await correlate(live, collected) : undefined;
    const [surroundings] = await Promise.all([
      folded ? {} : deps.surroundings.gather(live, collected),
      keep('the incident', store.saveIncident(live.incident)),
    ]);
    const context = { ...collected, ...surroundings, incident: live.incident };
    await keep('the evidence', store.saveEvidence(live.incident.id, toEvidence(context, live.evidence, clock.now())));
    if (folded) return folded;
    if (live.cause !== undefined) return 'member';
    const known = absenceAssessment(live.incident);
    const diagnosis = await tracing.span(
      SPANS.diagnose,
      async () =>
        known === undefined
          ? deps.diagnoser.diagnose(context, ordinal > 0, deps.stopNow, again)
          : diagnosisByRule(withSurroundings(known, context), clock.now()),
      (diagnosis) => ({ diagnosis }),
    );
    if (live.cause !== undefined) return 'member';
    live.severity = diagnosis.severity;
    await keep('a diagnosis', store.saveDiagnosis(live.incident.id, diagnosis));
    observer.incidentDiagnosed({ containerName: live.incident.container.name, severity: diagnosis.severity });
    return { ordinal, context, diagnosis };
  };

  const evaluate = createEvaluation({ ...deps, restartsLastHour, restartsOnHost });

  const decideAndRestart = async (
    live: LiveIncident,
    diagnosed: Diagnosed,
    approval?: Approval,
  ): Promise<Round | Folded> => {
    let decided = await evaluate(live, diagnosed, approval);
    if (decided.decision.kind === 'restart' && sufferingOf(live) !== undefined) {
      // A dependency may still turn out to be the cause, and then a restart would not help. A person does not wait.
      const until = approval?.claim === undefined ? live.incident.openedAt + AFTER_MS : clock.now();
      await waitUntil(live, { what: 'to see whether a dependency is the cause', until }, deps);
      if (deps.stopping.aborted) throw new AgentStopping();
      const folded = live.cause === undefined ? await correlate(live, diagnosed.context) : 'member';
      if (folded !== undefined) return folded;
      decided = await evaluate(live, diagnosed, approval);
    }
    if (live.cause !== undefined) return 'member';
    const permit = decided.decision.kind === 'restart' ? await acquireRestart() : undefined;
    try {
      if (permit?.waited) {
        if (deps.stopping.aborted) throw new AgentStopping();
        // In the meantime it may have recovered, or a person may have stopped it.
        decided = await evaluate(live, diagnosed, approval);
      }
      if (approval?.claim !== undefined && !(await approval.claim(decided))) return 'unclaimed';
      await saveDecision(live, decided);
      const { decision, facts, because } = decided;
      const round = { ...diagnosed, decision, because };
      if (decision.kind === 'restart' && facts) return await restart(live, facts, round, permit, approval);
      const request = decision.kind === 'ask' && facts ? await deps.requests.open(live.incident, facts) : undefined;
      if (request === undefined) await deps.requests.withdraw(live.incident.id);
      return { ...round, request };
    } finally {
      permit?.release();
    }
  };

  const saveDecision = async ({ incident }: LiveIncident, evaluated: Evaluated): Promise<void> => {
    const { decision, gates, because, facts, policy } = evaluated;
    observer.decision(decision);
    await keep('a decision', store.saveDecision(incident.id, { ...decision, gates, because }));
    deps.onDecided(incident, decision, facts);
    logger.info('decided', {
      incident: incident.id,
      container: incident.container.name,
      ...decision,
      restart_policy: `${policy.values.restart} (${describeSource(policy.sources.restart)})`,
    });
  };

  /** The next attempt would fail the same way, so the round is the last one. */
  const afterRefusal = async (live: LiveIncident, round: Round, refused: Refusal): Promise<Round> => {
    if (refused === 'gone') {
      const decision = { kind: 'notify', reason: 'container_gone' } as const;
      await keep('a decision', store.saveDecision(live.incident.id, decision));
      return { ...round, decision, isLast: true };
    }
    if (refused === 'unchanged') return { ...round, isLast: true };
    const diagnosis = { ...round.diagnosis, severity: 'high' as const };
    live.severity = 'high';
    await keep('a diagnosis', store.saveDiagnosis(live.incident.id, diagnosis));
    return { ...round, diagnosis, isLast: true };
  };

  const restart = async (
    live: LiveIncident,
    facts: ContainerFacts,
    decided: Round,
    permit?: Permit,
    approval?: Approval,
  ): Promise<Round> => {
    const round = { ...decided, request: approval?.request };
    try {
      const { attempt, refused } = await restarts.restartAndVerify(live, facts, {
        attemptId: approval?.request.id,
        onBegun(attempt) {
          approval?.begun?.();
          return deps.onRestarting(live, { ...round, attempt });
        },
        onRestarted: () => permit?.release(),
      });
      return refused === undefined ? { ...round, attempt } : await afterRefusal(live, { ...round, attempt }, refused);
    } catch (error) {
      if (error instanceof AgentStopping) throw error;
      logger.error('the restart was not made', { incident: live.incident.id, error: String(error) });
      const decision = { kind: 'notify', reason: whyNotMade(error) } as const;
      await keep('a decision', store.saveDecision(live.incident.id, decision));
      return { ...round, decision };
    }
  };

  const run = async (live: LiveIncident, ordinal: number, again = false): Promise<Round | Folded> => {
    if (deps.snoozes.of(live.incident) !== undefined) return 'snoozed';
    const diagnosed = await diagnose(live, ordinal, again);
    if (typeof diagnosed === 'string') return diagnosed;
    return oneAtATime(live, () => decideAndRestart(live, diagnosed));
  };

  return {
    keep,
    restartsLastHour,
    run: (live, ordinal) => run(live, ordinal),
    askAgain: async (live) => run(live, await restartsFor(live.incident), true),

    async approve(live, diagnosis, approval) {
      const diagnosed = { ordinal: await restartsFor(live.incident), context: await collect(live), diagnosis };
      return oneAtATime(live, () => decideAndRestart(live, diagnosed, approval));
    },

    async resume(live, stored, approved) {
      switch (stored.state) {
        case 'opened':
          return run(live, 0);
        case 'diagnosed': {
          const ordinal = await restartsFor(live.incident);
          const context = await collect(live);
          const folded = await correlate(live, context);
          if (folded !== undefined) return folded;
          const diagnosed = { ordinal, context, diagnosis: stored.diagnosis };
          const approval = approved && { request: approved, by: approved.answeredBy };
          return oneAtATime(live, () => decideAndRestart(live, diagnosed, approval));
        }
        case 'decided': {
          const { diagnosis, decision } = stored;
          return { ordinal: await restartsFor(live.incident), context: await collect(live), diagnosis, decision };
        }
        case 'restarting':
        case 'restarted': {
          const { diagnosis, decision, attempt } = stored;
          const ordinal = Math.max(0, (await restartsFor(live.incident)) - 1);
          const request = attempt.id === approved?.id ? approved : undefined;
          const round = { ordinal, context: await collect(live), diagnosis, decision, attempt, request };
          if (stored.state === 'restarted') return round;
          await deps.onRestarting(live, round);
          return { ...round, attempt: await oneAtATime(live, () => restarts.verifyInterrupted(live, attempt)) };
        }
        case 'settled':
        case 'resolved':
          throw new Error(`a ${stored.state} incident has no round to resume`);
        default:
          return stored satisfies never;
      }
    },

    async backOff(live) {
      const { container } = live.incident;
      const attempts = await restartsLastHour(live);
      if (attempts.length >= deps.policyOf(container).values.maxRestartsPerHour) return;
      const pauseMs = backOffMs(failuresInARow(container.id, attempts));
      await waitUntil(live, { what: 'before the next restart', until: clock.now() + pauseMs }, deps);
    },
  };
}
