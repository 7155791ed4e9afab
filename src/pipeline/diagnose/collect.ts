import type { Attempt, ContainerFacts, Incident, Signal } from '../../domain.ts';
import type { Clock } from '../../lib/time.ts';
import type { AttemptStore, ContainerControl, DiagnosisContext, Redactor, RuleMatch } from '../ports.ts';
import { applyRules } from './rules.ts';

export interface CollectDeps {
  readonly control: Pick<ContainerControl, 'inspect' | 'tailLogs'>;
  readonly redactor: Redactor;
  /** The secret values in the container's environment; undefined if they are not known yet. */
  secretsOf(containerId: string): readonly string[] | undefined;
  readonly attempts: Pick<AttemptStore, 'attemptsSince'>;
  readonly clock: Clock;
  readonly logLines: number;
}

/** Restarts older than this tell a diagnosis nothing. */
const RESTART_HISTORY_MS = 24 * 3_600_000;
/** Lines that rules read when no record told the trouble (a crash, a failed health check). */
const LAST_WORDS = 15;
/** Looking for secrets costs time by the character; a prompt holds a tenth of this. */
const MAX_CHARS = 262_144;
const MAX_TEXT_CHARS = 65_536;
/** A diagnosis waits for no hung engine: it goes on with what it has. */
const ENGINE_PATIENCE_MS = 5_000;

/**
 * Gathers what a diagnosis is made from and takes the secrets out of it. An engine that does not answer
 * leaves facts and log lines out; the diagnosis still happens.
 */
export async function collect(
  incident: Incident,
  signals: readonly Signal[],
  deps: CollectDeps,
): Promise<DiagnosisContext> {
  const { id } = incident.container;
  const patience = AbortSignal.timeout(ENGINE_PATIENCE_MS);
  const [facts, lines, restarts] = await Promise.all([
    deps.control.inspect(id, patience).catch(() => undefined),
    deps.control.tailLogs(id, deps.logLines, patience).catch(() => []),
    deps.attempts.attemptsSince(incident.container, deps.clock.now() - RESTART_HISTORY_MS).catch((): Attempt[] => []),
  ]);
  return redacted(
    incident,
    signals,
    facts,
    lines.map((line) => line.text),
    restarts,
    { redactor: deps.redactor, secrets: facts?.secretValues ?? deps.secretsOf(id) ?? [] },
  );
}

/**
 * Redacts the summary, so that the incident may be stored and shown. An environment never changes, so known secrets are
 * complete: the engine, which may hang, is asked only about a container that was created a moment ago.
 */
export async function redactSummary(
  incident: Incident,
  deps: Pick<CollectDeps, 'control' | 'redactor' | 'secretsOf'>,
): Promise<Incident> {
  const { id } = incident.container;
  const secrets = deps.secretsOf(id) ?? (await inspectSecrets(id, deps.control));
  const { texts } = await deps.redactor.redact([incident.summary], secrets);
  return { ...incident, summary: texts[0] ?? '' };
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
  // An incident taken up after a restart of the agent has lost its signals; its summary is left.
  const told = signals.length > 0 ? signals.map((signal) => signal.record?.text ?? signal.summary) : [incident.summary];
  const evidence = affordable(told);
  const tail = affordable(lines.toReversed()).toReversed();
  const health = facts?.healthLog.map((entry) => entry.output) ?? [];
  // One call, so that one secret has one placeholder everywhere.
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
  const context = { evidence: cleanEvidence, exitCode, logLines, facts: cleanFacts };
  return {
    ...context,
    incident: { ...incident, summary },
    redactions,
    restarts,
    ruleMatches: ruleMatchesOf(incident, context),
  };
}

function ruleMatchesOf(
  incident: Incident,
  context: Pick<DiagnosisContext, 'evidence' | 'exitCode' | 'logLines' | 'facts'>,
): readonly RuleMatch[] {
  const { detector, detectors } = incident;
  const text = detectors.includes('log')
    ? context.evidence
    : [...context.evidence, ...context.logLines.slice(-LAST_WORDS)];
  return applyRules({ ...context, detector, detectors, evidence: text.join('\n') });
}

/**
 * As many texts from the first on as may be searched for secrets in reasonable time. Whole ones only: half a
 * secret would not be found.
 */
function affordable(texts: readonly string[]): readonly string[] {
  let left = MAX_CHARS;
  return texts
    .map((text) => (text.length <= MAX_TEXT_CHARS ? text : `[a record of ${text.length} characters]`))
    .filter((text) => {
      left -= text.length;
      return left >= 0;
    });
}
