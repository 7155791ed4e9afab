import type { ClaudeFailure, Diagnosis, DiagnosisContext, Finding, Incident, SkipReason, Tier } from '../../domain.ts';
import type { Observer } from '../observer.ts';
import type { ClaudePort, Clock, IncidentCase, IncidentStore, Ledger, Logger } from '../ports.ts';
import { serialize } from '../serialize.ts';

export interface DiagnoseDeps {
  /** Absent without an API key. */
  readonly claude?: ClaudePort;
  readonly ledger: Ledger;
  readonly incidents: Pick<IncidentStore, 'lastCase'>;
  readonly observer: Observer;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly limits: { readonly diagnosesPerHour: number; readonly spendPerDayUsd: number };
}

export interface Diagnoser {
  /**
   * `comeback`: a restart in this very incident did not help. `signal` ends the question to Claude; the rules
   * answer then.
   */
  diagnose(context: DiagnosisContext, comeback: boolean, signal: AbortSignal): Promise<Diagnosis>;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A day: longer than any outage's repeats, short enough that what changed since is looked at anew. */
const KNOWN_FOR_MS = DAY_MS;
/** The strong model is asked about one comeback an hour: what it said stands that long. */
const STRONG_ANSWER_STANDS_MS = HOUR_MS;
/**
 * Held back from the budget for each question under way, in dollars: about twice what a full prompt and
 * answer cost on the strong model.
 */
const RESERVED_PER_ASK_USD = 0.05;

/** Asks in tiers: what is known of the problem, then Claude within its caps, then the rules. */
export function createDiagnoser(deps: DiagnoseDeps): Diagnoser {
  const gate = serialize();
  let underWay = 0;

  /** Checks the caps and, where they allow it, writes the question down before it is asked. */
  const admit = (incidentId: string): Promise<SkipReason | undefined> =>
    gate(async () => {
      const now = deps.clock.now();
      if ((await deps.ledger.asksSince(now - HOUR_MS)) >= deps.limits.diagnosesPerHour) return 'hourly_cap';
      const spent = await deps.ledger.spendSince(now - DAY_MS);
      const reserved = underWay * RESERVED_PER_ASK_USD;
      if (spent >= deps.limits.spendPerDayUsd || (underWay > 0 && spent + reserved >= deps.limits.spendPerDayUsd)) {
        return 'daily_spend';
      }
      await deps.ledger.recordAsk({ at: now, incidentId });
      underWay += 1;
      return undefined;
    });

  type Asked =
    | {
        readonly kind: 'answered';
        readonly finding: Finding;
        readonly model: string;
        readonly unsure: boolean;
        readonly costUsd: number;
      }
    | { readonly kind: 'not_asked'; readonly reason: SkipReason; readonly costUsd: 0 }
    | { readonly kind: 'failed'; readonly reason: ClaudeFailure; readonly costUsd: number };

  const ask = async (context: DiagnosisContext, strength: 'first' | 'strong', signal: AbortSignal): Promise<Asked> => {
    if (!deps.claude) return notAsked('no_key');
    const refused = await admit(context.incident.id).catch((error: unknown): SkipReason => {
      // Without the ledger no cap can be kept; the rules cost nothing.
      deps.logger.error('the ledger cannot be used, Claude is not asked', { error: String(error) });
      return 'daily_spend';
    });
    if (refused) return notAsked(refused);
    const startedAt = deps.clock.now();
    try {
      const answer = await deps.claude.ask(context, strength, signal);
      const requests = answer.requests.map((request) => ({
        ...request,
        incidentId: context.incident.id,
        containerName: context.incident.container.name,
      }));
      for (const request of requests) deps.observer.claudeRequest(request);
      await deps.ledger.recordRequests(requests).catch((error: unknown) => {
        deps.logger.error('spend could not be written down', { error: String(error) });
      });
      const costUsd = requests.reduce((sum, request) => sum + request.costUsd, 0);
      const outcome = answer.kind === 'answered' ? 'ok' : 'failed';
      deps.observer.diagnosis({ tier: 'claude', outcome, durationMs: deps.clock.now() - startedAt });
      if (answer.kind === 'failed') {
        deps.logger.warn('Claude gave no diagnosis, the built-in rules answer', {
          reason: answer.reason,
          incident: context.incident.id,
        });
        return { kind: 'failed', reason: answer.reason, costUsd };
      }
      const { finding, model, confidence } = answer;
      return { kind: 'answered', finding, model, unsure: confidence === 'low', costUsd };
    } finally {
      underWay -= 1;
    }
  };

  const notAsked = (reason: SkipReason): Asked => {
    deps.observer.diagnosisSkipped(reason);
    return { kind: 'not_asked', reason, costUsd: 0 };
  };

  return {
    async diagnose(context, comeback, signal) {
      const last = await deps.incidents.lastCase(keyOf(context.incident)).catch(() => undefined);
      const now = deps.clock.now();
      const failedBefore = comeback || cameBackAfterRestart(last, context.incident, now);
      const known = failedBefore ? strongAnswerThatStands(last, now) : reusable(last, context.incident, now);
      if (known && deps.claude) {
        deps.observer.diagnosis({ tier: 'known', outcome: 'ok', durationMs: 0 });
        return { ...known, tier: 'known', costUsd: 0, at: now };
      }

      const rules = context.ruleFindings.map((found) => found.rule);
      const question: DiagnosisContext =
        failedBefore && last?.diagnosis ? { ...context, previous: last.diagnosis } : context;
      const first = await ask(question, failedBefore ? 'strong' : 'first', signal);
      let best = first;
      let costUsd = first.costUsd;
      if (first.kind === 'answered' && first.unsure && !failedBefore) {
        const second = await ask(question, 'strong', signal);
        costUsd += second.costUsd;
        if (second.kind === 'answered') best = second;
      }
      const at = deps.clock.now();
      const common = { costUsd, at, answeredAt: at, afterFailedRestart: failedBefore };
      if (best.kind === 'answered') {
        return { ...best.finding, tier: 'claude', model: best.model, rules, ...common };
      }
      deps.observer.diagnosis({ tier: 'rules', outcome: 'ok', durationMs: 0 });
      return { ...ruleAnswer(context), tier: 'rules' satisfies Tier, rules, fallback: best.reason, ...common };
    },
  };
}

function keyOf(incident: Incident) {
  const { project, service } = incident.container;
  return { project, service, fingerprint: incident.fingerprint };
}

function ruleAnswer(context: DiagnosisContext): Finding {
  const strongest = context.ruleFindings[0];
  if (!strongest) throw new Error('the rules always give a finding');
  return strongest.finding;
}

function reusable(last: IncidentCase | undefined, incident: Incident, now: number): Diagnosis | undefined {
  if (!last?.diagnosis || last.diagnosis.tier === 'rules') return undefined;
  const sameImage = last.incident.container.image === incident.container.image;
  return sameImage && now - last.diagnosis.answeredAt <= KNOWN_FOR_MS ? last.diagnosis : undefined;
}

function cameBackAfterRestart(last: IncidentCase | undefined, incident: Incident, now: number): boolean {
  const attempt = last?.attempt;
  return attempt !== undefined && attempt.startedAt <= incident.openedAt && now - attempt.startedAt <= DAY_MS;
}

/** Set by the strong model where it was asked because the problem came back. */
function strongAnswerThatStands(last: IncidentCase | undefined, now: number): Diagnosis | undefined {
  const { diagnosis, attempt } = last ?? {};
  if (!diagnosis?.afterFailedRestart || !attempt) return undefined;
  return now - diagnosis.answeredAt <= STRONG_ANSWER_STANDS_MS ? diagnosis : undefined;
}
