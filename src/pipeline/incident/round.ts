import type {
  Attempt,
  ContainerFacts,
  Decision,
  Diagnosis,
  Incident,
  ListedContainer,
  Signal,
  TraceLink,
} from '../../domain.ts';
import { createSemaphore, type Permit } from '../../lib/limit.ts';
import type { Logger } from '../../lib/log.ts';
import { createKeyedMutex } from '../../lib/mutex.ts';
import type { Clock } from '../../lib/time.ts';
import type { DecideInput } from '../decide/decide.ts';
import { backOffMs, failuresInARow, restartHistory } from '../decide/restart-history.ts';
import { isBeingReplaced } from '../lifecycle/deployment.ts';
import type { Lifecycle } from '../lifecycle/lifecycle.ts';
import type { Observer } from '../observer.ts';
import { describeSource, type PolicyOf, policyBehind } from '../policy/resolve.ts';
import type { AttemptStore, ContainerControl, DiagnosisContext, IncidentCase, IncidentStore } from '../ports.ts';
import type { Acted } from '../restart/restart.ts';
import type { Unanswered, Verification, VerifyOptions } from '../restart/verify.ts';
import type { LiveIncident } from './open-incidents.ts';

/** What a round calls; app.ts weaves telemetry around each. */
export interface RoundStages {
  /** Waits until `settled` first: the rest of a stack trace, or the death that follows an error, is still on its way. */
  collect(incident: () => Incident, signals: readonly Signal[], settled: Promise<void>): Promise<DiagnosisContext>;
  diagnose(context: DiagnosisContext, comeback: boolean, signal: AbortSignal): Promise<Diagnosis>;
  decide(input: DecideInput): Decision;
  restart(incident: Incident, facts: ContainerFacts): Promise<Acted>;
  verify(options: VerifyOptions): Promise<Verification>;
}

export interface RoundDeps {
  readonly stages: RoundStages;
  readonly store: IncidentStore & AttemptStore & { healthy(): boolean };
  readonly control: Pick<ContainerControl, 'inspect' | 'list'>;
  readonly observer: Observer;
  readonly logger: Logger;
  readonly clock: Clock;
  /** The global switch: without it nothing is restarted. */
  readonly autoFix: boolean;
  /** The policy in force right now. */
  readonly policyOf: PolicyOf;
  /** How much longer than it must stay up a restarted container may take to recover. */
  readonly verifySlackMs: number;
  readonly lifecycle: Pick<Lifecycle, 'of' | 'expectRestart'>;
  /** Told of every decision, with the facts it was made from. */
  onDecided(incident: Incident, decision: Decision, facts: ContainerFacts | undefined): void;
  /** Aborted when the agent stops: what merely waits is handed over to the next start. */
  readonly handover: AbortSignal;
  /** Aborted a little later: answers already paid for may still come in. */
  readonly giveUp: AbortSignal;
}

/** Thrown to leave the walk where the next start of the agent takes it up. */
export class AgentStopping extends Error {}

/** Once through collect → diagnose → decide → act → verify. */
export interface Round {
  /** From 0: how many restarts were made for the incident before. */
  readonly ordinal: number;
  readonly context: DiagnosisContext;
  readonly diagnosis: Diagnosis;
  readonly decision: Decision;
  /** See Alert; absent also where an earlier run of the agent decided. */
  readonly because?: string;
  readonly attempt?: Attempt;
}

type Seen = Pick<Round, 'ordinal' | 'context' | 'diagnosis'>;

export interface Rounds {
  /** Rejects with AgentStopping when the agent stops meanwhile. */
  go(live: LiveIncident, ordinal: number, settled: Promise<void>, trace: TraceLink | undefined): Promise<Round>;
  /** Ends the round that an earlier run of the agent was in; undefined where nobody had been asked yet. */
  takeUp(live: LiveIncident, left: IncidentCase): Promise<Round | undefined>;
  /** The wait before the next round; none at the limit, where it only tells a person. */
  backOff(live: LiveIncident): Promise<void>;
  /** Restarts of its service by us, oldest first. */
  restartsLastHour(live: LiveIncident): Promise<readonly Attempt[]>;
  /** A store that fails must not keep anyone from being told; restarts are vetoed by `healthy()`. */
  keep(what: string, write: Promise<void>): Promise<void>;
}

const HOUR_MS = 3_600_000;
/** What a busy host starts side by side; the rest of a hundred that fell together waits for its turn. */
const RESTARTS_AT_ONCE = 8;

/**
 * Every step is on disk before it has an effect. Incidents walk side by side; only decide, act and verify of one
 * container take turns.
 */
