import type { ContainerFacts } from '../../domain/containers.ts';
import type { Diagnosis } from '../../domain/diagnosis.ts';
import type { Incident } from '../../domain/incident.ts';
import type { ResolvedPolicy } from '../policy/resolve.ts';
import type { RestartHistory } from './restart-history.ts';

/** Everything that a decision depends on. */
export interface DecideInput {
  readonly now: number;
  readonly incident: Incident;
  readonly diagnosis: Diagnosis;
  /** Read after the diagnosis. Absent if the container is gone. */
  readonly facts?: ContainerFacts;
  /** The engine reported the facts and the network dependants just now. Otherwise they are older or missing. */
  readonly engineAnswered: boolean;
  /** The global switch: without it nothing is restarted. */
  readonly autoFix: boolean;
  /** The limit of all services together. */
  readonly maxRestartsPerHourHost: number;
  readonly policy: Pick<ResolvedPolicy, 'values' | 'sources'>;
  readonly restarts: RestartHistory;
  /** A built-in rule found a fact that makes a restart harmful. */
  readonly restartVetoed: boolean;
  /** The diagnosis is a local model's that may not open a restart, and the built-in rules alone would not restart. */
  readonly localModelUnproven: boolean;
  /** When a person or tool last asked the container to stop. */
  readonly stopRequestedAt?: number;
  /** When it was created to replace another container of its service. */
  readonly deployedAt?: number;
  /** A deployment is replacing it with another container. */
  readonly beingReplaced: boolean;
  /** Names of running containers that use its network namespace. */
  readonly networkDependants: readonly string[];
  readonly storeHealthy: boolean;
  /** A person has approved this restart. Lifts `policy_ask`, nothing else. */
  readonly approved?: boolean;
  /** A person has snoozed the problem: no restart, no request to a person, no alert. */
  readonly snoozed?: boolean;
}
