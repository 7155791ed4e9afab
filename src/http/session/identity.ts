import { parse, serialize } from 'cookie';
import type { Request, Response } from 'express';
import { hasToken } from '../access.ts';
import { isSameSecret, SESSION_LASTS_MS, type Session, type Sessions } from './sessions.ts';

/** Who sends a request. `anyone`: no token is configured, so everybody may read and nobody may act. */
export type Identity =
  | { readonly kind: 'anyone' }
  | { readonly kind: 'token' }
  | { readonly kind: 'session'; readonly session: Session; readonly id: string };

export interface Identities {
  /** Undefined: a token is configured, and the request has neither the token nor a session. */
  of(request: Request): Identity | undefined;
  /** Why this request may not change anything, with the status of the response; undefined if it may. */
  refusal(request: Request): { readonly status: 401 | 403; readonly error: string } | undefined;
  signIn(request: Request, response: Response): Session;
  signOut(request: Request, response: Response): void;
}

const CSRF_HEADER = 'x-csrf-token';

/** `httpsHost`: the host of PUBLIC_URL, if that is an https address. */
export function createIdentities(options: {
  readonly token: string | undefined;
  readonly sessions: Sessions;
  readonly httpsHost: string | undefined;
}): Identities {
  const { token, sessions, httpsHost } = options;

  // Cookies do not distinguish ports, and several agents may run on one host.
  const cookieName = (request: Request) => `container_doctor_${request.socket.localPort ?? 0}`;
  const cookieOf = (request: Request) => parse(request.headers.cookie ?? '')[cookieName(request)];
  const setCookie = (request: Request, response: Response, value: string, maxAge: number): void => {
    // The browser drops a Secure cookie that it gets through plain http, for example at localhost.
    const { host, 'x-forwarded-proto': protocol } = request.headers;
    const secure = protocol === 'https' || (httpsHost !== undefined && host === httpsHost);
    response.append(
      'Set-Cookie',
      serialize(cookieName(request), value, { httpOnly: true, sameSite: 'strict', path: '/', secure, maxAge }),
    );
  };

  const of = (request: Request): Identity | undefined => {
    if (token === undefined) return { kind: 'anyone' };
    if (hasToken(request.headers.authorization, token)) return { kind: 'token' };
    const id = cookieOf(request);
    const session = id === undefined ? undefined : sessions.find(id);
    return id === undefined || session === undefined ? undefined : { kind: 'session', session, id };
  };

  return {
    of,

    refusal(request) {
      const identity = of(request);
      if (identity === undefined) return { status: 401, error: 'sign in with HTTP_TOKEN first' };
      switch (identity.kind) {
        case 'anyone':
          return { status: 403, error: 'HTTP_TOKEN is not set: the page is read-only' };
        case 'token':
          return undefined;
        case 'session':
          return isSameSecret(request.get(CSRF_HEADER) ?? '', identity.session.csrfToken)
            ? undefined
            : { status: 403, error: 'the header X-CSRF-Token does not have the csrf_token of the session' };
        default:
          return identity satisfies never;
      }
    },

    signIn(request, response) {
      const { id, session } = sessions.begin();
      setCookie(request, response, id, SESSION_LASTS_MS / 1000);
      return session;
    },

    signOut(request, response) {
      const id = cookieOf(request);
      if (id !== undefined) sessions.end(id);
      setCookie(request, response, '', 0);
    },
  };
}
