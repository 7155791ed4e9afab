/** What the built-in rules of a diagnosis have in common. */
import type { ContainerFacts } from '../../domain/containers.ts';
import type { Assessment } from '../../domain/diagnosis.ts';
import type { Detector } from '../../domain/incident.ts';
import { processEnded } from '../detectors.ts';

export interface RuleInput {
  /** Of the signal that opened the incident. */
  readonly detector: Detector;
  /** Of all its signals. */
  readonly detectors: readonly Detector[];
  /** The text that the rules read: log records, or the last lines of the log; redacted. */
  readonly evidence: string;
  readonly facts?: ContainerFacts;
  readonly exitCode?: number;
  /** See DiagnosisContext. */
  readonly killedForMemory?: boolean;
}

export interface DiagnosisRule {
  readonly name: string;
  readonly matches: (input: RuleInput) => boolean;
  readonly assessment: (input: RuleInput) => Assessment;
  readonly vetoesRestart?: true;
  /** If it matches, cause and fix are certain. DIAGNOSE_WITH=rules-first does not ask a model then. */
  readonly unambiguous?: true;
}

/** A process that ends this soon most likely failed to start and would fail again. */
const START_MS = 15_000;
/** Characters; rules ignore the rest of a longer line. */
const LONGEST_LINE = 4_000;
/** Characters of a path, host or variable name. A longer one is likely hostile and is not repeated. */
const LONGEST_DETAIL = 120;

export const endedAtStart = ({ detectors, facts }: RuleInput): boolean =>
  processEnded(detectors) &&
  facts !== undefined &&
  facts.finishedAt > 0 &&
  facts.finishedAt - facts.startedAt < START_MS;

/** The lines of the evidence and of the engine's error. */
function linesOf({ evidence, facts }: RuleInput): string[] {
  return `${evidence}\n${facts?.error ?? ''}`.split('\n').map((line) => line.slice(0, LONGEST_LINE));
}

/** Matches if a line has `pattern` and not `unless`. */
export const hasLine =
  (pattern: RegExp, unless?: RegExp) =>
  (input: RuleInput): boolean =>
    findLine(input, pattern, unless) !== undefined;

function findLine(input: RuleInput, pattern: RegExp, unless?: RegExp): string | undefined {
  return linesOf(input).find((line) => pattern.test(line) && !unless?.test(line));
}

/** The first group of `detail` in the first line with `pattern`, as ` (…)`; empty if there is none. */
export function detailIn(input: RuleInput, pattern: RegExp, detail: RegExp): string {
  const found = detail.exec(findLine(input, pattern) ?? '')?.[1];
  return found === undefined || found.length > LONGEST_DETAIL ? '' : ` (${found})`;
}

export function assessment(
  rootCause: string,
  suggestedFix: string,
  rest: Partial<Omit<Assessment, 'rootCause' | 'suggestedFix'>>,
): Assessment {
  return {
    rootCause,
    suggestedFix,
    severity: 'medium',
    autoRestartSafe: false,
    configSuggestions: [],
    likelyRecurring: false,
    estimatedImpact: 'Unknown.',
    ...rest,
  };
}
