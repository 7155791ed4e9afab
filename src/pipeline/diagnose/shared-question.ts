/** Agents that share a database ask only once about the same problem, also when it occurs on all hosts at once. */
import type { Diagnosis } from '../../domain/diagnosis.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../lib/time.ts';
import type { SharedKnowledge, SharedProblem } from '../ports/fleet.ts';
import type { LastCase } from '../ports/store.ts';

export interface SharedQuestions {
  /**
   * The diagnosis of another host, if `usable` accepts it; waits while another agent asks. Otherwise this agent asks, and
   * calls `end` with whether it got an answer. Never rejects for the database: then this agent asks for itself.
   */
  begin(
    problem: SharedProblem,
    options: {
      readonly strength: 'first' | 'strong';
      /** What the question is about besides the problem: another image is another question. */
      readonly image: string;
      usable(found: LastCase | undefined): Diagnosis | undefined;
      readonly signal: AbortSignal;
    },
  ): Promise<{ readonly known: Diagnosis } | { end(answered: boolean): Promise<void> }>;
}

/** Longer than an answer takes. If the agent that asks is stopped meanwhile, another one asks after this time. */
const CLAIM_MS = 60_000;
/** The answer is stored a moment after it came. */
const KEEP_AFTER_ANSWER_MS = 10_000;
const POLL_MS = 1_000;
/** A database that is restarted is back by then. */
const RESTART_MS = 5_000;

export function createSharedQuestions(deps: {
  readonly knowledge: SharedKnowledge;
  readonly clock: Clock;
  readonly logger: Logger;
}): SharedQuestions {
  const { knowledge, clock, logger } = deps;
  const alone = (error: unknown) => {
    logger.warn('what other agents know could not be read: this agent asks for itself', { error: String(error) });
    return { end: async () => {} };
  };

  return {
    async begin(problem, { strength, image, usable, signal }) {
      const { project = '', service, fingerprint } = problem;
      const name = JSON.stringify([project, service, fingerprint, image, strength]);
      const end = (answered: boolean) =>
        knowledge.releaseQuestion(name, answered ? KEEP_AFTER_ANSWER_MS : 0).catch(() => undefined);
      const givenUpAt = clock.now() + 2 * CLAIM_MS;
      let failsSince: number | undefined;
      while (!signal.aborted && clock.now() < givenUpAt) {
        try {
          // Read after each claim too: the agent that asked may have stored its answer just before.
          const before = usable(await knowledge.caseElsewhere(problem));
          if (before !== undefined) return { known: before };
          if (await knowledge.claimQuestion(name, CLAIM_MS)) {
            const known = usable(await knowledge.caseElsewhere(problem));
            if (known === undefined) return { end };
            await end(false);
            return { known };
          }
          failsSince = undefined;
        } catch (error) {
          failsSince ??= clock.now();
          if (clock.now() - failsSince >= RESTART_MS) return alone(error);
        }
        await clock.sleep(POLL_MS, signal);
      }
      return { end: async () => {} };
    },
  };
}
