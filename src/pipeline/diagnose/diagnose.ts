import type { Assessment, ClaudeFailure, DiagnoseWith, Diagnosis, SkipReason, Tier } from '../../domain/diagnosis.ts';
import type { Incident } from '../../domain/incident.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../lib/time.ts';
import type { Observer } from '../observer.ts';
import type { ClaudeAnswer, ClaudePort, DiagnosisContext, RuleMatch } from '../ports/model.ts';
import type { EvidenceStore } from '../ports/pages.ts';
import type { IncidentStore, Ledger } from '../ports/store.ts';
import { type ClaudeLimitsStatus, createClaudeLimits, type QuestionAdmission } from './claude-limits.ts';
import { basisOf, recentStrongDiagnosis, recurredAfterRestart, reusable } from './known-diagnosis.ts';
import { isUnambiguous } from './rules.ts';
import { withSurroundings } from './rules-in-context.ts';

interface DiagnoseDeps {
  readonly diagnoseWith: DiagnoseWith;
  /** Absent without an API key. */
  readonly claude?: ClaudePort;
  readonly ledger: Ledger;
  readonly questions: Pick<EvidenceStore, 'saveQuestion'>;
  readonly incidents: Pick<IncidentStore, 'lastCase'>;
  readonly observer: Observer;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly limits: { readonly diagnosesPerHour: number; readonly spendPerDayUsd: number };
  /** The number of watched services, for the fair share of each. */
  services(): number;
}

export interface Diagnoser {
  /**
   * `restartFailed`: a restart for this incident did not help. `again`: a person wants another answer than the known one;
   * the strong model is asked. Rejects when `signal` aborts while Claude is asked.
   */
  diagnose(context: DiagnosisContext, restartFailed: boolean, signal: AbortSignal, again?: boolean): Promise<Diagnosis>;
  /** Call it when a diagnosis is likely: loads what is loaded on demand. */
  prepare(): void;
  /** Whether Claude may be asked now. */
  status(): ClaudeLimitsStatus;
}

type Answer =
  | {
      readonly kind: 'answered';
      readonly assessment: Assessment;
      readonly model: string;
      readonly unsure: boolean;
      readonly costUsd: number;
    }
  /** `reason` is absent if DIAGNOSE_WITH chooses the rules. */
  | { readonly kind: 'not_asked'; readonly reason?: SkipReason; readonly costUsd: 0 }
  | { readonly kind: 'failed'; readonly reason: ClaudeFailure; readonly costUsd: number };

