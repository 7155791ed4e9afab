import type {
  Alert,
  AlertKind,
  Attempt,
  ContainerFacts,
  ContainerRef,
  Decision,
  Diagnosis,
  DiagnosisContext,
  Incident,
  ListedContainer,
  Signal,
  TraceLink,
} from '../domain.ts';
import type { Acted } from './act.ts';
import type { DecideInput } from './decide.ts';
import type { Incidents, LiveIncident } from './incidents.ts';
import type { Observer } from './observer.ts';
import { isBeingReplaced } from './policy/deployments.ts';
import { describeSource, type PolicyOf } from './policy/resolve.ts';
import { backOffMs, failuresInARow, restartHistory } from './policy/restart-history.ts';
import type { AttemptStore, Clock, ContainerControl, IncidentCase, IncidentStore, Logger } from './ports.ts';
import { serializeByKey } from './serialize.ts';
import type { Verdict, VerifyOptions } from './verify.ts';

/** The stages as the walk calls them; app.ts weaves telemetry around each. */
export interface Stages {
  redactSummary(incident: Incident): Promise<Incident>;
  /** Waits until `settled` first: the rest of a stack trace, or the death that follows an error, is still on its way. */
  collect(incident: () => Incident, signals: readonly Signal[], settled: Promise<void>): Promise<DiagnosisContext>;
  diagnose(context: DiagnosisContext, comeback: boolean, signal: AbortSignal): Promise<Diagnosis>;
  decide(input: DecideInput): Decision;
  restart(incident: Incident, facts: ContainerFacts): Promise<Acted>;
  verify(options: VerifyOptions): Promise<Verdict>;
  notify(alert: Alert, trace: TraceLink | undefined): Promise<void>;
}

export interface WalkDeps {
  readonly stages: Stages;
  readonly store: IncidentStore & AttemptStore & { healthy(): boolean };
  readonly control: Pick<ContainerControl, 'inspect' | 'list'>;
  readonly incidents: Incidents;
  readonly observer: Observer;
  readonly logger: Logger;
  readonly clock: Clock;
  /** The global switch: without it nothing is restarted. */
  readonly autoFix: boolean;
  /** The policy in force right now. */
  readonly policyOf: PolicyOf;
  /** How much longer than it must stay up a restarted container may take to recover. */
  readonly verifySlackMs: number;
  /** Runs `work` in the incident's trace, or in a new one linked to `earlier`. */
  traceIncident<T>(
    incident: Incident,
    earlier: TraceLink | undefined,
    work: (trace: TraceLink | undefined) => Promise<T>,
  ): Promise<T>;
  /** Tells the intake that stops and starts of this container are ours until the returned function is called. */
  expectRestart(containerId: string): () => void;
  stopRequestedAt(containerId: string): number | undefined;
  /** When it was created in the place of another container of its service. */
  deployedAt(container: ContainerRef): number | undefined;
  /** Told of every decision, with the facts it was made from. */
  onDecided(incident: Incident, decision: Decision, facts: ContainerFacts | undefined): void;
  /** Aborted when the agent stops: what merely waits is handed over to the next start. */
  readonly handover: AbortSignal;
  /** Aborted a little later: answers already paid for may still come in. */
  readonly giveUp: AbortSignal;
}

/** Evidence comes in for this long before anyone is asked (DESIGN: about half a second with the detector's own wait). */
const SETTLE_MS = 300;
const HOUR_MS = 3_600_000;
const EXCERPT_LINES = 8;

/** Thrown to leave the walk where the next start of the agent takes it up. */
class HandedOver extends Error {}

export interface Walk {
  /** Handles a newly opened incident to its end. Never rejects. */
  handle(live: LiveIncident): Promise<void>;
  /** Takes up an incident that an earlier run of the agent left unfinished. Never rejects. */
  resume(live: LiveIncident, left: IncidentCase): Promise<void>;
  /** An incident that was already told has become a crash loop. Never rejects. */
  tellLoop(live: LiveIncident): Promise<void>;
}

