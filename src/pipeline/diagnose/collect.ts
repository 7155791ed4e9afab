import type { ContainerFacts, ContainerRef } from '../../domain/containers.ts';
import type { Attempt } from '../../domain/decision.ts';
import type { Incident, Signal } from '../../domain/incident.ts';
import { createLimit } from '../../lib/limit.ts';
import type { Clock } from '../../lib/time.ts';
import { DETECTOR_INFO } from '../detectors.ts';
import type { ContainerControl } from '../ports/engine.ts';
import type { DiagnosisContext, Redactor, RuleMatch } from '../ports/model.ts';
import type { AttemptStore } from '../ports/store.ts';
import { applyRules } from './rules.ts';

export interface CollectDeps {
  readonly control: Pick<ContainerControl, 'inspect' | 'tailLogs'>;
  readonly redactor: Redactor;
  /** The secret values in the container's environment; undefined if they are not known yet. */
  secretsOf(containerId: string): readonly string[] | undefined;
  readonly attempts: Pick<AttemptStore, 'attemptsSince'>;
  readonly clock: Clock;
  /** How many lines of its log a diagnosis gets. */
  logLinesOf(container: ContainerRef): number;
}

/** When hundreds of containers fail together, more at once would only exceed the time for the engine's answers. */
const COLLECT_AT_ONCE = 16;

/** Older restarts are not relevant to a diagnosis. */
const RESTART_HISTORY_MS = 24 * 3_600_000;
/** Lines that the rules read if no log record is part of the evidence (a crash, a failed health check). */
const LAST_LINES = 15;
/** Redaction takes time per character; a prompt holds a tenth of this. */
const MAX_CHARS = 262_144;
const MAX_TEXT_CHARS = 65_536;
/** A diagnosis does not wait longer for a hung engine. */
const ENGINE_PATIENCE_MS = 5_000;

export interface Collector {
  /** The summary of an incident, redacted. Never rejects. */
  summary(incident: Incident): Promise<string>;
  /** The input of a diagnosis, redacted. If the engine does not answer, facts and log lines are missing. */
  context(incident: Incident, signals: readonly Signal[]): Promise<DiagnosisContext>;
  /**
   * Redacts further texts for a question with this context, without the secrets of these containers. Placeholders get
   * other numbers than those in the context. The caller limits the length: redaction takes time per character.
   */
  redact(
    texts: readonly string[],
    containers: readonly ContainerRef[],
    context: DiagnosisContext,
  ): Promise<readonly string[]>;
}

export function createCollector(deps: CollectDeps): Collector {
  const { control, attempts, clock, redactor } = deps;
  const limited = createLimit(COLLECT_AT_ONCE);

  const collect = async (incident: Incident, signals: readonly Signal[]): Promise<DiagnosisContext> => {
    const { container } = incident;
    const patience = AbortSignal.timeout(ENGINE_PATIENCE_MS);
    const [facts, lines, restarts] = await Promise.all([
      control.inspect(container.id, patience).catch(() => undefined),
      control.tailLogs(container.id, deps.logLinesOf(container), patience).catch(() => []),
      attempts.attemptsSince(container, clock.now() - RESTART_HISTORY_MS).catch((): Attempt[] => []),
    ]);
    const secrets = facts?.secretValues ?? deps.secretsOf(container.id) ?? [];
    const texts = lines.map((line) => line.text);
    return redacted(incident, signals, facts, texts, restarts, { redactor, secrets });
  };

  // An environment never changes, so known secrets are complete: the engine, which may hang, is only asked about a
  // container that was created a moment ago.
  const redactSummary = async ({ container, summary }: Incident): Promise<string> => {
    const { texts } = await redactor.redact([summary], await secretsOf(container));
    return texts[0] ?? '';
  };

  const secretsOf = async ({ id }: ContainerRef): Promise<readonly string[]> =>
    deps.secretsOf(id) ?? (await inspectSecrets(id, control));

  const redactFurther: Collector['redact'] = async (further, containers, { incident, evidence, logLines }) => {
    const secrets = (await Promise.all([incident.container, ...containers].map(secretsOf))).flat();
    // The redactor counts from the highest number that it finds.
    const used = highestPlaceholder([incident.summary, ...evidence, ...logLines]);
    const { texts } = await redactor.redact([used, ...further], secrets);
    return texts.slice(1);
  };

  return {
    summary: (incident) => limited(() => redactSummary(incident)),
    context: (incident, signals) => limited(() => collect(incident, signals)),
    redact: redactFurther,
  };
}

