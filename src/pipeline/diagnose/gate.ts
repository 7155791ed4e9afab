import type { ClaudeFailure, Incident, SkipReason } from '../../domain.ts';
import { createMutex } from '../../lib/mutex.ts';
import type { Clock } from '../../lib/time.ts';
import type { Ledger } from '../ports.ts';
import { admit, type Circuit, CLOSED, failed, succeeded, withdrawn } from './circuit.ts';
import { createShares } from './shares.ts';

/** Everything that may stand between a question and Claude: the circuit, the caps, the fair share. */
export interface Gate {
  /** Where it lets the question through, it is already written down. Rejects where the ledger cannot be used. */
  enter(incident: Incident): Promise<Entered>;
  status(): GateStatus;
}

export type Entered =
  | { readonly kind: 'refused'; readonly reason: SkipReason }
  /** `end` must be called once, however the question ends. */
  | { readonly kind: 'entered'; end(how: Ending): void };

export type Ending =
  | { readonly kind: 'answered'; readonly costUsd: number }
  | { readonly kind: 'failed'; readonly reason: ClaudeFailure; readonly costUsd: number }
  /** Nobody waits for the answer any more: it tells nothing of the API. */
  | { readonly kind: 'withdrawn' };

export interface GateStatus {
  readonly circuit: Circuit;
  /** Services that used up their share and were refused in the last hour. */
  readonly overShare: readonly string[];
}

export interface GateDeps {
  readonly ledger: Pick<Ledger, 'recordAsk' | 'asksSince' | 'spendSince'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly limits: { readonly diagnosesPerHour: number; readonly spendPerDayUsd: number };
  /** How many services are watched. */
  services(): number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/**
 * Held back from the budget for each question under way, in dollars: about twice what a full prompt and
 * answer cost on the strong model.
 */
const RESERVED_PER_ASK_USD = 0.05;

export function createGate({ ledger, clock, limits, services }: GateDeps): Gate {
  const oneByOne = createMutex();
  const shares = createShares();
  let circuit: Circuit = CLOSED;
  let underWay = 0;

  const cap = async (incident: Incident): Promise<SkipReason | undefined> => {
    const now = clock.now();
    const asks = { cap: limits.diagnosesPerHour, used: await ledger.asksSince(now - HOUR_MS) };
    if (asks.used >= asks.cap) return 'hourly_cap';
    const spend = { cap: limits.spendPerDayUsd, used: await ledger.spendSince(now - DAY_MS) };
    const reserved = underWay * RESERVED_PER_ASK_USD;
    if (spend.used >= spend.cap || (underWay > 0 && spend.used + reserved >= spend.cap)) return 'daily_spend';
    const share = { asks, spend, reservedUsd: RESERVED_PER_ASK_USD, alone: services() <= 1 };
    return shares.allows(incident.container, share, now) ? undefined : 'fair_share';
  };

  /** What the answer says of the API. A refusal is one: a hostile log could have caused it, and must not blind us. */
  const isOutage = (how: Ending): boolean =>
    how.kind === 'failed' && how.reason !== 'refused' && how.reason !== 'truncated' && how.costUsd === 0;

  return {
    enter: (incident) =>
      oneByOne(async () => {
        const refused = await cap(incident);
        if (refused) return { kind: 'refused', reason: refused };
        const admission = admit(circuit, clock.now());
        if (admission.kind === 'refused') return { kind: 'refused', reason: 'circuit_open' };
        await ledger.recordAsk({ at: clock.now(), incidentId: incident.id });
        circuit = admission.circuit;
        underWay += 1;
        const asked = shares.begin(incident.container, clock.now());
        const { probe } = admission;
        return {
          kind: 'entered',
          end(how) {
            underWay -= 1;
            asked.end(how.kind === 'withdrawn' ? 0 : how.costUsd);
            if (how.kind === 'withdrawn') circuit = withdrawn(circuit, clock.now(), probe);
            else circuit = isOutage(how) ? failed(circuit, clock.now(), probe) : succeeded(circuit);
          },
        };
      }),

    status: () => ({ circuit, overShare: shares.refused(clock.now()) }),
  };
}
