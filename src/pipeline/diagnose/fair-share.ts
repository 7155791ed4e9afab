import type { ContainerRef } from '../../domain/containers.ts';

/** The caps, and how much of them all services together have used. */
interface CapUsage {
  /** Questions in the rolling hour. */
  readonly asks: { readonly cap: number; readonly used: number };
  /** US dollars in the rolling day. */
  readonly spend: { readonly cap: number; readonly used: number };
  /** Reserved for each question in progress, US dollars. */
  readonly reservedUsd: number;
  /** No other service is watched. Its share is then everything. */
  readonly onlyService: boolean;
}

/**
 * A fair share of Claude for each service: a quarter of the caps is reserved for the other services, so that one noisy
 * service cannot use them up. A service's first question is always within its share.
 *
 * The usage of each service is in memory; the totals are in the store. After a restart of the agent, earlier usage counts
 * as that of other services, so the reserve remains.
 */
interface FairShare {
  allows(container: ContainerRef, usage: CapUsage, now: number): boolean;
  /** `end` takes the cost of the question. Until then it counts as reserved. */
  begin(container: ContainerRef, now: number): { end(costUsd: number): void };
  /** Services that were refused in the last hour, for people. */
  refused(now: number): readonly string[];
}

interface Question {
  readonly at: number;
  costUsd: number | undefined;
}

/** The share of the caps that is reserved for other services. */
const RESERVE = 1 / 4;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export function createFairShare(): FairShare {
  const questions = new Map<string, Question[]>();
  const refusals = new Map<string, number>();

  const recent = (key: string, now: number): readonly Question[] => {
    const ofDay = (questions.get(key) ?? []).filter((question) => question.at > now - DAY_MS);
    if (ofDay.length === 0) questions.delete(key);
    else questions.set(key, ofDay);
    return ofDay;
  };

  const forgetOld = (now: number): void => {
    for (const key of questions.keys()) recent(key, now);
    for (const [key, at] of refusals) if (at <= now - HOUR_MS) refusals.delete(key);
  };

  return {
    allows(container, { asks, spend, reservedUsd, onlyService }, now) {
      if (onlyService) return true;
      forgetOld(now);
      const own = recent(nameOf(container), now);
      const asked = own.filter((question) => question.at > now - HOUR_MS).length;
      const spent = own.reduce((sum, question) => sum + (question.costUsd ?? 0), 0);
      const reserved = own.filter((question) => question.costUsd === undefined).length * reservedUsd;
      const askShare = asks.cap - Math.max(0, asks.used - asked) - Math.floor(asks.cap * RESERVE);
      const spendShare = spend.cap - Math.max(0, spend.used - spent) - spend.cap * RESERVE;
      const isFirst = asked === 0 && reserved === 0;
      const allowed =
        isFirst || (asked < askShare && spent < spendShare && (reserved === 0 || spent + reserved < spendShare));
      if (!allowed) refusals.set(nameOf(container), now);
      return allowed;
    },

    begin(container, now) {
      const question: Question = { at: now, costUsd: undefined };
      const key = nameOf(container);
      questions.set(key, [...recent(key, now), question]);
      return {
        end(costUsd) {
          question.costUsd = costUsd;
        },
      };
    },

    refused(now) {
      forgetOld(now);
      return [...refusals.keys()].sort();
    },
  };
}

/** For people, such as `shop/web` or `web`. */
function nameOf({ project, service }: ContainerRef): string {
  return project === undefined ? service : `${project}/${service}`;
}
