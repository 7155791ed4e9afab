import type { Decision, DecisionReason, Gate } from '../../domain/decision.ts';
import type { Severity } from '../../domain/diagnosis.ts';
import type { DecideInput } from './decide-input.ts';
import { gatesOf } from './gates.ts';

const RANK: Record<Severity, number> = { low: 0, medium: 1, high: 2 };

/**
 * Decides what to do about an incident. A pure function with a decision for every input. The container is restarted only
 * if every gate is open. Otherwise the first closed gate is the reason, in this order: the diagnosis, the facts from the
 * engine, the policy, the limits, and last what holds back a restart that is otherwise allowed. The diagnosis can prevent
 * a restart but never cause one. An approval lifts only the requirement of one.
 */
export function decide(input: DecideInput): Decision {
  return decisionFrom(gatesOf(input), input);
}

/** As `decide`, with all gates. */
export function decideWithGates(input: DecideInput): { readonly decision: Decision; readonly gates: readonly Gate[] } {
  const gates = [...gatesOf(input)];
  return { decision: decisionFrom(gates, input), gates };
}

function decisionFrom(gates: Iterable<Gate>, { diagnosis, policy, approved }: DecideInput): Decision {
  const reason = firstReason(gates);
  if (!reason) return { kind: 'restart', reason: approved ? 'approved_by_person' : 'restart_allowed' };
  if (reason === 'snoozed') return { kind: 'record', reason };
  if (reason === 'policy_ask') return { kind: 'ask', reason };
  const alerts = RANK[diagnosis.severity] >= RANK[policy.values.minSeverity];
  return { kind: alerts ? 'notify' : 'record', reason };
}

function firstReason(gates: Iterable<Gate>): DecisionReason | undefined {
  for (const { state, reason } of gates) if (state === 'closed') return reason;
  return undefined;
}