export function createRounds(deps: RoundDeps): Rounds {
  const { stages, store, clock, logger } = deps;
  const inTurn = createKeyedMutex();
  const acquireRestart = createSemaphore(RESTARTS_AT_ONCE);

  const keep: Rounds['keep'] = async (what, write) => {
    await write.catch((error: unknown) => logger.error(`${what} could not be written down`, { error: String(error) }));
  };

  const restartsLastHour: Rounds['restartsLastHour'] = (live) =>
    store.attemptsSince(live.incident.container, clock.now() - HOUR_MS).catch(() => []);

  const restartsMadeFor = async ({ id, container, openedAt }: Incident): Promise<number> => {
    const ofService = await store.attemptsSince(container, openedAt).catch(() => []);
    return ofService.filter(({ incidentId }) => incidentId === id).length;
  };

  const look = async (
    live: LiveIncident,
    ordinal: number,
    settled: Promise<void>,
    trace: TraceLink | undefined,
  ): Promise<Seen> => {
    const context = await stages.collect(() => live.incident, live.evidence, settled);
    if (deps.handover.aborted) throw new AgentStopping();
    live.phase = 'handling';
    live.incident = { ...live.incident, summary: context.incident.summary, trace: live.incident.trace ?? trace };
    await keep('an incident', store.saveIncident(live.incident));
    const diagnosis = await stages.diagnose(context, ordinal > 0, deps.giveUp);
    live.severity = diagnosis.severity;
    await keep('a diagnosis', store.saveDiagnosis(live.incident.id, diagnosis));
    deps.observer.incidentDiagnosed({ containerName: live.incident.container.name, severity: diagnosis.severity });
    return { ordinal, context, diagnosis };
  };

  const decideNow = async (live: LiveIncident, seen: Seen) => {
    const { incident } = live;
    const { id } = incident.container;
    const looked = await Promise.all([deps.control.inspect(id), deps.control.list()]).catch(() => undefined);
    const [facts, listed] = looked ?? [seen.context.facts, []];
    const dependants = networkDependants(listed, id);
    // The listing's name of the image is lost once its tag moves on; policy goes by the name.
    const container = { ...incident.container, image: facts?.image || incident.container.image };
    const policy = deps.policyOf(container);
    const lifecycle = deps.lifecycle.of(id);
    const decision = stages.decide({
      now: clock.now(),
      incident,
      diagnosis: seen.diagnosis,
      facts,
      engineAnswered: looked !== undefined,
      autoFix: deps.autoFix,
      policy,
      restarts: restartHistory(incident, await restartsLastHour(live), clock.now()),
      restartVetoed: seen.context.ruleMatches.some((found) => found.vetoesRestart),
      stopRequestedAt: lifecycle.stoppedByPersonAt,
      deployedAt: lifecycle.deployedAt,
      beingReplaced: isBeingReplaced(container, listed),
      networkDependants: dependants,
      storeHealthy: store.healthy(),
    });
    const because =
      decision.reason === 'shared_network'
        ? dependants.join(', ')
        : decision.reason === 'orchestrator_owns'
          ? facts?.orchestrator
          : policyBehind(decision.reason, policy);
    return { decision, facts, policy, because };
  };

  const decideAndAct = async (live: LiveIncident, seen: Seen): Promise<Round> => {
    const { incident } = live;
    let decided = await decideNow(live, seen);
    const permit = decided.decision.kind === 'restart' ? await acquireRestart() : undefined;
    try {
      if (permit?.waited) {
        if (deps.handover.aborted) throw new AgentStopping();
        // Meanwhile it may have recovered, or a person may be at it.
        decided = await decideNow(live, seen);
      }
      const { decision, facts, policy, because } = decided;
      deps.observer.decision(decision);
      await keep('a decision', store.saveDecision(incident.id, decision));
      deps.onDecided(incident, decision, facts);
      logger.info('decided', {
        incident: incident.id,
        container: incident.container.name,
        ...decision,
        restart_policy: `${policy.values.restart} (${describeSource(policy.sources.restart)})`,
      });
      if (decision.kind !== 'restart' || !facts) return { ...seen, decision, because };
      return await act(live, facts, { ...seen, decision }, permit);
    } finally {
      permit?.release();
    }
  };

  const act = async (live: LiveIncident, facts: ContainerFacts, round: Round, permit?: Permit): Promise<Round> => {
    const restartOver = deps.lifecycle.expectRestart(live.incident.container.id);
    try {
      const acted = await stages.restart(live.incident, facts);
      permit?.release();
      if (acted.kind === 'refused') return { ...round, attempt: await finish(acted.attempt, 'error', acted.detail) };
      if (acted.answer === 'done') restartOver();
      const unanswered =
        acted.answer === 'done' ? undefined : { asked: acted.answer === 'late', onRestarted: restartOver };
      return { ...round, attempt: await watch(live, acted.attempt, unanswered) };
    } catch (error) {
      if (error instanceof AgentStopping) throw error;
      logger.error('the restart was not made', { incident: live.incident.id, error: String(error) });
      return { ...round, decision: { kind: 'notify', reason: 'store_unavailable' } };
    } finally {
      restartOver();
    }
  };

  const watch = async (
    live: LiveIncident,
    attempt: Attempt,
    unanswered?: Omit<Unanswered, 'since'>,
  ): Promise<Attempt> => {
    const begun = clock.now();
    let since = begun;
    const { verifyFor, grace } = deps.policyOf(live.incident.container).values;
    // In its grace nothing is noticed of it: that time proves nothing.
    const stableForMs = (grace + verifyFor) * 1000;
    const verification = await stages.verify({
      containerId: attempt.containerId,
      stableForMs,
      deadlineMs: stableForMs + deps.verifySlackMs,
      recurred: () => live.incident.lastSeenAt > since,
      stoppedByOperator: () => (deps.lifecycle.of(attempt.containerId).stoppedByPersonAt ?? 0) > since,
      signal: deps.handover,
      unanswered: unanswered && {
        ...unanswered,
        since: attempt.startedAt,
        onRestarted() {
          since = clock.now();
          unanswered.onRestarted();
        },
      },
    });
    if (deps.handover.aborted && verification.outcome === 'unknown') throw new AgentStopping();
    deps.observer.verification({ outcome: verification.outcome, durationMs: clock.now() - begun });
    return finish(attempt, verification.outcome, verification.detail);
  };

  const finish = async (
    attempt: Attempt,
    outcome: NonNullable<Attempt['outcome']>,
    detail: string,
  ): Promise<Attempt> => {
    const finishedAt = clock.now();
    await keep('an outcome', store.finishAttempt(attempt.id, { outcome, detail, finishedAt }));
    deps.observer.restart({ containerName: attempt.containerName, outcome });
    logger.info(outcome === 'error' ? 'not restarted' : 'restarted', {
      incident: attempt.incidentId,
      container: attempt.containerName,
      outcome,
      detail,
    });
    return { ...attempt, outcome, detail, finishedAt };
  };

  /** Made, still being made, or never asked for: who was killed cannot know. It is looked at, never repeated. */
  const watchLeft = async (live: LiveIncident, attempt: Attempt): Promise<Attempt> => {
    const restartOver = deps.lifecycle.expectRestart(attempt.containerId);
    try {
      return await watch(live, attempt, { asked: false, onRestarted: restartOver });
    } finally {
      restartOver();
    }
  };

  return {
    keep,
    restartsLastHour,

    go: async (live, ordinal, settled, trace) => {
      const seen = await look(live, ordinal, settled, trace);
      return inTurn(live.incident.container.id, () => decideAndAct(live, seen));
    },

    async takeUp(live, { diagnosis, decision, attempt }) {
      if (!diagnosis) return undefined;
      const context = await stages.collect(() => live.incident, live.evidence, Promise.resolve());
      const made = await restartsMadeFor(live.incident);
      const key = live.incident.container.id;
      if (decision?.kind === 'restart' && attempt) {
        const round = { ordinal: Math.max(0, made - 1), context, diagnosis, decision };
        if (attempt.outcome !== undefined) return { ...round, attempt };
        return { ...round, attempt: await inTurn(key, () => watchLeft(live, attempt)) };
      }
      const seen = { ordinal: made, context, diagnosis };
      return decision && decision.kind !== 'restart'
        ? { ...seen, decision }
        : inTurn(key, () => decideAndAct(live, seen));
    },

    async backOff(live) {
      const { container } = live.incident;
      const restarts = await restartsLastHour(live);
      if (restarts.length >= deps.policyOf(container).values.maxRestartsPerHour) return;
      await clock.sleep(backOffMs(failuresInARow(container.id, restarts)), deps.handover);
    },
  };
}

/** Running containers that live in this one's network namespace and would be left with a dead one. */
function networkDependants(listed: readonly ListedContainer[], containerId: string): string[] {
  return listed
    .filter((other) => other.networkMode === `container:${containerId}` && other.status === 'running')
    .map((other) => other.ref.name);
}
