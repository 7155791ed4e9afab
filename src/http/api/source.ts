import type { ContainerFacts, ContainerRef, EdgeEvidence } from '../../domain/containers.ts';
import type { FleetMember } from '../../pipeline/ports/fleet.ts';
import type { PageStore } from '../../pipeline/ports/pages.ts';
import type { PeopleActions, PeopleStore } from '../../pipeline/ports/people.ts';
import type { IncidentStore } from '../../pipeline/ports/store.ts';
import type { HealthView } from '../health.ts';
import type { ChangeFeed } from './changes.ts';
import type { Container } from './schemas/overview.ts';

/** A container with what the agent knows of it. */
export interface KnownContainer {
  readonly ref: ContainerRef;
  readonly status: ContainerFacts['status'];
  readonly health: ContainerFacts['health'];
  readonly isWatched: boolean;
  readonly policy: Container['policy'];
  /** Problems of its labels. */
  readonly warnings: readonly string[];
  readonly habits: readonly {
    readonly fingerprint: string;
    readonly perHour: number;
    readonly since: number;
  }[];
}

/** `from` depends on `to`. */
export interface KnownDependency {
  readonly from: ContainerRef;
  readonly to: ContainerRef;
  readonly evidence: EdgeEvidence;
}

/** A host with what its agent said last. */
export interface KnownHost {
  /** Undefined: this one, whose name is not known yet. */
  readonly host: string | undefined;
  readonly containers: readonly KnownContainer[];
  readonly dependencies: readonly KnownDependency[];
}

/** What the API answers from. */
export interface ApiSource {
  readonly store: PageStore & PeopleStore & Pick<IncidentStore, 'lastCase'>;
  readonly actions: PeopleActions;
  readonly changes: ChangeFeed;
  health(): Promise<HealthView>;
  /** All that exist, by name. */
  containers(): readonly KnownContainer[];
  dependencies(): readonly KnownDependency[];
  /** Those of the other agents that share the database, or of the one on `host`, by name; absent if none can. */
  hosts?(host?: string): Promise<readonly KnownHost[]>;
  /** Those that share the database; absent if none can. */
  agents?(): readonly FleetMember[];
  /** What the handling of open incidents waits for, by id. `what` completes "waits …". */
  waits(): ReadonlyMap<string, { readonly what: string; readonly until: number }>;
  /** Undefined: not known yet. */
  host(): string | undefined;
  readonly budgetPerDayUsd: number;
  /** With `{trace_id}`. */
  readonly traceUrl?: string;
  readonly grafanaUrl?: string;
  now(): number;
}
