import { describeLocalFailure, type LocalFailure } from '../../domain/model-failures.ts';
import type { Clock } from '../../lib/time.ts';
import type { Observer } from '../observer.ts';
import type { DiagnosisContext, LocalPort } from '../ports/model.ts';
import { admit, type Circuit, CLOSED, failed, succeeded, withdrawn } from './circuit.ts';
import { keepQuestion, type QuestionKeeper } from './stored-question.ts';
import { type Answered, checked } from './tier.ts';

export interface LocalTierDeps extends QuestionKeeper {
  readonly local: LocalPort;
  readonly observer: Observer;
  readonly clock: Clock;
}

/** A question to the local model. While its server fails, no diagnosis waits for it. */
export interface LocalTier {
  ask(question: DiagnosisContext, signal: AbortSignal): Promise<LocalTierAnswer>;
  status(): LocalTierStatus;
}

export type LocalTierAnswer = Answered | { readonly kind: 'unanswered'; readonly reason: LocalFailure };

export interface LocalTierStatus {
  readonly circuit: Circuit;
  /** How the latest request failed; absent if it succeeded or there was none. */
  readonly lastFailure?: LocalFailure;
}

/** Each may take as long as the time-out, and delays an alert. */
const FAILURES_TO_PAUSE = 2;
/** These are about one question or answer, which a hostile log can cause, or about the load: the server works. */
const ABOUT_ONE_QUESTION: ReadonlySet<LocalFailure> = new Set(['truncated', 'empty', 'invalid', 'too_long', 'busy']);

export function createLocalTier(deps: LocalTierDeps): LocalTier {
  const { local, observer, logger, clock } = deps;
  let circuit: Circuit = CLOSED;
  let lastFailure: LocalFailure | undefined;

  return {
    async ask(question, signal) {
      const admission = admit(circuit, clock.now());
      if (admission.kind === 'refused') return { kind: 'unanswered', reason: 'paused' };
      const { probe } = admission;
      circuit = admission.circuit;
      const startedAt = clock.now();
      const answer = await local.ask(question, 'first', signal).catch((error: unknown) => {
        circuit = withdrawn(circuit, clock.now(), probe);
        throw error;
      });
      for (const request of answer.requests) observer.localRequest(request);
      const model = answer.requests.at(-1)?.model ?? '';
      const asked = { at: startedAt, model, strength: 'first', text: answer.question } as const;
      await keepQuestion(deps, question.incident, asked);
      const failure = answer.kind === 'failed' ? answer.reason : undefined;
      const isOutage = failure !== undefined && !ABOUT_ONE_QUESTION.has(failure);
      circuit = isOutage ? failed(circuit, clock.now(), probe, FAILURES_TO_PAUSE) : succeeded(circuit);
      lastFailure = failure;
      const outcome = failure === undefined ? 'ok' : 'failed';
      observer.diagnosis({ tier: 'local', outcome, durationMs: clock.now() - startedAt });
      if (answer.kind === 'answered') return checked({ ...answer, by: 'local' }, question, observer);
      if (answer.reason === 'invalid') observer.diagnosisCheck('schema', 'failed');
      logger.warn('no diagnosis from the local model', {
        reason: answer.reason,
        detail: describeLocalFailure(answer.reason),
        incident: question.incident.id,
      });
      return { kind: 'unanswered', reason: answer.reason };
    },
    status: () => ({ circuit, ...(lastFailure !== undefined && { lastFailure }) }),
  };
}
