/**
 * The workflow of an incident: rounds of collect → diagnose → decide → restart → verify, until it has recovered or the
 * decision is not to restart. People are notified after the first round and about the end.
 *
 * Every state is stored before it has an effect. An agent that was stopped or killed resumes from what is stored.
 *
 * | state      | in the store                                   | phase in memory | how it resumes                       |
 * |------------|------------------------------------------------|-----------------|--------------------------------------|
 * | opened     | no diagnosis                                   | settling        | with a first round                   |
 * | diagnosed  | a diagnosis; no decision, or one to restart    | handling        | collect again, then decide           |
 * |            | without a restart attempt                      |                 |                                      |
 * | decided    | a decision other than to restart               | handling        | with the alert                       |
 * | restarting | a restart attempt without outcome              | handling        | verify; it is never restarted again  |
 * | restarted  | a restart attempt with outcome                 | handling        | with the alert, or the next round    |
 * | settled    | settled_at                                     | settled         | counts repeats until it is resolved  |
 * | member     | settled_at, a cause in another incident        | settled         | as settled; see members.ts           |
 * | resolved   | state resolved                                 | forgotten       | never                                |
 *
 * A second and later rounds go through `diagnosed` to `restarted` again.
 */
import type { Alert, AlertKind } from '../../domain/alert.ts';
import type { Decision } from '../../domain/decision.ts';
import type { TraceLink } from '../../domain/incident.ts';
import { AgentStopping } from '../../errors.ts';
import type { Correlator } from '../correlate/correlate.ts';
import { isAboutState, rootOf, toMembers } from '../correlate/members.ts';
import type { Notifier } from '../notify/notify.ts';
import type { IncidentCase } from '../ports/store.ts';
import { SPANS } from '../tracing.ts';
import { buildAlert } from './alert.ts';
import type { LiveIncident, OpenIncidents } from './open-incidents.ts';
import { createRounds, type Folded, type Round, type RoundDeps } from './round.ts';
import { storedState } from './stored-state.ts';

export interface WorkflowDeps extends Omit<RoundDeps, 'onRestarting'> {
  readonly incidents: OpenIncidents;
  readonly notify: Notifier['notify'];
  readonly correlator: Pick<Correlator, 'correlate' | 'membersOf'>;
  /** A restart has ended the problem. */
  onRecovered(live: LiveIncident): void;
}

export interface Workflow {
  /** Handles a new incident until it is settled. Never rejects. */
  handle(live: LiveIncident): Promise<void>;
  /** Continues an incident that an earlier run of the agent did not settle. Never rejects. */
  resume(live: LiveIncident, stored: IncidentCase): Promise<void>;
  /**
   * Decides again about a settled incident, from the present state of its container, and notifies people of the change.
   * Never rejects.
   */
  decideAgain(live: LiveIncident, change: 'crash_loop' | 'engine_gave_up'): Promise<void>;
}

/** How long further evidence is awaited: the rest of a stack trace, or the death that follows an error. */
const SETTLE_MS = 300;

