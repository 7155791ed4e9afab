import type { Alert, AlertKind, Decision, Incident, TraceLink } from '../../domain.ts';
import type { DiagnosisContext, IncidentCase } from '../ports.ts';
import type { Incidents, LiveIncident } from './open-incidents.ts';
import { AgentStopping, createRounds, type Round, type RoundDeps, type RoundStages } from './round.ts';

/** The stages as the walk calls them; app.ts weaves telemetry around each. */
export interface Stages extends RoundStages {
  redactSummary(incident: Incident): Promise<Incident>;
  notify(alert: Alert, trace: TraceLink | undefined): Promise<void>;
}

export interface WalkDeps extends RoundDeps {
  readonly stages: Stages;
  readonly incidents: Incidents;
  /** Runs `work` in the incident's trace, or in a new one linked to `earlier`. */
  traceIncident<T>(
    incident: Incident,
    earlier: TraceLink | undefined,
    work: (trace: TraceLink | undefined) => Promise<T>,
  ): Promise<T>;
}

/** Evidence comes in for this long before anyone is asked (DESIGN: about half a second with the detector's own wait). */
const SETTLE_MS = 300;
const EXCERPT_LINES = 8;

export interface Walk {
  /** Handles a newly opened incident to its end. Never rejects. */
  handle(live: LiveIncident): Promise<void>;
  /** Takes up an incident that an earlier run of the agent left unfinished. Never rejects. */
  resume(live: LiveIncident, left: IncidentCase): Promise<void>;
  /**
   * Decides again about a settled incident, from the present state of its container, and notifies people of the change.
   * Never rejects.
   */
  decideAgain(live: LiveIncident, change: 'crash_loop' | 'engine_gave_up'): Promise<void>;
}

/**
 * The walk of one incident: rounds of collect → diagnose → decide → act → verify, again with the stronger model
 * where a restart did not help, until it recovered or a gate closes; it is told after the first round and at the
 * end.
 */
export function createWalk(deps: WalkDeps): Walk {
  const { stages, store, clock, logger } = deps;
  const rounds = createRounds(deps);
  const { keep } = rounds;

  /** `ordinal` tells the alerts of one incident apart. */
  const tell = async (
    live: LiveIncident,
    round: Omit<Round, 'ordinal'>,
    kind: AlertKind,
    ordinal = 0,
  ): Promise<void> => {
    if (round.decision.kind === 'record') return;
    const restarts = await rounds.restartsLastHour(live);
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
      because: round.because,
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
  const walkRounds = async (
    live: LiveIncident,
    trace: TraceLink | undefined,
    settled: Promise<void>,
    first?: Round,
    firstAlert: AlertKind = 'diagnosed',
  ): Promise<Round> => {
    let round = first ?? (await rounds.go(live, 0, settled, trace));
    for (;;) {
      const failed = round.attempt?.outcome === 'failed' || round.attempt?.outcome === 'error';
      if (round.decision.reason === 'restart_limit') {
        await tell(live, round, 'repeated_failure');
      } else if (round === first && firstAlert !== 'diagnosed') {
        await tell(live, round, firstAlert);
      } else if (round.ordinal === 0 || !failed) {
        await tell(live, round, 'diagnosed', round.ordinal === 0 ? 0 : 1);
      }
      if (!failed) return round;
      await rounds.backOff(live);
      if (deps.handover.aborted) throw new AgentStopping();
      round = await rounds.go(live, round.ordinal + 1, settled, trace);
    }
  };

  const guarded = async (live: LiveIncident, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (error instanceof AgentStopping || deps.handover.aborted) return;
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
          return walkRounds(live, trace, settled);
        });
        // The trace ends with the alert; what is left is bookkeeping.
        await settle(live, last);
      }),

    resume: (live, left) =>
      guarded(live, async () => {
        const last = await deps.traceIncident(live.incident, left.incident.trace, async (trace) => {
          const first = await rounds.takeUp(live, left);
          return walkRounds(live, trace, Promise.resolve(), first);
        });
        await settle(live, last);
      }),

    decideAgain: (live, change) =>
      guarded(live, async () => {
        const { incident } = live;
        const stored = await store.lastCase({ ...incident.container, fingerprint: incident.fingerprint });
        if (!stored?.diagnosis) return;
        live.phase = 'handling';
        const last = await deps.traceIncident(incident, incident.trace, async (trace) => {
          const round = await rounds.takeUp(live, { incident, diagnosis: stored.diagnosis });
          if (!round || isNoNews(round.decision, change)) return round;
          return walkRounds(live, trace, Promise.resolve(), round, change);
        });
        if (last) await settle(live, last);
        else live.phase = 'settled';
      }),
  };
}

/** The change is over, or a person is dealing with it. */
function isNoNews({ reason }: Decision, change: AlertKind): boolean {
  if (reason === 'engine_restarting') return change === 'engine_gave_up';
  return reason === 'operator_action' || reason === 'recreate_in_progress' || reason === 'already_recovered';
}

function excerptOf(context: DiagnosisContext): readonly string[] {
  if (context.incident.detectors.includes('storm')) return context.evidence.map((text) => text.split('\n', 1)[0] ?? '');
  if (!context.incident.detectors.includes('log')) return context.logLines.slice(-EXCERPT_LINES);
  return (context.evidence[0] ?? '').split('\n').slice(0, EXCERPT_LINES);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
