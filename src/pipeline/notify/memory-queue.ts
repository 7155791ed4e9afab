import type { SendResult } from '../ports.ts';

export interface Waiting {
  /** Names it in our log. */
  readonly what: Record<string, string>;
  /** `tries`: how often it was tried before. */
  send(tries: number): Promise<SendResult>;
}

export interface MemoryQueue {
  add(waiting: Waiting): void;
  /** Tries the oldest once; it stays where it is to be tried again. False where there is none. */
  sendFirst(): Promise<boolean>;
  /** The agent stops: what is still here is lost, and said so. */
  giveUp(): void;
}

/** What is to be sent and has no place on disk; of more than `most` the oldest are lost. */
export function createMemoryQueue(options: {
  readonly most: number;
  onLost(waiting: Waiting, why: string): void;
}): MemoryQueue {
  const { most, onLost } = options;
  const queue = new Map<Waiting, number>();

  return {
    add(waiting) {
      queue.set(waiting, 0);
      if (queue.size <= most) return;
      const [oldest] = queue.keys();
      if (oldest === undefined) return;
      queue.delete(oldest);
      onLost(oldest, `more than ${most} wait`);
    },

    async sendFirst() {
      const [first] = queue;
      if (first === undefined) return false;
      const [waiting, tries] = first;
      const result = await waiting.send(tries);
      if (result.kind !== 'retry') queue.delete(waiting);
      else if (queue.has(waiting)) queue.set(waiting, tries + 1);
      return true;
    },

    giveUp() {
      for (const waiting of queue.keys()) onLost(waiting, 'the agent stops');
      queue.clear();
    },
  };
}
