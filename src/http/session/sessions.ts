import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

export interface Session {
  /** Sent with every post, so that another site cannot post with the browser's cookie. */
  readonly csrfToken: string;
  /** Epoch ms. */
  readonly expiresAt: number;
}

export interface Sessions {
  /** The id is a secret: only the cookie has it. */
  begin(): { readonly id: string; readonly session: Session };
  /** Undefined if it has ended or never was. */
  find(id: string): Session | undefined;
  end(id: string): void;
}

/** A working day: whoever looks again tomorrow signs in again. */
export const SESSION_LASTS_MS = 12 * 3_600_000;
/** Beyond it, the oldest session ends. */
const MAX_SESSIONS = 100;

/** In memory: a restart of the agent ends all sessions. */
export function createSessions(now: () => number): Sessions {
  /** By the hash of the id, so that neither a timing difference nor a heap dump of the map gives ids away. */
  const sessions = new Map<string, Session>();

  const prune = (): void => {
    for (const [key, { expiresAt }] of sessions) {
      if (expiresAt <= now() || sessions.size > MAX_SESSIONS) sessions.delete(key);
    }
  };

  return {
    begin() {
      const id = randomBytes(32).toString('base64url');
      const session = { csrfToken: randomBytes(32).toString('base64url'), expiresAt: now() + SESSION_LASTS_MS };
      sessions.set(keyOf(id), session);
      prune();
      return { id, session };
    },
    find(id) {
      const session = sessions.get(keyOf(id));
      return session !== undefined && session.expiresAt > now() ? session : undefined;
    },
    end: (id) => void sessions.delete(keyOf(id)),
  };
}

function keyOf(id: string): string {
  return createHash('sha256').update(id).digest('base64');
}

/** Takes the same time for wrong texts as for the right one. */
export function isSameSecret(given: string, expected: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(expected));
}
