/** What the pipeline needs to diagnose an incident: the redactor, and the model. */
import type { ContainerFacts, EdgeEvidence } from '../../domain/containers.ts';
import type { Attempt } from '../../domain/decision.ts';
import type { Assessment, ClaudeFailure, ClaudeOutcome, Diagnosis } from '../../domain/diagnosis.ts';
import type { Incident } from '../../domain/incident.ts';
import type { ResourceUse } from './engine.ts';

/** Removes secrets from text. */
export interface Redactor {
  /**
   * `secrets`: literal values to hide, in addition to what the patterns find. Within one call, equal secrets get equal
   * placeholders.
   */
  redact(
    texts: readonly string[],
    secrets: readonly string[],
  ): Promise<{ readonly texts: readonly string[]; readonly redactions: number }>;
}

/** What is known around the container that fails. A part is absent if nothing is known of it. All text is redacted. */
export interface Surroundings {
  /** Other containers that suffer from the incident, the most affected first. */
  readonly members?: readonly AffectedContainer[];
  /** Names of further containers that depend on this one directly, whether or not they have noticed. */
  readonly dependants?: readonly string[];
  /** What the container depends on directly, whether or not it has a problem. */
  readonly dependencies?: readonly DependencyState[];
  /** The dependencies between all of these containers, by name. */
  readonly edges?: readonly { readonly from: string; readonly to: string; readonly evidence: EdgeEvidence }[];
  /** Engine events of these containers in the last minutes, oldest first. */
  readonly timeline?: readonly TimelineEntry[];
  readonly changes?: ServiceChanges;
  readonly resources?: ResourceUse;
}

export interface AffectedContainer {
  /** Its name. */
  readonly container: string;
  readonly occurrences: number;
  /** Its first error record, or a description of its first signal. Absent if it could not be redacted in time. */
  readonly record?: string;
}

export interface DependencyState {
  /** Its name. */
  readonly container: string;
  readonly evidence: EdgeEvidence;
  /** Absent if the engine did not say; `gone` if the container does not exist. */
  readonly state?: Pick<ContainerFacts, 'status' | 'health' | 'startedAt' | 'finishedAt' | 'exitCode'> | 'gone';
}

export interface TimelineEntry {
  readonly at: number;
  /** Its name. */
  readonly container: string;
  /** In our own words; continues the name. */
  readonly what: string;
}

/** How the configuration of a service differs from the one that worked before. */
export interface ServiceChanges {
  /** Empty if nothing has changed since `from`. */
  readonly changes: readonly ConfigurationChange[];
  /** When the earlier configuration was last seen; without a change, since when the present one is known. */
  readonly from: number;
  /** When the present configuration was first seen. */
  readonly to: number;
}

export interface ConfigurationChange {
  /** In our own words. */
  readonly setting: string;
  readonly before?: string;
  readonly after?: string;
  readonly added?: readonly string[];
  readonly removed?: readonly string[];
}

/** The input of a diagnosis. All text in it is redacted. */
export interface DiagnosisContext extends Surroundings {
  readonly incident: Incident;
  /** Absent if the container no longer exists or the engine did not answer. */
  readonly facts?: ContainerFacts;
  /** The records of its signals, oldest first. */
  readonly evidence: readonly string[];
  /** Of the last crash, if any. */
  readonly exitCode?: number;
  /** The kernel killed the main process because the container reached its memory limit. */
  readonly killedForMemory?: boolean;
  /** The end of the container's log, newest last. */
  readonly logLines: readonly string[];
  readonly redactions: number;
  readonly restarts: readonly Attempt[];
  readonly ruleMatches: readonly RuleMatch[];
  /** The diagnosis that did not help; set if the problem came back after a restart. */
  readonly previous?: Diagnosis;
}

/** A built-in rule that matched. */
export interface RuleMatch {
  readonly rule: string;
  readonly assessment: Assessment;
  /** It found a fact that makes a restart harmful. */
  readonly vetoesRestart: boolean;
}

export interface TokenUsage {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
}

/** One request to the API. */
export interface ClaudeRequest {
  readonly at: number;
  readonly incidentId: string;
  readonly containerName: string;
  readonly model: string;
  readonly outcome: ClaudeOutcome;
  readonly tokens: TokenUsage;
  readonly costUsd: number;
  /** From sending it to the end of the response; not stored. */
  readonly durationMs?: number;
}

/** The answer to one question to Claude. A question takes several requests if it is retried. */
export type ClaudeAnswer = {
  /** All requests for it, oldest first. The last one determined the answer. */
  readonly requests: readonly Omit<ClaudeRequest, 'incidentId' | 'containerName'>[];
  /** As sent, without the system prompt. Absent if nothing was sent. */
  readonly question?: string;
} & (
  | {
      readonly kind: 'answered';
      readonly model: string;
      readonly assessment: Assessment;
      readonly confidence: 'low' | 'medium' | 'high';
    }
  | { readonly kind: 'failed'; readonly reason: ClaudeFailure }
);

export interface ClaudePort {
  /** Call it when a question is likely: loads what is loaded on demand. */
  prepare?(): void;
  /** Rejects only if `signal` aborts. `strength` selects the model. */
  ask(context: DiagnosisContext, strength: 'first' | 'strong', signal: AbortSignal): Promise<ClaudeAnswer>;
}
