/** The page `/api/scorecard`: actual and possible restarts, and their results. */
import type { DecisionKind, DecisionReason, Verdict } from '../domain/decision.ts';
import type { Detector } from '../domain/incident.ts';
import type { CaseResult, Scorecard, Tally } from '../pipeline/incident/scorecard.ts';

interface TallyView {
  readonly would_have_restarted: number;
  readonly restarted: number;
  readonly came_back: number;
  readonly restarted_by_person: number;
  readonly still_broken: number;
  readonly recovered: number;
  readonly failed: number;
  readonly unknown: number;
  readonly verdicts: { readonly right: number; readonly wrong: number };
}

/** The JSON response. Times are ISO 8601. */
export interface ScorecardView {
  readonly overall: TallyView;
  readonly containers: Readonly<Record<string, TallyView>>;
  /** Newest last. */
  readonly cases: readonly {
    readonly id: string;
    readonly container: string;
    readonly decided_at: string;
    readonly detector: Detector;
    readonly summary: string;
    readonly decision: DecisionKind;
    readonly reason: DecisionReason;
    readonly what_happened: CaseResult;
    readonly verdict: Verdict | null;
    readonly note: string | null;
  }[];
}

export function toScorecardView({ overall, containers, cases }: Scorecard): ScorecardView {
  return {
    overall: toTallyView(overall),
    containers: Object.fromEntries(containers.map((one) => [one.container, toTallyView(one)])),
    cases: cases.map((one) => ({
      id: one.incidentId,
      container: one.containerName,
      decided_at: new Date(one.decidedAt).toISOString(),
      detector: one.detector,
      summary: one.summary,
      decision: one.decision.kind,
      reason: one.decision.reason,
      what_happened: one.result,
      verdict: one.verdict ?? null,
      note: one.note ?? null,
    })),
  };
}

function toTallyView({ wouldHaveRestarted, restarted, results, right, wrong }: Tally): TallyView {
  return { would_have_restarted: wouldHaveRestarted, restarted, ...results, verdicts: { right, wrong } };
}
