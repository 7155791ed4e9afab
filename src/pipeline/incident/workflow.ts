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
 * | decided    | a decision not to restart and not to ask       | handling        | with the alert                       |
 * | asking     | a decision to ask, a request                   | handling        | as diagnosed; the request is kept    |
 * | restarting | a restart attempt without outcome              | handling        | verify; it is never restarted again  |
 * | restarted  | a restart attempt with outcome                 | handling        | with the alert, or the next round    |
 * | settled    | settled_at                                     | settled         | counts repeats until it is resolved  |
 * | waiting    | settled_at, a waiting request                  | settled         | as settled; the request still waits  |
 * | approved   | an approved request, a decision to restart, no | handling        | as diagnosed, with the approval for  |
 * |            | attempt with the request's id                  |                 | as long as the request is valid      |
 * | snoozed    | settled_at, the decision `snoozed`             | settled         | handled when the snooze ends         |
 * | member     | settled_at, a cause in another incident        | settled         | as settled; see members.ts           |
 * | resolved   | state resolved                                 | forgotten       | never                                |
 *
 * A second and later rounds go through `diagnosed` to `restarted` again. A request that waits becomes approved, denied,
 * expired or withdrawn (people/requests.ts). The transaction that stores an approval also ends the state `settled`; the
 * attempt gets the id of the request, so that there is never a second one. A denied or expired request leaves the
 * incident settled, with that decision.
 */
import type { Alert, AlertKind } from '../../domain/alert.ts';
import type { Decision } from '../../domain/decision.ts';
import type { Diagnosis } from '../../domain/diagnosis.ts';
import type { TraceLink } from '../../domain/incident.ts';
import { AgentStopping } from '../../errors.ts';
import type { Correlator } from '../correlate/correlate.ts';
import { isAboutState, rootOf, toMembers } from '../correlate/members.ts';
import type { Notifier } from '../notify/notify.ts';
import type { Snoozes } from '../people/snoozes.ts';
import type { PeopleRecords, RestartRequest } from '../ports/people.ts';
import type { IncidentCase } from '../ports/store.ts';
import { SPANS } from '../tracing.ts';
import { type AlertOccasion, buildAlert } from './alert.ts';
import type { LiveIncident, OpenIncidents } from './open-incidents.ts';
import { type Approval, createRounds, type Folded, type Round, type RoundDeps } from './round.ts';
import { settleMs } from './settle-time.ts';
import { storedState } from './stored-state.ts';

export interface WorkflowDeps extends Omit<RoundDeps, 'onRestarting'> {
  readonly incidents: OpenIncidents;
  readonly notify: Notifier['notify'];
  readonly snoozes: Pick<Snoozes, 'of' | 'holdsBack' | 'endingKey'>;
  readonly people: Pick<PeopleRecords, 'requestsOf'>;
  /** The round that an approval led to has ended. */
  onApproved(request: RestartRequest, round: Round): void;
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
  /**
   * Restarts the container of a settled incident with a person's approval, if every other gate is open. Resolves with the
   * last round; undefined if the approval had no effect. Never rejects.
   */
  approve(live: LiveIncident, approval: Approval): Promise<Round | undefined>;
  /** Handles a settled incident once more and alerts. Resolves with the last round, if any. Never rejects. */
  handleAgain(live: LiveIncident, again: Again): Promise<Round | undefined>;
}

/** Why an incident that people know of is handled once more. */
export type Again =
  /** The key is part of the alert's id: an interrupted attempt to send it is repeated, but it is sent once. */
  | { readonly kind: 'snooze_ended'; readonly key: string; readonly note: string }
  /** A person wants another diagnosis. */
  | { readonly kind: 'asked'; readonly key: string };

