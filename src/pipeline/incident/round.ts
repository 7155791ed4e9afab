import type { ContainerFacts, ListedContainer } from '../../domain/containers.ts';
import type { Attempt, Decision, Gate } from '../../domain/decision.ts';
import type { Assessment, Diagnosis } from '../../domain/diagnosis.ts';
import type { Incident } from '../../domain/incident.ts';
import { AgentStopping } from '../../errors.ts';
import { createSemaphore, type Permit } from '../../lib/limit.ts';
import type { Logger } from '../../lib/log.ts';
import { createKeyedMutex } from '../../lib/mutex.ts';
import type { Clock } from '../../lib/time.ts';
import { absenceAssessment } from '../correlate/absence.ts';
import { AFTER_MS, type Correlator } from '../correlate/correlate.ts';
import { type DecideInput, decideWithGates } from '../decide/decide.ts';
import { backOffMs, failuresInARow, restartHistory } from '../decide/restart-history.ts';
import type { Collector } from '../diagnose/collect.ts';
import type { Diagnoser } from '../diagnose/diagnose.ts';
import { withSurroundings } from '../diagnose/rules-in-context.ts';
import type { GatherSurroundings } from '../diagnose/surroundings.ts';
import { isBeingReplaced } from '../lifecycle/deployment.ts';
import type { Lifecycle } from '../lifecycle/lifecycle.ts';
import type { Observer } from '../observer.ts';
import { describeSource, type PolicyOf, type ResolvedPolicy } from '../policy/resolve.ts';
import type { ContainerControl } from '../ports/engine.ts';
import type { DiagnosisContext } from '../ports/model.ts';
import type { EvidenceStore } from '../ports/pages.ts';
import type { AttemptStore, IncidentStore } from '../ports/store.ts';
import { createRestarts, type Refusal } from '../restart/attempt.ts';
import { SPANS, type Tracing } from '../tracing.ts';
import { decisionDetail } from './decision-detail.ts';
import { toEvidence } from './evidence.ts';
import type { LiveIncident } from './open-incidents.ts';
import type { StoredState } from './stored-state.ts';

export interface RoundDeps {
  readonly correlator: Pick<Correlator, 'correlate'>;
  readonly collector: Collector;
  readonly surroundings: GatherSurroundings;
  readonly diagnoser: Pick<Diagnoser, 'diagnose' | 'prepare'>;
  readonly control: Pick<ContainerControl, 'inspect' | 'list' | 'restart'>;
  /** Not traced: verification calls it every second. */
  readonly untracedControl: Pick<ContainerControl, 'inspect'>;
  readonly store: IncidentStore & AttemptStore & Pick<EvidenceStore, 'saveEvidence'> & { healthy(): boolean };
  readonly observer: Observer;
  readonly tracing: Tracing;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly newId: () => string;
  /** The global switch: without it nothing is restarted. */
  readonly autoFix: boolean;
  /** The most restarts of all containers together, in any hour. */
  readonly maxRestartsPerHourHost: number;
  /** The policy in force now. */
  readonly policyOf: PolicyOf;
  /** How much longer than its stable time a restarted container may take to recover, ms. */
  readonly verifySlackMs: number;
  readonly lifecycle: Pick<Lifecycle, 'of' | 'expectRestart'>;
  /** Called with every decision and the facts it is based on. */
  onDecided(incident: Incident, decision: Decision, facts: ContainerFacts | undefined): void;
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
  readonly attempt?: Attempt;
  /** No further round follows, whatever the outcome. */
  readonly isLast?: true;
}

/** The incident turned out to belong to another container's, or its dependency is back. It gets no alert of its own. */
export type Folded = 'member' | 'passed';

type Diagnosed = Pick<Round, 'ordinal' | 'context' | 'diagnosis'>;

interface Decided {
  readonly decision: Decision;
  readonly gates: readonly Gate[];
  readonly facts?: ContainerFacts;
  readonly policy: ResolvedPolicy;
  readonly because?: string;
}

export interface Rounds {
  /** Throws AgentStopping when the agent stops in the meantime. */
  run(live: LiveIncident, ordinal: number): Promise<Round | Folded>;
  /** Completes the round in which an earlier run of the agent stopped. */
  resume(live: LiveIncident, stored: StoredState): Promise<Round | Folded>;
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
  const { store, clock, logger, observer, tracing, control } = deps;
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

  const diagnose = async (live: LiveIncident, ordinal: number): Promise<Diagnosed | Folded> => {
    const collected = await collect(live);
    if (deps.stopping.aborted) throw new AgentStopping();
    live.phase = 'handling';
    live.incident = { ...live.incident, summary: collected.incident.summary };
    const folded = ordinal === 0 ? await correlate(live, collected) : undefined;
    await keep('the incident', store.saveIncident(live.incident));
    const saveEvidence = (context: DiagnosisContext) =>
      keep('the evidence', store.saveEvidence(live.incident.id, toEvidence(context, live.evidence, clock.now())));
    if (folded) {
      await saveEvidence(collected);
      return folded;
    }
    const context = { ...collected, ...(await deps.surroundings(live, collected)), incident: live.incident };
    const saved = saveEvidence(context);
    if (live.cause !== undefined) {
      await saved;
      return 'member';
    }
    const known = absenceAssessment(live.incident);
    const diagnosis = await tracing.span(
      SPANS.diagnose,
      async () =>
        known === undefined
          ? deps.diagnoser.diagnose(context, ordinal > 0, deps.stopNow)
          : knownDiagnosis(withSurroundings(known, context), clock.now()),
      (diagnosis) => ({ diagnosis }),
    );
    await saved;
    if (live.cause !== undefined) return 'member';
    live.severity = diagnosis.severity;
    await keep('a diagnosis', store.saveDiagnosis(live.incident.id, diagnosis));
    observer.incidentDiagnosed({ containerName: live.incident.container.name, severity: diagnosis.severity });
    return { ordinal, context, diagnosis };
  };

