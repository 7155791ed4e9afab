import express, { type Request, type Router } from 'express';
import { rateLimit } from 'express-rate-limit';
import { readJson } from '../api/body.ts';
import { ENDPOINTS } from '../api/endpoints.ts';
import { parse } from '../api/parse.ts';
import type { Session as SessionView } from '../api/schemas/people.ts';
import { SignIn } from '../api/schemas/requests.ts';
import type { Identities } from './identity.ts';
import { isSameSecret, type Session } from './sessions.ts';

/** Wrong tokens a minute from one address. A person mistypes once or twice. */
const WRONG_TOKENS_PER_MINUTE = 5;

/** The endpoints that need no token: what the client may do, sign in, sign out. */
export function createSessionRoutes(options: {
  readonly token: string | undefined;
  readonly identities: Identities;
}): Router {
  const { token, identities } = options;
  const router = express.Router({ caseSensitive: true, strict: true });

  const view = (session: Session | undefined, canAct: boolean): SessionView => ({
    can_act: canAct,
    why_not: canAct
      ? null
      : token === undefined
        ? 'HTTP_TOKEN is not set: the page is read-only'
        : 'sign in with HTTP_TOKEN to act',
    can_sign_in: token !== undefined,
    signed_in: session !== undefined,
    csrf_token: session?.csrfToken ?? null,
    expires_at: session === undefined ? null : new Date(session.expiresAt).toISOString(),
  });

  const current = (request: Request): SessionView => {
    const identity = identities.of(request);
    const session = identity?.kind === 'session' ? identity.session : undefined;
    return view(session, session !== undefined || identity?.kind === 'token');
  };

  router.get(ENDPOINTS.session.path, (request, response) => {
    response.locals.route = ENDPOINTS.session.path;
    response.json(current(request));
  });

  router.post(
    ENDPOINTS.signIn.path,
    rateLimit({
      windowMs: 60_000,
      limit: WRONG_TOKENS_PER_MINUTE,
      skipSuccessfulRequests: true,
      standardHeaders: 'draft-8',
      legacyHeaders: false,
      // Behind a proxy, all clients share its address; a forwarded one could be invented.
      validate: false,
      message: { error: 'too many wrong tokens; wait a minute' },
    }),
    readJson,
    (request, response) => {
      response.locals.route = ENDPOINTS.signIn.path;
      if (token === undefined) {
        response.status(403).json({ error: 'HTTP_TOKEN is not set: the page is read-only' });
        return;
      }
      const parsed = parse(SignIn, request.body);
      if (!parsed.ok) {
        response.status(400).json({ error: 'token must be the value of HTTP_TOKEN' });
        return;
      }
      if (!isSameSecret(parsed.value.token, token)) {
        response.status(401).json({ error: 'this is not the value of HTTP_TOKEN' });
        return;
      }
      response.json(view(identities.signIn(request, response), true));
    },
  );

  router.post(ENDPOINTS.signOut.path, readJson, (request, response) => {
    response.locals.route = ENDPOINTS.signOut.path;
    const refusal = identities.refusal(request);
    if (refusal !== undefined) {
      response.status(refusal.status).json({ error: refusal.error });
      return;
    }
    identities.signOut(request, response);
    response.json(view(undefined, false));
  });

  return router;
}