export function createWorkflow(deps: WorkflowDeps): Workflow {
  const { store, clock, logger, tracing } = deps;
  const rounds = createRounds({ ...deps, onRestarting: (live, round) => progress(live, round, 'restarting') });
  const { keep } = rounds;

  const handle = async (live: LiveIncident, trace: TraceLink | undefined): Promise<Round | Folded> => {
    live.incident = { ...live.incident, trace };
    await tracing.span(SPANS.settle, async () => {
      deps.diagnoser.prepare();
      await Promise.all([clock.sleep(SETTLE_MS, deps.stopping), save(live)]);
    });
    return untilSettled(live, await rounds.run(live, 0));
  };

  const save = async (live: LiveIncident): Promise<void> => {
    const summary = await deps.collector.summary(live.incident);
    live.incident = { ...live.incident, summary };
    const { id, container, detector } = live.incident;
    logger.info('incident opened', { incident: id, container: container.name, detector, summary });
    await keep('the incident', store.saveIncident(live.incident));
  };

  const resume = async (live: LiveIncident, stored: IncidentCase): Promise<Round | Folded> => {
    return untilSettled(live, await rounds.resume(live, storedState(stored)));
  };

  /** Runs further rounds while restarts fail. Returns the last round. */
  const untilSettled = async (
    live: LiveIncident,
    first: Round | Folded,
    firstAlert: AlertKind = 'diagnosed',
  ): Promise<Round | Folded> => {
    for (let round = first; ; ) {
      if (typeof round === 'string') return round;
      if (live.cause !== undefined) return 'member';
      const { outcome } = round.attempt ?? {};
      const failed = !round.isLast && (outcome === 'failed' || outcome === 'error');
      await progress(live, round, 'outcome');
      if (round.decision.reason === 'restart_limit') await notify(live, round, 'repeated_failure');
      else if (round === first && firstAlert !== 'diagnosed') await notify(live, round, firstAlert);
      else if (round.ordinal === 0 || !failed) await notify(live, round, 'diagnosed', Math.min(round.ordinal, 1));
      if (!failed) return round;
      await rounds.backOff(live);
      if (deps.stopping.aborted) throw new AgentStopping();
      round = await rounds.run(live, round.ordinal + 1);
    }
  };

  const notify = async (
    live: LiveIncident,
    round: Omit<Round, 'ordinal'>,
    kind: AlertKind,
    update = 0,
  ): Promise<void> => {
    if (round.decision.kind === 'record') return;
    await deps.notify(await alertOf(live, round, kind, String(update)), live.incident.trace);
  };

  const alertOf = async (
    live: LiveIncident,
    round: Omit<Round, 'ordinal'>,
    kind: AlertKind,
    update: string,
  ): Promise<Alert> => {
    const members = toMembers(live, deps.correlator.membersOf(live));
    if (members.length > 0) {
      live.incident = { ...live.incident, members };
      await keep('the members of an incident', store.saveIncident(live.incident));
    }
    const restarts = await rounds.restartsLastHour(live);
    return buildAlert(live.incident, round, restarts, kind, update, clock.now());
  };

  const progress = async (
    live: LiveIncident,
    round: Omit<Round, 'ordinal'>,
    kind: 'restarting' | 'outcome',
  ): Promise<void> => {
    if (round.attempt === undefined || round.decision.kind === 'record') return;
    await deps.notify(await alertOf(live, round, kind, round.attempt.id), live.incident.trace);
  };

  const settle = async (live: LiveIncident, last: Round | Folded): Promise<void> => {
    live.phase = 'settled';
    if (typeof last === 'string') {
      await settleFolded(live, last);
      return;
    }
    if (last.decision.kind !== 'record') observeCause(live);
    await keep('the end of an incident', store.saveSettled(live.incident.id, clock.now()));
    if (last.attempt?.outcome === 'recovered') {
      await resolve(live);
      deps.onRecovered(live);
    }
  };

  const settleFolded = async (live: LiveIncident, folded: Folded): Promise<void> => {
    const { id, container } = live.incident;
    const decision = { kind: 'record', reason: 'dependency_down' } as const;
    deps.observer.decision(decision);
    logger.info(folded === 'member' ? 'belongs to another incident' : 'the dependency is back', {
      incident: id,
      container: container.name,
      ...(live.cause && { cause: rootOf(live).incident.id, evidence: live.cause.evidence }),
    });
    await keep('the incident', store.saveIncident(live.incident));
    await keep('a decision', store.saveDecision(id, decision));
    await keep('the end of an incident', store.saveSettled(id, clock.now()));
    if (folded === 'passed') await resolve(live);
  };

  const resolve = async (live: LiveIncident): Promise<void> => {
    deps.incidents.resolve(live);
    await keep('a recovery', store.resolveIncident(live.incident.id, clock.now()));
  };

  const observeCause = (live: LiveIncident): void => {
    const { members = [], cause } = live.incident;
    deps.observer.incidentMembers(members.length + 1);
    if (members.length === 0 && cause === undefined) return;
    deps.observer.causeFound(
      cause === undefined ? (isAboutState(live) ? 'engine' : 'log') : cause.kind === 'incident' ? 'engine' : cause.kind,
    );
  };

  const guarded = async (live: LiveIncident, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (error instanceof AgentStopping || deps.stopping.aborted) return;
      live.phase = 'settled';
      logger.error('an incident could not be handled', {
        incident: live.incident.id,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    }
  };

  // The trace ends with the alert.
  const handleIncident = (live: LiveIncident): Promise<void> =>
    guarded(live, async () =>
      settle(live, await tracing.incident(live.incident, undefined, (trace) => handle(live, trace))),
    );

  return {
    handle: handleIncident,

    resume: (live, stored) =>
      guarded(live, async () =>
        settle(live, await tracing.incident(live.incident, stored.incident.trace, () => resume(live, stored))),
      ),

    decideAgain: (live, change) =>
      guarded(live, async () => {
        const { incident } = live;
        const stored = await store.lastCase({ ...incident.container, fingerprint: incident.fingerprint });
        if (!stored?.diagnosis) return;
        live.phase = 'handling';
        const diagnosed = { state: 'diagnosed', diagnosis: stored.diagnosis } as const;
        const last = await tracing.incident(incident, incident.trace, async () => {
          const round = await rounds.resume(live, diagnosed);
          return typeof round === 'string' || isNoNews(round.decision, change)
            ? round
            : untilSettled(live, round, change);
        });
        await settle(live, last);
      }),
  };
}

/** The change is over, or a person is dealing with it. */
function isNoNews({ reason }: Decision, change: AlertKind): boolean {
  if (reason === 'engine_restarting') return change === 'engine_gave_up';
  return reason === 'operator_action' || reason === 'recreate_in_progress' || reason === 'already_recovered';
}
