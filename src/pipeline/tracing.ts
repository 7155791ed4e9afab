/** What the pipeline needs from tracing. The adapter turns details into span attributes. */
import type { EdgeEvidence } from '../domain/containers.ts';
import type { Decision, Outcome } from '../domain/decision.ts';
import type { Diagnosis } from '../domain/diagnosis.ts';
import type { Incident, TraceLink } from '../domain/incident.ts';
import type { ApprovalOutcome, ApprovalSource } from './observer.ts';
import type { DiagnosisContext } from './ports/model.ts';
import type { SendResult } from './ports/receiver.ts';

export const SPANS = {
  incident: (container: string) => `incident ${container}`,
  settle: 'settle',
  collect: 'collect context',
  docker: (operation: string) => `docker ${operation}`,
  correlate: 'correlate',
  diagnose: 'diagnose',
  decide: 'decide',
  approval: (container: string) => `approval ${container}`,
  restart: (container: string) => `restart ${container}`,
  verify: 'verify',
  notify: (receiver: string) => `notify ${receiver}`,
} as const;

/** What a span records about the result of its work. Never log text, prompts or answers. */
export interface SpanDetails {
  readonly context?: DiagnosisContext;
  readonly diagnosis?: Diagnosis;
  readonly correlation?: { readonly kind: string; readonly evidence?: EdgeEvidence };
  readonly decision?: Decision;
  /** A person's answer to a request for a restart. `by`: an opaque id. */
  readonly approval?: {
    readonly incident: Incident;
    readonly outcome: ApprovalOutcome;
    readonly source: ApprovalSource;
    readonly by?: string;
  };
  readonly outcome?: Outcome;
  readonly verifyStrategy?: string;
  readonly send?: { readonly receiver: string; readonly tries: number; readonly result: SendResult };
}

export interface SpanOptions {
  /** `client` for calls that leave the process. Default: `internal`. */
  readonly kind?: 'internal' | 'client';
  /** Continues this trace instead of the active one. For jobs from a queue, which does not carry the context. */
  readonly childOf?: TraceLink;
  /** Starts a new trace with a link to this one. For work that happens long after it. */
  readonly linkTo?: TraceLink;
}

/** With tracing off, every method still runs the work. */
export interface Tracing {
  /**
   * Runs `work` in a span below the active one and passes on what it returns or throws. If it throws, only a reason from
   * a closed list is recorded.
   */
  span<Result>(
    name: string,
    work: () => Result,
    describe?: (result: Awaited<Result>) => SpanDetails,
    options?: SpanOptions,
  ): Result;
  /**
   * Runs `work` in a new trace whose root is the incident's span. `earlier`: the incident's own trace has ended (an
   * earlier run of the agent); the new trace links to it.
   */
  incident<Result>(
    incident: Incident,
    earlier: TraceLink | undefined,
    work: (trace: TraceLink | undefined) => Promise<Result>,
  ): Promise<Result>;
}

export const noTracing: Tracing = {
  span: (_name, work) => work(),
  incident: (_incident, _earlier, work) => work(undefined),
};