async function inspectSecrets(containerId: string, control: CollectDeps['control']): Promise<readonly string[]> {
  const facts = await control.inspect(containerId, AbortSignal.timeout(ENGINE_PATIENCE_MS)).catch(() => undefined);
  return facts?.secretValues ?? [];
}

async function redacted(
  incident: Incident,
  signals: readonly Signal[],
  facts: ContainerFacts | undefined,
  lines: readonly string[],
  restarts: readonly Attempt[],
  { redactor, secrets }: { readonly redactor: Redactor; readonly secrets: readonly string[] },
): Promise<DiagnosisContext> {
  // A resumed incident has lost its signals; its summary is left.
  const records =
    signals.length > 0 ? signals.map((signal) => signal.record?.text ?? signal.summary) : [incident.summary];
  const evidence = withinLimit(records);
  const tail = withinLimit(lines.toReversed()).toReversed();
  const health = facts?.healthLog.map((entry) => entry.output) ?? [];
  // One call, so that equal secrets get equal placeholders.
  const { texts, redactions } = await redactor.redact(
    [incident.summary, facts?.error ?? '', ...evidence, ...health, ...tail],
    secrets,
  );
  const [summary = '', error = ''] = texts;
  const cleanEvidence = texts.slice(2, 2 + evidence.length);
  const cleanHealth = texts.slice(2 + evidence.length, 2 + evidence.length + health.length);
  const logLines = texts.slice(2 + evidence.length + health.length);

  const exitCode = signals.findLast((signal) => signal.exitCode !== undefined)?.exitCode;
  const cleanFacts: ContainerFacts | undefined = facts && {
    ...facts,
    error,
    healthLog: facts.healthLog.map((entry, i) => ({ ...entry, output: cleanHealth[i] ?? '' })),
    secretValues: [],
  };
  const killedForMemory = wasKilledForMemory(incident, signals, facts);
  const context = { evidence: cleanEvidence, exitCode, killedForMemory, logLines, facts: cleanFacts };
  return {
    ...context,
    incident: { ...incident, summary },
    redactions,
    restarts,
    ruleMatches: ruleMatchesOf(incident, context),
  };
}

/** The exit code of a process that was killed, 128 + SIGKILL. */
const KILLED = 137;

function wasKilledForMemory(
  { detectors }: Incident,
  signals: readonly Signal[],
  facts: ContainerFacts | undefined,
): boolean {
  if (signals.some(({ killedForMemory }) => killedForMemory)) return true;
  // An incident that is resumed after a restart of the agent has lost its signals.
  const crashed = detectors.some((detector) => DETECTOR_INFO[detector].processEnded);
  return signals.length === 0 && crashed && detectors.includes('oom') && facts?.exitCode === KILLED;
}

function ruleMatchesOf(
  incident: Incident,
  context: Pick<DiagnosisContext, 'evidence' | 'exitCode' | 'killedForMemory' | 'logLines' | 'facts'>,
): readonly RuleMatch[] {
  const { detector, detectors } = incident;
  const text = detectors.includes('log')
    ? context.evidence
    : [...context.evidence, ...context.logLines.slice(-LAST_LINES)];
  return applyRules({ ...context, detector, detectors, evidence: text.join('\n') });
}

const PLACEHOLDER = /‹secret:(\d{1,6})›/g;

function highestPlaceholder(texts: readonly string[]): string {
  let highest = 0;
  for (const text of texts) {
    for (const [, number] of text.matchAll(PLACEHOLDER)) highest = Math.max(highest, Number(number));
  }
  return highest === 0 ? '' : `‹secret:${highest}›`;
}

/** The first texts up to MAX_CHARS. Whole texts only: half a secret would not be recognised. */
function withinLimit(texts: readonly string[]): readonly string[] {
  let left = MAX_CHARS;
  return texts
    .map((text) => (text.length <= MAX_TEXT_CHARS ? text : `[a record of ${text.length} characters]`))
    .filter((text) => {
      left -= text.length;
      return left >= 0;
    });
}
