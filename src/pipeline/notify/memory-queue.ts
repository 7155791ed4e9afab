import type { SendResult } from '../ports/receiver.ts';

export interface QueuedMessage {
  /** Identifies it in the agent's log. */
  readonly logFields: Readonly<Record<string, string>>;
  /** It is sent again by the next run of the agent, so it is not lost when this one stops. */
  readonly isKept?: true;
  /** `tries`: the number of earlier attempts. */
  send(tries: number): Promise<SendResult>;
}

export interface MemoryQueue {
  add(message: QueuedMessage): void;
  /** Tries the oldest message once. It keeps its place if it must be tried again. False if the queue is empty. */
  sendFirst(): Promise<boolean>;
  /** Drops everything: the agent stops. */
  clear(): void;
}

/** Messages that are not in the outbox. Of more than `max`, the oldest are dropped. */
export function createMemoryQueue(options: {
  readonly max: number;
  onDropped(message: QueuedMessage, why: string): void;
}): MemoryQueue {
  const { max, onDropped } = options;
  const triesByMessage = new Map<QueuedMessage, number>();

  return {
    add(message) {
      triesByMessage.set(message, 0);
      if (triesByMessage.size <= max) return;
      const [oldest] = triesByMessage.keys();
      if (oldest === undefined) return;
      triesByMessage.delete(oldest);
      onDropped(oldest, `more than ${max} messages are waiting`);
    },

    async sendFirst() {
      const [first] = triesByMessage;
      if (first === undefined) return false;
      const [message, tries] = first;
      const result = await message.send(tries);
      if (result.kind !== 'retry') triesByMessage.delete(message);
      else if (triesByMessage.has(message)) triesByMessage.set(message, tries + 1);
      return true;
    },

    clear() {
      for (const message of triesByMessage.keys()) if (!message.isKept) onDropped(message, 'the agent stops');
      triesByMessage.clear();
    },
  };
}
