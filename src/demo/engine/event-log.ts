import type { ServerResponse } from 'node:http';
import { toUnix } from './timestamps.ts';

/** How many events the real engine keeps for `since`. */
const HISTORY = 256;

interface StoredEvent {
  readonly at: string;
  readonly action: string;
  readonly json: string;
}

interface EventLog {
  emit(event: { at: string; id: string; image: string; action: string; attributes: Record<string, string> }): void;
  /** Streams events since `since` until the connection ends. `actions`: empty for all. */
  follow(query: { since?: string; actions: readonly string[] }, out: ServerResponse): void;
  /** Open streams stay open and deliver nothing more. */
  mute(): void;
}

export function createEventLog(): EventLog {
  const history: StoredEvent[] = [];
  const followers = new Set<(event: StoredEvent) => void>();

  return {
    mute: () => followers.clear(),

    emit({ at, id, image, action, attributes }) {
      const { seconds, nanoText } = toUnix(at);
      const body = JSON.stringify({
        status: action,
        id,
        from: image,
        Type: 'container',
        Action: action,
        Actor: { ID: id, Attributes: attributes },
        scope: 'local',
        time: seconds,
      });
      // Nanoseconds since the epoch do not fit a number, so they are appended as digits.
      const event = { at, action, json: `${body.slice(0, -1)},"timeNano":${nanoText}}\n` };
      history.push(event);
      if (history.length > HISTORY) history.shift();
      for (const follower of followers) follower(event);
    },

    follow({ since, actions }, out) {
      const send = (event: StoredEvent) => {
        // As in the real engine, `health_status` matches every health status.
        const name = event.action.split(':', 1)[0] ?? '';
        if (actions.length === 0 || actions.includes(event.action) || actions.includes(name)) out.write(event.json);
      };
      if (since !== undefined) {
        for (const event of history) if (event.at >= since) send(event);
      }
      followers.add(send);
      out.on('close', () => followers.delete(send));
    },
  };
}
