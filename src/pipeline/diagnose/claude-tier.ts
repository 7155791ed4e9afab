import type { SkipReason } from '../../domain/diagnosis.ts';
import type { Incident } from '../../domain/incident.ts';
import { type ClaudeFailure, describeClaudeFailure } from '../../domain/model-failures.ts';
import type { Clock } from '../../lib/time.ts';
import type { Observer } from '../observer.ts';
import type { ClaudePort, DiagnosisContext } from '../ports/model.ts';
import type { Ledger } from '../ports/store.ts';
import { type ClaudeLimitsStatus, createClaudeLimits, type QuestionAdmission } from './claude-limits.ts';
import { keepQuestion, type QuestionKeeper } from './stored-question.ts';
import { type Answered, checked } from './tier.ts';

export interface ClaudeTierDeps extends QuestionKeeper {
  /** Absent without an API key. */
  readonly claude?: ClaudePort;
  readonly ledger: Ledger;
  readonly observer: Observer;
  readonly clock: Clock;
  readonly limits: { readonly diagnosesPerHour: number; readonly spendPerDayUsd: number };
  /** The number of watched services, for the fair share of each. */
  services(): number;
}

/** A question to Claude, within its limits. */
export interface ClaudeTier {
  ask(question: DiagnosisContext, strength: 'first' | 'strong', signal: AbortSignal): Promise<ClaudeTierAnswer>;
  prepare(): void;
  status(): ClaudeLimitsStatus;
}

/** `costUsd`: failed requests included. */
export type ClaudeTierAnswer =
  | (Answered & { readonly costUsd: number })
  /** `cause`: how the latest request failed, if failures are the reason. */
  | {
      readonly kind: 'unanswered';
      readonly reason: SkipReason | ClaudeFailure;
      readonly cause?: ClaudeFailure;
      readonly costUsd: number;
    };

export function createClaudeTier(deps: ClaudeTierDeps): ClaudeTier {
  const { claude, clock, logger, observer } = deps;
  const limits = createClaudeLimits(deps);
  let lastFailure: ClaudeFailure | undefined;

  const admit = (incident: Incident): Promise<QuestionAdmission> =>
    limits.admit(incident).catch((error: unknown): QuestionAdmission => {
      // Without the ledger no cap can be enforced.
      logger.error('the ledger of requests cannot be used, so Claude is not asked', { error: String(error) });
      return { kind: 'refused', reason: 'store_unavailable' };
    });

  const notAsked = (reason: SkipReason): ClaudeTierAnswer => {
    observer.diagnosisSkipped(reason);
    const cause = reason === 'circuit_open' && lastFailure !== undefined ? { cause: lastFailure } : {};
    return { kind: 'unanswered', reason, ...cause, costUsd: 0 };
  };

  return {
    async ask(question, strength, signal) {
      if (!claude) return notAsked('no_key');
      const { incident } = question;
      const admission = await admit(incident);
      if (admission.kind === 'refused') return notAsked(admission.reason);
      const startedAt = clock.now();
      const answer = await claude.ask(question, strength, signal).catch((error: unknown) => {
        admission.end({ kind: 'withdrawn' });
        throw error;
      });
      const requests = answer.requests.map((request) => ({
        ...request,
        incidentId: incident.id,
        containerName: incident.container.name,
      }));
      for (const request of requests) observer.claudeRequest(request);
      const model = requests.at(-1)?.model ?? '';
      await keepQuestion(deps, incident, { at: startedAt, model, strength, text: answer.question });
      await deps.ledger.recordRequests(requests).catch((error: unknown) => {
        logger.error('the cost of requests to Claude could not be stored', { error: String(error) });
      });
      const costUsd = requests.reduce((sum, request) => sum + request.costUsd, 0);
      admission.end({ ...answer, costUsd });
      const outcome = answer.kind === 'answered' ? 'ok' : 'failed';
      observer.diagnosis({ tier: 'claude', outcome, durationMs: clock.now() - startedAt });
      lastFailure = answer.kind === 'failed' ? answer.reason : undefined;
      if (answer.kind === 'answered') return { ...checked({ ...answer, by: 'claude' }, question, observer), costUsd };
      if (answer.reason === 'invalid') observer.diagnosisCheck('schema', 'failed');
      logger.warn('no diagnosis from Claude', {
        reason: answer.reason,
        detail: describeClaudeFailure(answer.reason),
        incident: incident.id,
      });
      return { kind: 'unanswered', reason: answer.reason, costUsd };
    },
    prepare: () => claude?.prepare?.(),
    status: limits.status,
  };
}
