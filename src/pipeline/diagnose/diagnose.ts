import type { ContainerRef } from '../../domain/containers.ts';
import type { DiagnoseWith, Diagnosis, DiagnosisBasis } from '../../domain/diagnosis.ts';
import type { DiagnosisContext, EarlierIncident, LocalPort, RuleMatch } from '../ports/model.ts';
import type { IncidentStore, LastCase } from '../ports/store.ts';
import type { ClaudeLimitsStatus } from './claude-limits.ts';
import { type ClaudeTierAnswer, type ClaudeTierDeps, createClaudeTier } from './claude-tier.ts';
import { MAX_EARLIER, toEarlier } from './earlier.ts';
import { basisOf, recentStrongDiagnosis, recurredAfterRestart, reusable } from './known-diagnosis.ts';
import { createLocalTier, type LocalTierAnswer, type LocalTierStatus } from './local-tier.ts';
import { isUnambiguous } from './rules.ts';
import { withSurroundings } from './rules-in-context.ts';
import type { SharedQuestions } from './shared-question.ts';
import type { Answered } from './tier.ts';

interface DiagnoseDeps extends ClaudeTierDeps {
  readonly diagnoseWith: DiagnoseWith;
  /** Absent if none is configured. */
  readonly local?: LocalPort;
  readonly incidents: Pick<IncidentStore, 'lastCase' | 'resembling'>;
  /** Absent if no other agent shares the database. */
  readonly shared?: SharedQuestions;
  /** Whether a restart could follow from a diagnosis: policy and mode allow it. */
  mayRestart(container: ContainerRef): boolean;
}

export interface Diagnoser {
  /**
   * `restartFailed`: a restart for this incident did not help. `again`: a person wants another answer than the known one;
   * the strong model is asked. Rejects when `signal` aborts while a model is asked.
   */
  diagnose(context: DiagnosisContext, restartFailed: boolean, signal: AbortSignal, again?: boolean): Promise<Diagnosis>;
  /** Call it when a diagnosis is likely: loads what is loaded on demand. */
  prepare(): void;
  /** Whether Claude may be asked now. */
  status(): ClaudeLimitsStatus;
  /** Undefined without a local model. */
  localStatus(): LocalTierStatus | undefined;
}

/** What the models said. An absent tier was not to be asked. */
interface Asked {
  readonly best?: Answered;
  readonly claude?: ClaudeTierAnswer;
  readonly local?: LocalTierAnswer;
  readonly costUsd: number;
}

/** As many as are asked for. */
const MAX_EVIDENCE = 8;