/** Diagnoses in tiers: a known diagnosis of the same problem, Claude within its limits, the built-in rules. */
export function createDiagnoser(deps: DiagnoseDeps): Diagnoser {
  const { clock, logger, observer } = deps;
  const limits = createClaudeLimits(deps);
  const claude = deps.diagnoseWith === 'rules-only' ? undefined : deps.claude;

  const admit = (incident: Incident): Promise<QuestionAdmission> =>
    limits.admit(incident).catch((error: unknown): QuestionAdmission => {
      // Without the ledger no cap can be enforced.
      logger.error('the ledger of requests cannot be used, so Claude is not asked', { error: String(error) });
      return { kind: 'refused', reason: 'store_unavailable' };
    });

  const ask = async (context: DiagnosisContext, strength: 'first' | 'strong', signal: AbortSignal): Promise<Answer> => {
    if (deps.diagnoseWith === 'rules-only') return { kind: 'not_asked', costUsd: 0 };
    if (!claude) return notAsked('no_key');
    const admission = await admit(context.incident);
    if (admission.kind === 'refused') return notAsked(admission.reason);
    const startedAt = clock.now();
    const answer = await claude.ask(context, strength, signal).catch((error: unknown) => {
      admission.end({ kind: 'withdrawn' });
      throw error;
    });
    const requests = answer.requests.map((request) => ({
      ...request,
      incidentId: context.incident.id,
      containerName: context.incident.container.name,
    }));
    for (const request of requests) observer.claudeRequest(request);
    await saveQuestion(context.incident, strength, startedAt, answer);
    await deps.ledger.recordRequests(requests).catch((error: unknown) => {
      logger.error('the cost of requests to Claude could not be stored', { error: String(error) });
    });
    const costUsd = requests.reduce((sum, request) => sum + request.costUsd, 0);
    admission.end({ ...answer, costUsd });
    const outcome = answer.kind === 'answered' ? 'ok' : 'failed';
    observer.diagnosis({ tier: 'claude', outcome, durationMs: clock.now() - startedAt });
    if (answer.kind === 'failed') {
      logger.warn('no diagnosis from Claude; the built-in rules diagnose', {
        reason: answer.reason,
        incident: context.incident.id,
      });
      return { kind: 'failed', reason: answer.reason, costUsd };
    }
    const { assessment, model, confidence } = answer;
    return { kind: 'answered', assessment, model, unsure: confidence === 'low', costUsd };
  };

  const saveQuestion = async (
    incident: Incident,
    strength: 'first' | 'strong',
    at: number,
    { question: text, requests }: ClaudeAnswer,
  ): Promise<void> => {
    if (text === undefined) return;
    const question = { incidentId: incident.id, at, model: requests.at(-1)?.model ?? '', strength, text };
    await deps.questions.saveQuestion(question).catch((error: unknown) => {
      logger.error('a question could not be stored', { error: String(error) });
    });
  };

  const notAsked = (reason: SkipReason): Answer => {
    observer.diagnosisSkipped(reason);
    return { kind: 'not_asked', reason, costUsd: 0 };
  };

  return {
    async diagnose(context, restartFailed, signal, again = false) {
      const { container, fingerprint } = context.incident;
      const last = await deps.incidents.lastCase({ ...container, fingerprint }).catch(() => undefined);
      const now = clock.now();
      const basis = basisOf(context);
      const failedBefore = restartFailed || recurredAfterRestart(last, context.incident, now);
      const strongest = strongestRule(context);
      const rulesSuffice =
        deps.diagnoseWith === 'rules-first' && isUnambiguous(strongest.rule) && !failedBefore && !again;
      const known = failedBefore ? recentStrongDiagnosis(last, now) : reusable(last, context.incident, basis, now);
      if (known && claude && !rulesSuffice && !again) {
        observer.diagnosis({ tier: 'known', outcome: 'ok', durationMs: 0 });
        return { ...known, tier: 'known', costUsd: 0, at: now };
      }

      const rules = context.ruleMatches.map(({ rule }) => rule);
      const question: DiagnosisContext =
        failedBefore && last?.diagnosis ? { ...context, previous: last.diagnosis } : context;
      const strength = failedBefore || again ? 'strong' : 'first';
      const first: Answer = rulesSuffice ? { kind: 'not_asked', costUsd: 0 } : await ask(question, strength, signal);
      let best = first;
      let costUsd = first.costUsd;
      if (first.kind === 'answered' && first.unsure && strength === 'first') {
        const second = await ask(question, 'strong', signal);
        costUsd += second.costUsd;
        if (second.kind === 'answered') best = second;
      }
      const at = clock.now();
      const common = { costUsd, at, answeredAt: at, afterFailedRestart: failedBefore, basis };
      if (best.kind === 'answered') {
        return { ...best.assessment, tier: 'claude', model: best.model, rules, ...common };
      }
      observer.diagnosis({ tier: 'rules', outcome: 'ok', durationMs: 0 });
      const assessment = withSurroundings(strongest.assessment, question);
      return { ...assessment, tier: 'rules' satisfies Tier, rules, fallback: best.reason, ...common };
    },

    prepare: () => claude?.prepare?.(),
    status: limits.status,
  };
}

function strongestRule(context: DiagnosisContext): RuleMatch {
  const strongest = context.ruleMatches[0];
  if (!strongest) throw new Error('no built-in rule matched');
  return strongest;
}
