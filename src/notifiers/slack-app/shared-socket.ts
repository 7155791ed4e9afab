/**
 * One connection for the clicks on the messages of all agents that share a database. The agent that has it stores each
 * click before it acknowledges it to Slack, and the agent whose message it is handles it.
 */
import { createHash } from 'node:crypto';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../lib/time.ts';
import type { SharedClicks } from '../../pipeline/ports/fleet.ts';
import { type IdentifiedClick, identifyClick } from './clicks.ts';
import type { Socket } from './socket.ts';

/** How often the connection is checked. */
const CHECK_EVERY_MS = 5_000;
/** An agent that cannot connect for this long lets another one try. */
const GIVE_UP_AFTER_MS = 30_000;

/** Runs `socket` while no other agent has one with the same token. Never rejects. */
export function runAlone(
  socket: Socket,
  {
    appToken,
    shared,
    clock,
    signal,
  }: {
    readonly appToken: string;
    readonly shared: SharedClicks;
    readonly clock: Clock;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const name = `slack ${createHash('sha256').update(appToken).digest('hex').slice(0, 16)}`;
  return shared.whileAlone(name, signal, async (over) => {
    const giveUp = new AbortController();
    const ended = AbortSignal.any([over, giveUp.signal]);
    const watch = async () => {
      for (let brokenMs = 0; !ended.aborted && brokenMs < GIVE_UP_AFTER_MS; ) {
        await clock.sleep(CHECK_EVERY_MS, ended);
        brokenMs = socket.problem() === undefined ? 0 : brokenMs + CHECK_EVERY_MS;
      }
      giveUp.abort();
    };
    await Promise.all([socket.run(ended), watch()]);
  });
}

/**
 * Stores a click and passes it to the agent whose message it is. False if no agent knows the message; it is acknowledged
 * then. Never rejects.
 */
export async function passClick(
  payload: unknown,
  acknowledge: () => Promise<void>,
  deps: {
    readonly shared: SharedClicks;
    /** `why`: nothing was done, or it is not known what was done. Never rejects. */
    tell(click: IdentifiedClick, why: string): Promise<void>;
    readonly logger: Logger;
  },
): Promise<boolean> {
  const { shared, logger } = deps;
  const acknowledged = () => void acknowledge().catch(() => undefined);
  const click = identifyClick(payload);
  try {
    const host = click && (await shared.hostOf(click.about));
    if (click === undefined || host === undefined) {
      acknowledged();
      return false;
    }
    const why = await shared.pass(host, { id: click.id, payload }, acknowledged);
    if (why !== undefined) {
      logger.warn('a click in Slack was not handled', { host, why });
      await deps.tell(click, why);
    }
  } catch (error) {
    // It is not acknowledged, so Slack tells the person.
    logger.error('a click in Slack could not be stored', { error: String(error) });
  }
  return true;
}
