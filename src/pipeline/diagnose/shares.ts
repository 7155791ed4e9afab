import type { ContainerRef } from '../../domain.ts';

/** What is left of a cap for one service. */
export interface ShareLimits {
  /** Questions in the rolling hour: the cap, and how many were asked for all services. */
  readonly asks: { readonly cap: number; readonly used: number };
  /** US dollars in the rolling day, likewise. */
  readonly spend: { readonly cap: number; readonly used: number };
  /** Held back for each question under way, US dollars. */
  readonly reservedUsd: number;
  /** No other service is watched: there is nobody to leave anything to. */
  readonly alone: boolean;
}

export interface Asked {
  /** Its cost once it is known; until then it counts as reserved. */
  end(costUsd: number): void;
}

/**
 * A fair share of Claude for each service: all that the caps leave but a quarter of them, which is kept for
 * the others, so that one noisy service never spends all. A first question is always within the share.
 *
 * Kept in memory. After a restart of the agent what a service had spent counts as spent by others (the
 * caps' totals are on disk): it still cannot reach into what is kept.
 */
export interface Shares {
  allows(container: ContainerRef, limits: ShareLimits, now: number): boolean;
  begin(container: ContainerRef, now: number): Asked;
  /** Services that were refused in the last hour, for people to read. */
  refused(now: number): readonly string[];
}

interface Question {
  readonly at: number;
  costUsd: number | undefined;
}

/** Kept for the others. A quarter: enough for the next few to fail, little enough to be missed by nobody. */
const KEPT = 1 / 4;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export function createShares(): Shares {
  const questions = new Map<string, Question[]>();
  const refusals = new Map<string, number>();

  const recent = (key: string, now: number): readonly Question[] => {
    const kept = (questions.get(key) ?? []).filter((question) => question.at > now - DAY_MS);
    if (kept.length === 0) questions.delete(key);
    else questions.set(key, kept);
    return kept;
  };

  const sweep = (now: number): void => {
    for (const key of questions.keys()) recent(key, now);
    for (const [key, at] of refusals) if (at <= now - HOUR_MS) refusals.delete(key);
  };

  return {
    allows(container, { asks, spend, reservedUsd, alone }, now) {
      if (alone) return true;
      sweep(now);
      const mine = recent(keyOf(container), now);
      const asked = mine.filter((question) => question.at > now - HOUR_MS).length;
      const spent = mine.reduce((sum, question) => sum + (question.costUsd ?? 0), 0);
      const reserved = mine.filter((question) => question.costUsd === undefined).length * reservedUsd;
      const askShare = asks.cap - Math.max(0, asks.used - asked) - Math.floor(asks.cap * KEPT);
      const spendShare = spend.cap - Math.max(0, spend.used - spent) - spend.cap * KEPT;
      const isFirst = asked === 0 && reserved === 0;
      const allowed =
        isFirst || (asked < askShare && spent < spendShare && (reserved === 0 || spent + reserved < spendShare));
      if (!allowed) refusals.set(keyOf(container), now);
      return allowed;
    },

    begin(container, now) {
      const question: Question = { at: now, costUsd: undefined };
      const key = keyOf(container);
      questions.set(key, [...recent(key, now), question]);
      return {
        end(costUsd) {
          question.costUsd = costUsd;
        },
      };
    },

    refused(now) {
      sweep(now);
      return [...refusals.keys()].sort();
    },
  };
}

/** As a person names it: `shop/web`, or `web`. */
function keyOf({ project, service }: ContainerRef): string {
  return project === undefined ? service : `${project}/${service}`;
}
