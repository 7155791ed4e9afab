/** Actions of people across hosts: each is carried out by the agent of its host, which is asked through the database. */
import type { Logger } from '../lib/log.ts';
import { type Clock, waitAtMost } from '../lib/time.ts';
import type { ClaimedAction, FleetAction, FleetActions, FleetMember } from '../pipeline/ports/fleet.ts';
import type { ActionResult } from '../pipeline/ports/people.ts';

/** An agent that works claims an action within a second, without NOTIFY within POLL_MS. */
export const CLAIM_WITHIN_MS = 10_000;
/** Longer than an approval takes, and than an agent that was killed needs to start again and answer. */
const RESULT_WITHIN_MS = 45_000;
/** In case a NOTIFY is lost, or the second connection to the database. */
const POLL_MS = 5_000;
const POLL_RESULT_MS = 1_000;
/** How long the results of what is in progress may delay the end of the agent. */
const LAST_RESULTS_MS = 2_000;

export interface HostActions {
  /** Resolves when the agent on `host` has carried it out or refused it, or does not answer. Never rejects. */
  ask(host: string, action: FleetAction): Promise<ActionResult>;
  /**
   * As `ask`. `id`: the action is not asked twice; undefined if it was asked before. Rejects if it cannot be stored;
   * `onStored` is called otherwise.
   */
  askOnce(
    host: string,
    asked: { readonly id: string; readonly action: FleetAction },
    onStored: () => void,
  ): Promise<ActionResult | undefined>;
  /** Carries out what other agents ask, until `signal` aborts. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** Another agent has asked something, or answered. */
  wake(): void;
}

export function createHostActions(deps: {
  readonly store: FleetActions;
  carryOut(claimed: ClaimedAction): Promise<ActionResult>;
  members(): readonly FleetMember[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly newId: () => string;
}): HostActions {
  const { store, clock, logger } = deps;
  const inProgress = new Map<string, Promise<void>>();
  let woken = Promise.withResolvers<void>();

  /** Resolves when `next` does, or after `ms`, or when `signal` aborts. */
  const wokenWithin = async (next: Promise<void>, ms: number, signal?: AbortSignal): Promise<void> => {
    const enough = new AbortController();
    const over = signal === undefined ? enough.signal : AbortSignal.any([signal, enough.signal]);
    await Promise.race([next, clock.sleep(ms, over)]);
    enough.abort();
  };

  /** The result, if it comes within `ms`; else the last known state. */
  const resultOf = async (id: string, ms: number, isOver: (kind: string) => boolean) => {
    const deadline = clock.monotonic() + ms;
    for (;;) {
      const next = woken.promise;
      const state = await store.actionState(id).catch(() => undefined);
      if ((state !== undefined && isOver(state.kind)) || clock.monotonic() >= deadline) return state;
      await wokenWithin(next, Math.min(POLL_RESULT_MS, deadline - clock.monotonic()));
    }
  };

  const answerOf = async (host: string, id: string): Promise<ActionResult> => {
    const claimed = await resultOf(id, CLAIM_WITHIN_MS, (kind) => kind !== 'asked');
    if (claimed?.kind !== 'finished' && (await store.giveUpAction(id, 'asked'))) {
      return refused(
        `the agent on ${host} did not answer within ${CLAIM_WITHIN_MS / 1000} s; the request was withdrawn`,
      );
    }
    const state = await resultOf(id, RESULT_WITHIN_MS - CLAIM_WITHIN_MS, (kind) => kind !== 'claimed');
    if (state?.kind === 'finished') return state.result;
    await store.giveUpAction(id, 'claimed');
    return refused(
      `the agent on ${host} has started it, but has not reported the result; the page of the incident will show it`,
    );
  };

  const carryOut = async (claimed: ClaimedAction, signal: AbortSignal): Promise<void> => {
    const { id, action, askedBy, isLate } = claimed;
    logger.info('another agent asks for an action', {
      action: action.kind,
      asked_by: askedBy,
      repeated: claimed.isRepeat,
    });
    const result = isLate
      ? refused('the agent was stopped, and nobody waits for the result any more')
      : await deps.carryOut(claimed).catch((error: unknown) => {
          logger.error('an action for another agent failed', { action: action.kind, error: String(error) });
          return refused('the agent could not do it; its log says why');
        });
    // The result is not lost because the database is away for a moment. If this agent is stopped, its next run finds the
    // action claimed.
    for (;;) {
      const isSaved = await store.finishAction(id, result).then(
        () => true,
        () => false,
      );
      if (isSaved || signal.aborted) return;
      await clock.sleep(POLL_RESULT_MS, signal);
    }
  };

  const askOnce: HostActions['askOnce'] = async (host, { id, action }, onStored) => {
    const why = whyNotAsked(host, deps.members());
    const isNew = why === undefined && (await store.askAgent({ id, host, action, claimWithinMs: CLAIM_WITHIN_MS }));
    onStored();
    if (why !== undefined) return refused(why);
    if (!isNew) return undefined;
    return answerOf(host, id).catch((error: unknown) => {
      logger.warn('what came of an action on another host could not be read', { host, error: String(error) });
      return refused(
        `the database does not answer; what the agent on ${host} does within ${CLAIM_WITHIN_MS / 1000} s is not known`,
      );
    });
  };

  return {
    askOnce,

    async ask(host, action) {
      const result = await askOnce(host, { id: deps.newId(), action }, () => {}).catch((error: unknown) => {
        logger.warn('the agent of another host could not be asked', { host, error: String(error) });
        return undefined;
      });
      return result ?? refused(`the database does not answer, so the agent on ${host} could not be asked`);
    },

    async run(signal) {
      while (!signal.aborted) {
        const next = woken.promise;
        const claimed = await store.claimActions([...inProgress.keys()], RESULT_WITHIN_MS).catch(() => []);
        for (const each of claimed) {
          inProgress.set(
            each.id,
            carryOut(each, signal).finally(() => inProgress.delete(each.id)),
          );
        }
        await wokenWithin(next, POLL_MS, signal);
      }
      await waitAtMost(LAST_RESULTS_MS, Promise.all(inProgress.values()), clock);
    },

    wake() {
      const { resolve } = woken;
      woken = Promise.withResolvers();
      resolve();
    },
  };
}

function refused(why: string): ActionResult {
  return { kind: 'refused', why };
}

/** Undefined if the agent on the host may answer. One that is not known yet may have been started just now. */
function whyNotAsked(host: string, members: readonly FleetMember[]): string | undefined {
  const member = members.find(({ name }) => name === host);
  if (!member?.isSilent) return undefined;
  const since = new Date(member.seenAt).toISOString();
  return `the agent on ${host} does not answer: it has been silent since ${since}; nothing was done`;
}
