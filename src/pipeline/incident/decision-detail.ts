import type { ContainerFacts } from '../../domain/containers.ts';
import type { Decision } from '../../domain/decision.ts';
import type { Incident } from '../../domain/incident.ts';
import { describeCause } from '../correlate/common-causes.ts';
import { policyBehind, type ResolvedPolicy } from '../policy/resolve.ts';

/** What an alert adds to the reason of a decision: names of containers, or the policy value and its source. */
export function decisionDetail(
  { reason }: Decision,
  about: {
    readonly incident: Incident;
    readonly facts: ContainerFacts | undefined;
    readonly policy: ResolvedPolicy;
    readonly networkDependants: readonly string[];
    readonly approvedBy?: string;
  },
): string | undefined {
  switch (reason) {
    case 'shared_network':
      return about.networkDependants.join(', ');
    case 'orchestrator_owns':
      return about.facts?.orchestrator;
    case 'dependency_down':
      return describeCause(about.incident.cause);
    case 'approved_by_person':
      return about.approvedBy;
    default:
      return policyBehind(reason, about.policy);
  }
}