/** Diagnoses in tiers: a known diagnosis of the same problem, the models in the order of DIAGNOSE_WITH, the built-in rules. */
export function createDiagnoser(deps: DiagnoseDeps): Diagnoser {
  const { clock, observer, diagnoseWith } = deps;
  const asksClaude = diagnoseWith !== 'rules-only' && diagnoseWith !== 'local-only';
  const claude = createClaudeTier(asksClaude ? deps : { ...deps, claude: undefined });
  const local =
    deps.local === undefined || diagnoseWith === 'rules-only'
      ? undefined
      : createLocalTier({ ...deps, local: deps.local });
  const hasModel = local !== undefined || (asksClaude && deps.claude !== undefined);

  /** If the first model is unsure, the strong one answers. */
  const askClaude = async (
    question: DiagnosisContext,
    failedBefore: boolean,
    signal: AbortSignal,
  ): Promise<ClaudeTierAnswer> => {
    const first = await claude.ask(question, failedBefore ? 'strong' : 'first', signal);
    if (first.kind !== 'answered' || first.confidence !== 'low' || failedBefore) return first;
    const second = await claude.ask(question, 'strong', signal);
    const costUsd = first.costUsd + second.costUsd;
    return second.kind === 'answered' ? { ...second, costUsd } : { ...first, costUsd };
  };

  const claudeFirst = async (
    question: DiagnosisContext,
    failedBefore: boolean,
    signal: AbortSignal,
  ): Promise<Asked> => {
    const answer = await askClaude(question, failedBefore, signal);
    if (answer.kind === 'answered') return { best: answer, claude: answer, costUsd: answer.costUsd };
    const second = await local?.ask(question, signal);
    return { ...(second && withLocal(second)), claude: answer, costUsd: answer.costUsd };
  };

  const localFirst = async (question: DiagnosisContext, signal: AbortSignal): Promise<Asked> => {
    const first = await local?.ask(question, signal);
    if (first?.kind === 'answered' && !needsMoreCertainty(first, question)) return { ...withLocal(first), costUsd: 0 };
    const second = await askClaude(question, false, signal);
    const { costUsd } = second;
    if (second.kind === 'answered') return { best: second, claude: second, local: first, costUsd };
    return { ...(first && withLocal(first)), claude: second, costUsd };
  };

  const earlierOf = async ({ incident }: DiagnosisContext): Promise<readonly EarlierIncident[]> => {
    const cases = await deps.incidents.resembling(incident, MAX_EARLIER).catch(() => []);
    return cases.flatMap(toEarlier);
  };

  /** The answer is unsure, or leads to a restart. */
  const needsMoreCertainty = ({ assessment, confidence }: Answered, { incident }: DiagnosisContext): boolean =>
    confidence === 'low' ||
    (assessment.severity === 'high' && assessment.autoRestartSafe && deps.mayRestart(incident.container));

  const ask = async (question: DiagnosisContext, failedBefore: boolean, signal: AbortSignal): Promise<Asked> => {
    switch (diagnoseWith) {
      case 'rules-only':
        return { costUsd: 0 };
      case 'local-only': {
        const answer = await local?.ask(question, signal);
        return { ...(answer && withLocal(answer)), costUsd: 0 };
      }
      case 'local-first':
        return failedBefore ? claudeFirst(question, failedBefore, signal) : localFirst(question, signal);
      case 'claude-first':
      case 'rules-first':
        return claudeFirst(question, failedBefore, signal);
      default:
        return diagnoseWith satisfies never;
    }
  };

  /** A local answer given while Claude could not be asked does not stand in for Claude's later. */
  const isStandIn = ({ by }: Diagnosis): boolean =>
    by === 'local' && (diagnoseWith === 'claude-first' || diagnoseWith === 'rules-first');

  const reused = (known: Diagnosis, at: number): Diagnosis => {
    observer.diagnosis({ tier: 'known', outcome: 'ok', durationMs: 0 });
    const { fallback: _, fallbackCause: __, localFailure: ___, ...kept } = known;
    return { ...kept, tier: 'known', costUsd: 0, at };
  };

  const askNow = async (
    context: DiagnosisContext,
    about: {
      readonly last: LastCase | undefined;
      readonly basis: DiagnosisBasis;
      readonly failedBefore: boolean;
      readonly again: boolean;
      readonly rulesSuffice: boolean;
    },
    signal: AbortSignal,
  ): Promise<Diagnosis> => {
    const { last, basis, failedBefore, again, rulesSuffice } = about;
    const earlier = hasModel ? await earlierOf(context) : [];
    const question: DiagnosisContext = {
      ...context,
      ...(earlier.length > 0 && { earlier }),
      ...(failedBefore && last?.diagnosis && { previous: last.diagnosis }),
    };
    const asked: Asked = rulesSuffice ? { costUsd: 0 } : await ask(question, failedBefore || again, signal);
    if (asked.best === undefined) observer.diagnosis({ tier: 'rules', outcome: 'ok', durationMs: 0 });
    return toDiagnosis(asked, question, { basis, at: clock.now(), afterFailedRestart: failedBefore });
  };

  return {
    async diagnose(context, restartFailed, signal, again = false) {
      const { container, fingerprint } = context.incident;
      const last = await deps.incidents.lastCase({ ...container, fingerprint }).catch(() => undefined);
      const now = clock.now();
      const basis = basisOf(context);
      const failedBefore = restartFailed || recurredAfterRestart(last, context.incident, now);
      const strongest = strongestRule(context);
      const rulesSuffice = diagnoseWith === 'rules-first' && isUnambiguous(strongest.rule) && !failedBefore && !again;
      const usable = (found: LastCase | undefined): Diagnosis | undefined => {
        const { incident } = context;
        const known = failedBefore ? recentStrongDiagnosis(found, now) : reusable(found, incident, basis, now);
        return known && !isStandIn(known) ? known : undefined;
      };
      const mayReuse = hasModel && !rulesSuffice && !again;
      const own = mayReuse ? usable(last) : undefined;
      if (own !== undefined) return reused(own, now);
      const strength = failedBefore ? 'strong' : 'first';
      const { image } = container;
      const question =
        mayReuse && (await deps.shared?.begin({ ...container, fingerprint }, { strength, image, usable, signal }));
      if (question && 'known' in question) return reused(question.known, clock.now());
      let answered = false;
      try {
        const diagnosis = await askNow(context, { last, basis, failedBefore, again, rulesSuffice }, signal);
        answered = diagnosis.tier !== 'rules';
        return diagnosis;
      } finally {
        if (question) await question.end(answered);
      }
    },

    prepare: () => {
      if (asksClaude) claude.prepare();
    },
    status: claude.status,
    localStatus: () => local?.status(),
  };
}

function withLocal(local: LocalTierAnswer): Pick<Asked, 'best' | 'local'> {
  return local.kind === 'answered' ? { best: local, local } : { local };
}

function toDiagnosis(
  { best, claude, local, costUsd }: Asked,
  question: DiagnosisContext,
  { at, ...rest }: { readonly basis: DiagnosisBasis; readonly at: number; readonly afterFailedRestart: boolean },
): Diagnosis {
  const { assessment } = best ?? { assessment: withSurroundings(strongestRule(question).assessment, question) };
  return {
    ...assessment,
    tier: best?.by ?? 'rules',
    ...(best && { by: best.by, model: best.model, ...support(best) }),
    rules: question.ruleMatches.map(({ rule }) => rule),
    ...(claude?.kind === 'unanswered' && { fallback: claude.reason, fallbackCause: claude.cause }),
    ...(local?.kind === 'unanswered' && { localFailure: local.reason }),
    costUsd,
    at,
    answeredAt: at,
    ...rest,
  };
}

function support({ evidence = [], failedChecks, confidence }: Answered) {
  const lines = evidence.flatMap(({ id, text }) => (text === undefined ? [] : [{ id, text }])).slice(0, MAX_EVIDENCE);
  return {
    ...(lines.length > 0 && { evidence: lines }),
    ...(failedChecks.length > 0 && { failedChecks }),
    ...(confidence === 'low' && { unsure: true as const }),
  };
}

function strongestRule(context: DiagnosisContext): RuleMatch {
  const strongest = context.ruleMatches[0];
  if (!strongest) throw new Error('no built-in rule matched');
  return strongest;
}
