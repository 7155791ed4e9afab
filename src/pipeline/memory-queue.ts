import type { Clock, Logger, SendResult } from './ports.ts';

interface Waiting {
  /** Names it in our log. */
  readonly what: Record<string, string>;
  /** `tries`: how often it was tried before. */
  send(tries: number): Promise<SendResult>;
}

export interface MemoryQueue {
  add(waiting: Waiting): void;
  /** In order; stops at the first that cannot be sent now. */
  sendDue(): Promise<void>;
  /** The agent stops: what is still here is lost, and said so. */
  giveUp(): void;
}

/** An alert is a few KB: some megabytes at most. */
const MOST = 1_000;

/** What is to be sent and has no place on disk. */
export function createMemoryQueue(options: {
  readonly clock: Clock;
  readonly logger: Logger;
  backoffMs(tries: number): number;
}): MemoryQueue {
  const { clock, logger } = options;
  const queue: { readonly waiting: Waiting; tries: number }[] = [];
  let notBefore = 0;

  const lost = (waiting: Waiting, why: string) => logger.error('a message is lost', { ...waiting.what, why });

  return {
    add(waiting) {
      if (queue.length >= MOST) lost(waiting, `${MOST} others wait already`);
      else queue.push({ waiting, tries: 0 });
    },

    async sendDue() {
      while (clock.now() >= notBefore) {
        const [first] = queue;
        if (first === undefined) return;
        const result = await first.waiting.send(first.tries);
        if (result.kind === 'retry') {
          const wait = result.afterMs ?? options.backoffMs(first.tries);
          first.tries += 1;
          notBefore = clock.now() + wait;
          logger.warn('a message was not delivered, it will be tried again', {
            ...first.waiting.what,
            why: result.why,
            in_ms: wait,
          });
          return;
        }
        queue.shift();
        if (result.kind === 'dropped') lost(first.waiting, result.why);
      }
    },

    giveUp() {
      for (const { waiting } of queue.splice(0)) lost(waiting, 'the agent stops');
    },
  };
}