export function createWorkflow(deps: WorkflowDeps): Workflow {
  const { store, clock, logger, tracing } = deps;
  const rounds = createRounds({ ...deps, onRestarting: (live, round) => progress(live, round, 'restarting') });
  const { keep } = rounds;

  const handle = async (live: LiveIncident, trace: TraceLink | undefined): Promise<Round | Folded> => {
    live.incident = { ...live.incident, trace };
    await tracing.span(SPANS.settle, async () => {
      deps.diagnoser.prepare();
      deps.surroundings.prepare(live);
      await Promise.all([clock.sleep(settleMs(live, clock.now()), deps.stopping), save(live)]);
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

  /** Runs further rounds while restarts fail. Returns the last round. */
  const untilSettled = async (
    live: LiveIncident,
    first: Round | Folded,
    firstAlert: AlertOccasion = { kind: 'diagnosed' },
  ): Promise<Round | Folded> => {
    for (let round = first; ; ) {
      if (typeof round === 'string') return round;
      if (live.cause !== undefined) return 'member';
      const { outcome } = round.attempt ?? {};
      const failed = !round.isLast && (outcome === 'failed' || outcome === 'error');
      await progress(live, round, 'outcome');
      const occasion = occasionOf(round, { failed, first: round === first ? firstAlert : undefined });
      if (occasion !== undefined) await notify(live, round, occasion);
      if (round.request !== undefined && round.attempt !== undefined) deps.onApproved(round.request, round);
      if (!failed) return round;
      await rounds.backOff(live);
      if (deps.stopping.aborted) throw new AgentStopping();
      round = await rounds.run(live, round.ordinal + 1);
    }
  };

  const notify = async (live: LiveIncident, round: Omit<Round, 'ordinal'>, occasion: AlertOccasion): Promise<void> => {
    if (round.decision.kind === 'record' && round.decision.reason !== 'snoozed') return;
    if (deps.snoozes.holdsBack(live.incident) || round.decision.kind === 'record') return;
    await deps.notify(await alertOf(live, round, occasion), live.incident.trace);
  };

  const alertOf = async (
    live: LiveIncident,
    round: Omit<Round, 'ordinal'>,
    occasion: AlertOccasion,
  ): Promise<Alert> => {
    const members = toMembers(live, deps.correlator.membersOf(live));
    if (members.length > 0) {
      live.incident = { ...live.incident, members };
      await keep('the members of an incident', store.saveIncident(live.incident));
    }
    const restarts = await rounds.restartsLastHour(live);
    return buildAlert(live.incident, round, restarts, occasion, clock.now());
  };

  const progress = async (
    live: LiveIncident,
    round: Omit<Round, 'ordinal'>,
    kind: 'restarting' | 'outcome',
  ): Promise<void> => {
    if (round.attempt === undefined || round.decision.kind === 'record') return;
    await deps.notify(await alertOf(live, round, { kind, update: round.attempt.id }), live.incident.trace);
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
    if (folded === 'unclaimed') return;
    if (folded === 'snoozed') deps.snoozes.holdsBack(live.incident);
    await deps.requests.withdraw(id);
    const decision = { kind: 'record', reason: folded === 'snoozed' ? 'snoozed' : 'dependency_down' } as const;
    deps.observer.decision(decision);
    logger.info(FOLDED[folded], {
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

  /** One piece of work on an incident begins when the one before has ended. */
  const inTurn = (live: LiveIncident, work: () => Promise<void>): Promise<void> => {
    live.work = (live.work ?? Promise.resolve()).then(() => guarded(live, work));
    return live.work;
  };

  /**
   * Handles a settled incident once more. `start` makes the first round. `alertOf`: the alert about it; undefined if there
   * is no news.
   */
  const handleSettled = async (
    live: LiveIncident,
    start: (diagnosis: Diagnosis | undefined) => Promise<Round | Folded>,
    alertOf: (first: Round) => AlertOccasion | undefined = () => ({ kind: 'diagnosed' }),
  ): Promise<Round | undefined> => {
    if (live.phase !== 'settled' || live.resolvedAt !== undefined || deps.stopping.aborted) return undefined;
    const { incident } = live;
    const stored = await store.lastCase({ ...incident.container, fingerprint: incident.fingerprint });
    const first = await start(stored?.incident.id === incident.id ? stored.diagnosis : undefined);
    if (first === 'unclaimed') return undefined;
    const occasion = typeof first === 'string' ? undefined : alertOf(first);
    const last = occasion === undefined ? first : await untilSettled(live, first, occasion);
    await settle(live, last);
    return typeof last === 'string' ? undefined : last;
  };

  const unsettle = async (live: LiveIncident): Promise<void> => {
    live.phase = 'handling';
    await keep('that an incident is handled again', store.saveUnsettled(live.incident.id));
  };

  const decideAnew = (live: LiveIncident, diagnosis: Diagnosis): Promise<Round | Folded> =>
    rounds.resume(live, { state: 'diagnosed', diagnosis });

  const inTraceOf = <T>({ incident }: LiveIncident, work: () => Promise<T>): Promise<T> =>
    tracing.incident(incident, incident.trace, work);

  const resume = async (live: LiveIncident, stored: IncidentCase): Promise<Round | Folded> => {
    const requests = await deps.people.requestsOf(live.incident.id).catch(() => []);
    const approved = requests.findLast(({ state }) => state === 'approved');
    const state = storedState(stored, approved);
    const first = await rounds.resume(live, state, approved);
    const isLate = state.state === 'diagnosed' && stored.decision?.reason === 'approved_by_person';
    if (isLate && approved && typeof first !== 'string' && !first.attempt) deps.onApproved(approved, first);
    const again = typeof first !== 'string' && first.ordinal === 0 ? deps.snoozes.endingKey(live.incident) : undefined;
    return untilSettled(live, first, { kind: 'diagnosed', again });
  };

  return {
    // The trace ends with the alert.
    handle: (live) =>
      inTurn(live, async () =>
        settle(live, await tracing.incident(live.incident, undefined, (trace) => handle(live, trace))),
      ),

    resume: (live, stored) => inTurn(live, async () => settle(live, await inTraceOf(live, () => resume(live, stored)))),

    decideAgain: (live, change) =>
      inTurn(live, async () => {
        if (deps.snoozes.holdsBack(live.incident)) return;
        await inTraceOf(live, () =>
          handleSettled(
            live,
            async (diagnosis) => {
              if (diagnosis === undefined) return 'unclaimed';
              await unsettle(live);
              return decideAnew(live, diagnosis);
            },
            ({ decision }) => (isNoNews(decision, change) ? undefined : { kind: change }),
          ),
        );
      }),

    async approve(live, approval) {
      let last: Round | undefined;
      await inTurn(live, async () => {
        last = await handleSettled(live, async (diagnosis) =>
          diagnosis === undefined ? 'unclaimed' : rounds.approve(live, diagnosis, approval),
        );
      });
      return last;
    },

    async handleAgain(live, again) {
      let last: Round | undefined;
      await inTurn(live, async () => {
        if (live.cause !== undefined || deps.snoozes.of(live.incident) !== undefined) return;
        const start = async (diagnosis: Diagnosis | undefined): Promise<Round | Folded> => {
          await unsettle(live);
          if (again.kind === 'asked') return rounds.askAgain(live);
          const round = diagnosis === undefined ? await rounds.run(live, 0) : await decideAnew(live, diagnosis);
          if (typeof round === 'string') return round;
          return { ...round, because: [round.because, again.note].filter((text) => text !== undefined).join('; ') };
        };
        last = await inTraceOf(live, () =>
          handleSettled(live, start, ({ decision }) =>
            again.kind === 'snooze_ended' && isNoNews(decision) ? undefined : { kind: 'diagnosed', again: again.key },
          ),
        );
      });
      return last;
    },
  };
}

const FOLDED: Readonly<Record<Exclude<Folded, 'unclaimed'>, string>> = {
  member: 'belongs to another incident',
  passed: 'the dependency is back',
  snoozed: 'a person has snoozed it',
};

/** Which alert a round causes, if any. */
function occasionOf(
  { ordinal, decision, request }: Round,
  { failed, first }: { readonly failed: boolean; readonly first?: AlertOccasion },
): AlertOccasion | undefined {
  if (request !== undefined && decision.kind !== 'ask') return { kind: 'diagnosed', update: 1 };
  if (first?.again !== undefined) return first;
  if (decision.reason === 'restart_limit') return { kind: 'repeated_failure' };
  if (first !== undefined && first.kind !== 'diagnosed') return first;
  if (request !== undefined) return { kind: 'diagnosed' };
  return ordinal === 0 || !failed ? { kind: 'diagnosed', update: Math.min(ordinal, 1) } : undefined;
}

/** The change is over, or a person is dealing with it. */
function isNoNews({ reason }: Decision, change?: AlertKind): boolean {
  if (reason === 'engine_restarting') return change === 'engine_gave_up';
  return reason === 'operator_action' || reason === 'recreate_in_progress' || reason === 'already_recovered';
}
