/** The routes of `/api/v1`. Access to them has been checked before. */
import express, { type Request, type Response, type Router } from 'express';
import { within } from '../../lib/deadline.ts';
import type { Identities } from '../session/identity.ts';
import { type Answer as Acting, type ActingEndpoint, createActors } from './act.ts';
import { readJson } from './body.ts';
import { ENDPOINTS, type Endpoint } from './endpoints.ts';
import { createEventStreams } from './events.ts';
import { type Answer, createReaders, type Readers, type ReadRequest } from './read.ts';
import type { ApiSource } from './source.ts';

export interface Api {
  readonly router: Router;
  /** Ends the event streams. */
  close(): void;
}

/** Less than the 10 s after which most clients give up. */
const READ_DEADLINE_MS = 9_000;
/** Approving a restart takes until the engine has begun it; asking again until the model has answered. */
const ACT_DEADLINE_MS = 120_000;

export function createApi(
  source: ApiSource,
  options: { readonly identities: Identities; readonly version: string },
): Api {
  const { identities } = options;
  const router = express.Router({ caseSensitive: true, strict: true });
  const readers = createReaders(source);
  const actors = createActors(source);
  const streams = createEventStreams(source.changes);

  for (const name of Object.keys(readers) as (keyof Readers)[]) {
    const { path } = ENDPOINTS[name];
    const read: (request: ReadRequest) => Promise<Answer<unknown>> = readers[name];
    router.get(path, async (request: Request, response: Response) => {
      response.locals.route = path;
      const { query, params } = request;
      send(response, await within(READ_DEADLINE_MS, read({ query, params: params as Record<string, string> })));
    });
  }

  for (const name of Object.keys(actors) as ActingEndpoint[]) {
    const { path } = ENDPOINTS[name];
    router.post(
      path,
      (request, response, next) => {
        response.locals.route = path;
        const refusal = identities.refusal(request);
        if (refusal === undefined) next();
        else response.status(refusal.status).json({ error: refusal.error });
      },
      readJson,
      async (request: Request, response: Response) => {
        const { id } = request.params as { id?: string };
        const actor = { via: 'page', who: 'token', from: request.socket.remoteAddress ?? 'unknown' } as const;
        send(response, await within(ACT_DEADLINE_MS, actors[name]({ body: request.body, id: id ?? '', actor })));
      },
    );
  }

  router.get('/events', (request, response) => {
    response.locals.route = '/events';
    streams.serve(request, response);
  });

  router.get('/openapi.json', async (_request, response) => {
    response.locals.route = '/openapi.json';
    // Loaded on demand: hardly anybody reads it.
    const { openApiDocument } = await import('./openapi.ts');
    response.json(openApiDocument(options.version));
  });

  for (const [path, methods] of methodsByPath()) {
    router.all(path, (request, response) => {
      response.locals.route = path;
      response
        .status(405)
        .set('Allow', methods.join(', '))
        .json({ error: `${request.method} is not allowed; use ${methods.join(' or ')}` });
    });
  }

  return { router, close: streams.close };
}

function send(response: Response, answer: Answer<unknown> | Acting): void {
  // Without indentation: a page of incidents is a third shorter.
  response
    .status(answer.status)
    .type('json')
    .send(JSON.stringify('body' in answer ? answer.body : { error: answer.error }));
}

function methodsByPath(): ReadonlyMap<string, readonly string[]> {
  const methods = new Map<string, string[]>([
    ['/events', ['GET']],
    ['/openapi.json', ['GET']],
  ]);
  for (const { path, method } of Object.values(ENDPOINTS) as readonly Endpoint[]) {
    methods.set(path, [...(methods.get(path) ?? []), method.toUpperCase()]);
  }
  return methods;
}
