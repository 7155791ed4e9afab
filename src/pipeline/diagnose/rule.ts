import type { Assessment, ContainerFacts, Detector } from '../../domain.ts';

/** What the rules look at. */
export interface RuleInput {
  readonly detector: Detector;
  /** What was detected in words, with the telling record first; redacted. */
  readonly evidence: string;
  /** The last lines before it; redacted. */
  readonly logLines: readonly string[];
  readonly facts?: ContainerFacts;
  /** Joined signals included. */
  readonly detectors: readonly Detector[];
  readonly exitCode?: number;
  /** See DiagnosisContext. */
  readonly killedForMemory?: boolean;
}

export interface Rule {
  readonly name: string;
  readonly matches: (input: RuleInput) => boolean;
  readonly assessment: (input: RuleInput) => Assessment;
  readonly vetoesRestart?: true;
  /** Cause and fix are certain where it matches: a model would add nothing. */
  readonly plain?: true;
}

/** A process that lived so short died of how it was started: a restart would meet the same. */
const DIED_AT_START_MS = 15_000;
/** Of a record; beyond it rules look no further. */
const LONGEST_LINE = 4_000;
/** What a person takes for a file's name; the rest of a hostile one is not repeated. */
const LONGEST_DETAIL = 120;

export const died = ({ detectors }: Pick<RuleInput, 'detectors'>): boolean =>
  detectors.includes('crash') || detectors.includes('crash_loop');

export const diedAtStart = (input: RuleInput): boolean =>
  died(input) &&
  input.facts !== undefined &&
  input.facts.finishedAt > 0 &&
  input.facts.finishedAt - input.facts.startedAt < DIED_AT_START_MS;

/** The evidence line by line, and the engine's own error: what stands on one line belongs together. */
function linesOf({ evidence, facts }: RuleInput): string[] {
  return `${evidence}\n${facts?.error ?? ''}`.split('\n').map((line) => line.slice(0, LONGEST_LINE));
}

/** Matches where one line has `pattern` and not `unless`. */
export const says =
  (pattern: RegExp, unless?: RegExp) =>
  (input: RuleInput): boolean =>
    tellingLine(input, pattern, unless) !== undefined;

export function tellingLine(input: RuleInput, pattern: RegExp, unless?: RegExp): string | undefined {
  return linesOf(input).find((line) => pattern.test(line) && !unless?.test(line));
}

/** The first group of `detail` in the line that `pattern` finds, ` (in brackets)`; empty where there is none. */
export function detailIn(input: RuleInput, pattern: RegExp, detail: RegExp): string {
  const found = detail.exec(tellingLine(input, pattern) ?? '')?.[1];
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
    estimatedImpact: 'Not known without looking further.',
    ...rest,
  };
}