  const decideNow = async (live: LiveIncident, { context, diagnosis }: Diagnosed): Promise<Decided> => {
    const { incident } = live;
    const { id } = incident.container;
    const answer = await Promise.all([control.inspect(id), control.list()]).catch(() => undefined);
    const [facts, listed] = answer ?? [context.facts, []];
    const dependants = networkDependants(listed, id);
    // A listing shows the image's id once its tag has moved; policies match by name.
    const container = { ...incident.container, image: facts?.image || incident.container.image };
    const policy = deps.policyOf(container);
    const lifecycle = deps.lifecycle.of(id);
    const input: DecideInput = {
      now: clock.now(),
      incident,
      diagnosis,
      facts,
      engineAnswered: answer !== undefined,
      autoFix: deps.autoFix,
      maxRestartsPerHourHost: deps.maxRestartsPerHourHost,
      policy,
      restarts: restartHistory(incident, await restartsLastHour(live), await restartsOnHost(), clock.now()),
      restartVetoed: context.ruleMatches.some((match) => match.vetoesRestart),
      stopRequestedAt: lifecycle.stoppedByPersonAt,
      deployedAt: lifecycle.deployedAt,
      beingReplaced: isBeingReplaced(container, listed),
      networkDependants: dependants,
      storeHealthy: store.healthy(),
    };
    const { decision, gates } = tracing.span(
      SPANS.decide,
      () => decideWithGates(input),
      ({ decision }) => ({ decision }),
    );
    const because = decisionDetail(decision, { incident, facts, policy, networkDependants: dependants });
    return { decision, gates, facts, policy, because };
  };

  const decideAndRestart = async (live: LiveIncident, diagnosed: Diagnosed): Promise<Round | Folded> => {
    let decided = await decideNow(live, diagnosed);
    if (decided.decision.kind === 'restart' && live.suffers !== undefined) {
      // A dependency may still turn out to be the cause, and then a restart would not help.
      await clock.sleep(Math.max(0, live.incident.openedAt + AFTER_MS - clock.now()), deps.stopping);
      if (deps.stopping.aborted) throw new AgentStopping();
      const folded = live.cause === undefined ? await correlate(live, diagnosed.context) : 'member';
      if (folded !== undefined) return folded;
      decided = await decideNow(live, diagnosed);
    }
    if (live.cause !== undefined) return 'member';
    const permit = decided.decision.kind === 'restart' ? await acquireRestart() : undefined;
    try {
      if (permit?.waited) {
        if (deps.stopping.aborted) throw new AgentStopping();
        // In the meantime it may have recovered, or a person may have stopped it.
        decided = await decideNow(live, diagnosed);
      }
      await saveDecision(live, decided);
      const { decision, facts, because } = decided;
      if (decision.kind !== 'restart' || !facts) return { ...diagnosed, decision, because };
      return await restart(live, facts, { ...diagnosed, decision }, permit);
    } finally {
      permit?.release();
    }
  };

  const saveDecision = async ({ incident }: LiveIncident, decided: Decided): Promise<void> => {
    const { decision, gates, because, facts, policy } = decided;
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

  const restart = async (live: LiveIncident, facts: ContainerFacts, round: Round, permit?: Permit): Promise<Round> => {
    try {
      const { attempt, refused } = await restarts.restartAndVerify(live, facts, () => permit?.release());
      return refused === undefined ? { ...round, attempt } : await afterRefusal(live, { ...round, attempt }, refused);
    } catch (error) {
      if (error instanceof AgentStopping) throw error;
      logger.error('the restart was not made', { incident: live.incident.id, error: String(error) });
      return { ...round, decision: { kind: 'notify', reason: 'store_unavailable' } };
    }
  };

  const run: Rounds['run'] = async (live, ordinal) => {
    const diagnosed = await diagnose(live, ordinal);
    if (typeof diagnosed === 'string') return diagnosed;
    return oneAtATime(live, () => decideAndRestart(live, diagnosed));
  };

  return {
    keep,
    restartsLastHour,

    run,

    async resume(live, stored) {
      switch (stored.state) {
        case 'opened':
          return run(live, 0);
        case 'diagnosed': {
          const ordinal = await restartsFor(live.incident);
          const context = await collect(live);
          const folded = await correlate(live, context);
          if (folded !== undefined) return folded;
          const diagnosed = { ordinal, context, diagnosis: stored.diagnosis };
          return oneAtATime(live, () => decideAndRestart(live, diagnosed));
        }
        case 'decided': {
          const { diagnosis, decision } = stored;
          return { ordinal: await restartsFor(live.incident), context: await collect(live), diagnosis, decision };
        }
        case 'restarting':
        case 'restarted': {
          const { diagnosis, decision, attempt } = stored;
          const ordinal = Math.max(0, (await restartsFor(live.incident)) - 1);
          const round = { ordinal, context: await collect(live), diagnosis, decision, attempt };
          if (stored.state === 'restarted') return round;
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
      await clock.sleep(backOffMs(failuresInARow(container.id, attempts)), deps.stopping);
    },
  };
}

/** Running containers in this one's network namespace, which a restart would leave without a network. */
function networkDependants(listed: readonly ListedContainer[], containerId: string): string[] {
  return listed
    .filter((other) => other.networkMode === `container:${containerId}` && other.status === 'running')
    .map((other) => other.ref.name);
}

function knownDiagnosis(known: Assessment, now: number): Diagnosis {
  return { ...known, tier: 'rules', rules: [], costUsd: 0, at: now, answeredAt: now, afterFailedRestart: false };
}