interface Round {
  readonly context: DiagnosisContext;
  readonly diagnosis: Diagnosis;
  readonly decision: Decision;
  readonly attempt?: Attempt;
}

/**
 * The walk of one incident: collect → diagnose → decide → act → verify → notify, again with the stronger
 * model where a restart did not help, until it recovered or a gate closes. Every step is on disk before it
 * has an effect. Incidents walk side by side; only decide, act and verify of one container take turns.
 */
export function createWalk(deps: WalkDeps): Walk {
  const { stages, store, clock, logger } = deps;
  const inTurn = serializeByKey();

  /** A store that fails must not keep anyone from being told; restarts are vetoed by `healthy()`. */
  const keep = async (what: string, write: Promise<void>): Promise<void> => {
    await write.catch((error: unknown) => logger.error(`${what} could not be written down`, { error: String(error) }));
  };

  const restartsLastHour = (live: LiveIncident): Promise<readonly Attempt[]> =>
    store.attemptsSince(live.incident.container, clock.now() - HOUR_MS).catch(() => []);

  /** Before the next round; none at the limit, where it only tells a person. */
  const backOff = async (live: LiveIncident): Promise<void> => {
    const { container } = live.incident;
    const restarts = await restartsLastHour(live);
    if (restarts.length >= deps.policyOf(container).values.maxRestartsPerHour) return;
    await clock.sleep(backOffMs(failuresInARow(container.id, restarts)), deps.handover);
  };

  const look = async (live: LiveIncident, round: number, settled: Promise<void>, trace: TraceLink | undefined) => {
    const context = await stages.collect(() => live.incident, live.evidence, settled);
    if (deps.handover.aborted) throw new HandedOver();
    live.phase = 'handling';
    live.incident = { ...live.incident, summary: context.incident.summary, trace: live.incident.trace ?? trace };
    await keep('an incident', store.saveIncident(live.incident));
    const diagnosis = await stages.diagnose(context, round > 0, deps.giveUp);
    live.severity = diagnosis.severity;
    await keep('a diagnosis', store.saveDiagnosis(live.incident.id, diagnosis));
    deps.observer.incidentDiagnosed({ containerName: live.incident.container.name, severity: diagnosis.severity });
    return { context, diagnosis };
  };

  const decideAndAct = async (live: LiveIncident, seen: Pick<Round, 'context' | 'diagnosis'>): Promise<Round> => {
    const { incident } = live;
    const { id } = incident.container;
    const facts = await deps.control.inspect(id).catch(() => seen.context.facts);
    const listed = await deps.control.list().catch(() => []);
    // The listing's name of the image is lost once its tag moves on; policy goes by the name.
    const container = { ...incident.container, image: facts?.image || incident.container.image };
    const policy = deps.policyOf(container);
    const decision = stages.decide({
      now: clock.now(),
      incident,
      diagnosis: seen.diagnosis,
      facts,
      autoFix: deps.autoFix,
      policy,
      restarts: restartHistory(incident, await restartsLastHour(live)),
      restartVetoed: seen.context.ruleFindings.some((found) => found.vetoesRestart),
      stopRequestedAt: deps.stopRequestedAt(id),
      deployedAt: deps.deployedAt(container),
      beingReplaced: isBeingReplaced(container, listed),
      networkDependants: networkDependants(listed, id),
      storeHealthy: store.healthy(),
    });
    deps.observer.decision(decision);
    await keep('a decision', store.saveDecision(incident.id, decision));
    deps.onDecided(incident, decision, facts);
    logger.info('decided', {
      incident: incident.id,
      container: container.name,
      ...decision,
      restart_policy: `${policy.values.restart} (${describeSource(policy.sources.restart)})`,
    });
    if (decision.kind !== 'restart' || !facts) return { ...seen, decision };
    return act(live, facts, { ...seen, decision });
  };

  const act = async (live: LiveIncident, facts: ContainerFacts, round: Round): Promise<Round> => {
    const restartOver = deps.expectRestart(live.incident.container.id);
    try {
      const acted = await stages.restart(live.incident, facts);
      if (acted.kind === 'refused') return { ...round, attempt: await finish(acted.attempt, 'error', acted.detail) };
      restartOver();
      return { ...round, attempt: await watch(live, acted.attempt) };
    } catch (error) {
      if (error instanceof HandedOver) throw error;
      logger.error('the restart was not made', { incident: live.incident.id, error: String(error) });
      return { ...round, decision: { kind: 'notify', reason: 'store_unavailable' } };
    } finally {
      restartOver();
    }
  };

  const watch = async (live: LiveIncident, attempt: Attempt): Promise<Attempt> => {
    const since = clock.now();
    const { verifyFor, grace } = deps.policyOf(live.incident.container).values;
    // In its grace nothing is noticed of it: that time proves nothing.
    const stableForMs = (grace + verifyFor) * 1000;
    const verdict = await stages.verify({
      containerId: attempt.containerId,
      stableForMs,
      deadlineMs: stableForMs + deps.verifySlackMs,
      recurred: () => live.incident.lastSeenAt > since,
      stoppedByOperator: () => (deps.stopRequestedAt(attempt.containerId) ?? 0) > since,
      signal: deps.handover,
    });
    if (deps.handover.aborted && verdict.outcome === 'unknown') throw new HandedOver();
    deps.observer.verification({ outcome: verdict.outcome, durationMs: clock.now() - since });
    return finish(attempt, verdict.outcome, verdict.detail);
  };

  const finish = async (
    attempt: Attempt,
    outcome: NonNullable<Attempt['outcome']>,
    detail: string,
  ): Promise<Attempt> => {
    const finishedAt = clock.now();
    await keep('an outcome', store.finishAttempt(attempt.id, { outcome, detail, finishedAt }));
    deps.observer.restart({ containerName: attempt.containerName, outcome });
    logger.info('restarted', { incident: attempt.incidentId, container: attempt.containerName, outcome, detail });
    return { ...attempt, outcome, detail, finishedAt };
  };

  /** `ordinal` tells the alerts of one incident apart. */
  const tell = async (live: LiveIncident, round: Round, kind: AlertKind, ordinal = 0): Promise<void> => {
    if (round.decision.kind === 'record') return;
    const restarts = await restartsLastHour(live);
    // Ids are derived, so that nothing is enqueued twice: not by a step repeated after a crash of the agent,
    // and not while a limit stays reached (then there is no newer restart).
    const subject = kind === 'repeated_failure' ? (restarts.at(-1)?.id ?? live.incident.id) : live.incident.id;
    const alert: Alert = {
      id: `${subject}/${kind}/${ordinal}`,
      kind,
      at: clock.now(),
      incident: live.incident,
      diagnosis: round.diagnosis,
      decision: round.decision,
      attempt: round.attempt,
      restartsLastHour: restarts.length,
      excerpt: excerptOf(round.context),
    };
    await stages.notify(alert, live.incident.trace);
  };

  const settle = async (live: LiveIncident, last: Round): Promise<void> => {
    live.phase = 'settled';
    await keep('an incident’s end', store.saveSettled(live.incident.id, clock.now()));
    if (last.attempt?.outcome === 'recovered') {
      deps.incidents.resolve(live);
      await keep('a recovery', store.resolveIncident(live.incident.id, clock.now()));
    }
  };

  /** Rounds until it recovered or a gate closed; gives the last. `first`: a round that an earlier run of the agent had begun. */
  const rounds = async (
    live: LiveIncident,
    trace: TraceLink | undefined,
    settled: Promise<void>,
    first?: Round,
  ): Promise<Round> => {
    const key = live.incident.container.id;
    for (let round = 0; ; round++) {
      const done =
        round === 0 && first
          ? first
          : await look(live, round, settled, trace).then((seen) => inTurn(key, () => decideAndAct(live, seen)));
      const failed = done.attempt?.outcome === 'failed' || done.attempt?.outcome === 'error';
      const limitReached = done.decision.reason === 'restart_limit';
      if (limitReached) {
        await tell(live, done, 'repeated_failure');
      } else if (round === 0 || !failed) {
        await tell(live, done, 'diagnosed', round === 0 ? 0 : 1);
      }
      if (!failed) return done;
      await backOff(live);
      if (deps.handover.aborted) throw new HandedOver();
    }
  };

  /** Where an earlier run of the agent had got to; undefined where nobody had been asked yet. */
  const roundOf = async (live: LiveIncident, left: IncidentCase, ready: Promise<void>): Promise<Round | undefined> => {
    const { diagnosis, decision, attempt } = left;
    if (!diagnosis) return undefined;
    const context = await stages.collect(() => live.incident, live.evidence, ready);
    const seen = { context, diagnosis };
    const key = live.incident.container.id;
    if (decision && decision.kind !== 'restart') return { ...seen, decision };
    if (!decision || !attempt) return inTurn(key, () => decideAndAct(live, seen));
    if (attempt.outcome !== undefined) return { ...seen, decision, attempt };
    // What the engine still has to tell of that restart is ours, too.
    deps.expectRestart(attempt.containerId)();
    return { ...seen, decision, attempt: await inTurn(key, () => watch(live, attempt)) };
  };

  const guarded = async (live: LiveIncident, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (error instanceof HandedOver || deps.handover.aborted) return;
      live.phase = 'settled';
      logger.error('an incident could not be handled to its end', {
        incident: live.incident.id,
        error: describe(error),
      });
    }
  };

  return {
    handle: (live) =>
      guarded(live, async () => {
        const last = await deps.traceIncident(live.incident, undefined, async (trace) => {
          const settled = clock.sleep(SETTLE_MS, deps.handover);
          const clean = await stages.redactSummary(live.incident);
          live.incident = { ...live.incident, summary: clean.summary, trace };
          logger.info('incident opened', {
            incident: live.incident.id,
            container: live.incident.container.name,
            detector: live.incident.detector,
            summary: live.incident.summary,
          });
          await keep('an incident', store.saveIncident(live.incident));
          return rounds(live, trace, settled);
        });
        // The trace ends with the alert; what is left is bookkeeping.
        await settle(live, last);
      }),

    resume: (live, left) =>
      guarded(live, async () => {
        const last = await deps.traceIncident(live.incident, left.incident.trace, async (trace) => {
          const ready = Promise.resolve();
          return rounds(live, trace, ready, await roundOf(live, left, ready));
        });
        await settle(live, last);
      }),

    tellLoop: (live) =>
      guarded(live, async () => {
        const last = await store.lastCase({ ...live.incident.container, fingerprint: live.incident.fingerprint });
        if (!last?.diagnosis || !last.decision) return;
        const context = await stages.collect(() => live.incident, live.evidence, Promise.resolve());
        await tell(
          live,
          { context, diagnosis: last.diagnosis, decision: last.decision, attempt: last.attempt },
          'crash_loop',
        );
      }),
  };
}

/** Running containers that live in this one's network namespace and would be left with a dead one. */
function networkDependants(listed: readonly ListedContainer[], containerId: string): string[] {
  return listed
    .filter((other) => other.networkMode === `container:${containerId}` && other.status === 'running')
    .map((other) => other.ref.name);
}

function excerptOf(context: DiagnosisContext): readonly string[] {
  if (context.detectors.includes('storm')) return context.evidence.map((text) => text.split('\n', 1)[0] ?? '');
  if (!context.detectors.includes('log')) return context.logLines.slice(-EXCERPT_LINES);
  return (context.evidence[0] ?? '').split('\n').slice(0, EXCERPT_LINES);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
