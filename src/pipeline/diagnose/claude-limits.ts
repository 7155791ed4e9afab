import type { SkipReason } from '../../domain/diagnosis.ts';
import type { Incident } from '../../domain/incident.ts';
import type { ClaudeFailure } from '../../domain/model-failures.ts';
import { FleetLimitReached } from '../../errors.ts';
import { createMutex } from '../../lib/mutex.ts';
import type { Clock } from '../../lib/time.ts';
import type { Ledger } from '../ports/store.ts';
import { admit, type Circuit, CLOSED, failed, succeeded, withdrawn } from './circuit.ts';
import { createFairShare } from './fair-share.ts';

/** Whether Claude may be asked: the hourly cap, the daily spend, the fair share of a service, the circuit breaker. */
interface ClaudeLimits {
  /** If it admits the question, the ledger counts it from then on. Rejects if the ledger cannot be used. */
  admit(incident: Incident): Promise<QuestionAdmission>;
  status(): ClaudeLimitsStatus;
}

export type QuestionAdmission =
  | { readonly kind: 'refused'; readonly reason: SkipReason }
  /** `end` must be called once, whatever the result. */
  | { readonly kind: 'admitted'; end(result: QuestionResult): void };

type QuestionResult =
  | { readonly kind: 'answered'; readonly costUsd: number }
  | { readonly kind: 'failed'; readonly reason: ClaudeFailure; readonly costUsd: number }
  /** Cancelled before the API responded. */
  | { readonly kind: 'withdrawn' };

export interface ClaudeLimitsStatus {
  readonly circuit: Circuit;
  /** Services that were refused in the last hour because their share was used up. */
  readonly overShare: readonly string[];
}

interface ClaudeLimitsDeps {
  readonly ledger: Pick<Ledger, 'recordAsk' | 'asksSince' | 'spendSince'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly limits: { readonly diagnosesPerHour: number; readonly spendPerDayUsd: number };
  /** The number of watched services. */
  services(): number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Reserved for each question in progress, US dollars: twice the cost of a full prompt and answer on the strong model. */
const RESERVED_PER_QUESTION_USD = 0.05;

export function createClaudeLimits({ ledger, clock, limits, services }: ClaudeLimitsDeps): ClaudeLimits {
  const oneAtATime = createMutex();
  const fairShare = createFairShare();
  let circuit: Circuit = CLOSED;
  let inProgress = 0;

  const exceeded = async (incident: Incident): Promise<SkipReason | undefined> => {
    const now = clock.now();
    const asks = { cap: limits.diagnosesPerHour, used: await ledger.asksSince(now - HOUR_MS) };
    if (asks.used >= asks.cap) return 'hourly_cap';
    const spend = { cap: limits.spendPerDayUsd, used: await ledger.spendSince(now - DAY_MS) };
    const reserved = inProgress * RESERVED_PER_QUESTION_USD;
    if (spend.used >= spend.cap || (inProgress > 0 && spend.used + reserved >= spend.cap)) return 'daily_spend';
    const usage = { asks, spend, reservedUsd: RESERVED_PER_QUESTION_USD, onlyService: services() <= 1 };
    return fairShare.allows(incident.container, usage, now) ? undefined : 'fair_share';
  };

  /** The limit of all hosts together that is reached. */
  const record = async (incident: Incident): Promise<SkipReason | undefined> => {
    try {
      await ledger.recordAsk({ at: clock.now(), incidentId: incident.id });
      return undefined;
    } catch (error) {
      if (!(error instanceof FleetLimitReached) || error.limit === 'fleet_restart_limit') throw error;
      return error.limit;
    }
  };

  /** Refusals and truncated answers do not count: a hostile log could cause them and so disable Claude. */
  const isOutage = (result: QuestionResult): boolean =>
    result.kind === 'failed' && result.reason !== 'refused' && result.reason !== 'truncated' && result.costUsd === 0;

  return {
    admit: (incident) =>
      oneAtATime(async () => {
        const reason = await exceeded(incident);
        if (reason) return { kind: 'refused', reason };
        const admission = admit(circuit, clock.now());
        if (admission.kind === 'refused') return { kind: 'refused', reason: 'circuit_open' };
        const limit = await record(incident);
        if (limit) return { kind: 'refused', reason: limit };
        circuit = admission.circuit;
        inProgress += 1;
        const question = fairShare.begin(incident.container, clock.now());
        const { probe } = admission;
        return {
          kind: 'admitted',
          end(result) {
            inProgress -= 1;
            question.end(result.kind === 'withdrawn' ? 0 : result.costUsd);
            if (result.kind === 'withdrawn') circuit = withdrawn(circuit, clock.now(), probe);
            else circuit = isOutage(result) ? failed(circuit, clock.now(), probe) : succeeded(circuit);
          },
        };
      }),

    status: () => ({ circuit, overShare: fairShare.refused(clock.now()) }),
  };
}
