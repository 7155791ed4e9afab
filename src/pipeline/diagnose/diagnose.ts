import type { Assessment, ClaudeFailure, DiagnoseWith, Diagnosis, Incident, SkipReason, Tier } from '../../domain.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../lib/time.ts';
import type { Observer } from '../observer.ts';
import type { ClaudePort, DiagnosisContext, IncidentStore, Ledger, RuleMatch } from '../ports.ts';
import { createGate, type Entered, type GateStatus } from './gate.ts';
import { basisOf, cameBackAfterRestart, reusable, strongAnswerThatStands } from './known.ts';
import { isPlain } from './rules.ts';

export interface DiagnoseDeps {
  readonly diagnoseWith: DiagnoseWith;
  /** Absent without an API key. */
  readonly claude?: ClaudePort;
  readonly ledger: Ledger;
  readonly incidents: Pick<IncidentStore, 'lastCase'>;
  readonly observer: Observer;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly limits: { readonly diagnosesPerHour: number; readonly spendPerDayUsd: number };
  /** How many services are watched: one alone need not share. */
  services(): number;
}

export interface Diagnoser {
  /**
   * `comeback`: a restart in this very incident did not help. `signal` ends the question to Claude; the rules
   * answer then.
   */
  diagnose(context: DiagnosisContext, comeback: boolean, signal: AbortSignal): Promise<Diagnosis>;
  /** A question is likely: loads what it needs. */
  prepare(): void;
  /** Whether Claude may be asked now. */
  status(): GateStatus;
}

type Asked =
  | {
      readonly kind: 'answered';
      readonly assessment: Assessment;
      readonly model: string;
      readonly unsure: boolean;
      readonly costUsd: number;
    }
  /** `reason` is absent where a setting gives the word to the rules. */
  | { readonly kind: 'not_asked'; readonly reason?: SkipReason; readonly costUsd: 0 }
  | { readonly kind: 'failed'; readonly reason: ClaudeFailure; readonly costUsd: number };

/** Asks in tiers: what is known of the problem, then Claude within its caps, then the rules. */
export function createDiagnoser(deps: DiagnoseDeps): Diagnoser {
  const { clock, logger, observer } = deps;
  const gate = createGate(deps);
  const claude = deps.diagnoseWith === 'rules-only' ? undefined : deps.claude;

  const enter = (incident: Incident): Promise<Entered> =>
    gate.enter(incident).catch((error: unknown): Entered => {
      // Without the ledger no cap can be kept; the rules cost nothing.
      logger.error('the ledger cannot be used, Claude is not asked', { error: String(error) });
      return { kind: 'refused', reason: 'store_unavailable' };
    });

  const ask = async (context: DiagnosisContext, strength: 'first' | 'strong', signal: AbortSignal): Promise<Asked> => {
    if (deps.diagnoseWith === 'rules-only') return { kind: 'not_asked', costUsd: 0 };
    if (!claude) return notAsked('no_key');
    const entered = await enter(context.incident);
    if (entered.kind === 'refused') return notAsked(entered.reason);
    const startedAt = clock.now();
    const answer = await claude.ask(context, strength, signal).catch((error: unknown) => {
      entered.end({ kind: 'withdrawn' });
      throw error;
    });
    const requests = answer.requests.map((request) => ({
      ...request,
      incidentId: context.incident.id,
      containerName: context.incident.container.name,
    }));
    for (const request of requests) observer.claudeRequest(request);
    await deps.ledger.recordRequests(requests).catch((error: unknown) => {
      logger.error('spend could not be written down', { error: String(error) });
    });
    const costUsd = requests.reduce((sum, request) => sum + request.costUsd, 0);
    entered.end({ ...answer, costUsd });
    const outcome = answer.kind === 'answered' ? 'ok' : 'failed';
    observer.diagnosis({ tier: 'claude', outcome, durationMs: clock.now() - startedAt });
    if (answer.kind === 'failed') {
      logger.warn('Claude gave no diagnosis, the built-in rules answer', {
        reason: answer.reason,
        incident: context.incident.id,
      });
      return { kind: 'failed', reason: answer.reason, costUsd };
    }
    const { assessment, model, confidence } = answer;
    return { kind: 'answered', assessment, model, unsure: confidence === 'low', costUsd };
  };

  const notAsked = (reason: SkipReason): Asked => {
    observer.diagnosisSkipped(reason);
    return { kind: 'not_asked', reason, costUsd: 0 };
  };

  return {
    async diagnose(context, comeback, signal) {
      const last = await deps.incidents.lastCase(keyOf(context.incident)).catch(() => undefined);
      const now = clock.now();
      const basis = basisOf(context);
      const failedBefore = comeback || cameBackAfterRestart(last, context.incident, now);
      const strongest = strongestRule(context);
      const rulesSuffice = deps.diagnoseWith === 'rules-first' && isPlain(strongest.rule) && !failedBefore;
      const known = failedBefore ? strongAnswerThatStands(last, now) : reusable(last, context.incident, basis, now);
      if (known && claude && !rulesSuffice) {
        observer.diagnosis({ tier: 'known', outcome: 'ok', durationMs: 0 });
        return { ...known, tier: 'known', costUsd: 0, at: now };
      }

      const rules = context.ruleMatches.map((found) => found.rule);
      const question: DiagnosisContext =
        failedBefore && last?.diagnosis ? { ...context, previous: last.diagnosis } : context;
      const first: Asked = rulesSuffice
        ? { kind: 'not_asked', costUsd: 0 }
        : await ask(question, failedBefore ? 'strong' : 'first', signal);
      let best = first;
      let costUsd = first.costUsd;
      if (first.kind === 'answered' && first.unsure && !failedBefore) {
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
      return { ...strongest.assessment, tier: 'rules' satisfies Tier, rules, fallback: best.reason, ...common };
    },

    prepare: () => claude?.prepare?.(),
    status: gate.status,
  };
}

function keyOf(incident: Incident) {
  const { project, service } = incident.container;
  return { project, service, fingerprint: incident.fingerprint };
}

function strongestRule(context: DiagnosisContext): RuleMatch {
  const strongest = context.ruleMatches[0];
  if (!strongest) throw new Error('no built-in rule matched');
  return strongest;
}
