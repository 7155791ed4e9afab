/** The HTTP server: health, history, scorecard, metrics, and the API of the page. */
import { METHODS, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type NextFunction, type Request, type Response } from 'express';
import { within } from '../lib/deadline.ts';
import type { Logger } from '../lib/log.ts';
import { createApi } from './api/api.ts';
import { API } from './api/endpoints.ts';
import type { ApiSource } from './api/source.ts';
import { createGuard } from './guard.ts';
import { type HealthView, healthHttpStatus } from './health.ts';
import { type HistoryEntry, type HistoryQuery, parseHistoryQuery } from './history.ts';
import { createLimitedServer } from './limits.ts';
import { createMetricsPage } from './metrics-page.ts';
import { createPage, isView, pageRoute } from './page.ts';
import type { ScorecardView } from './scorecard.ts';
import { createIdentities } from './session/identity.ts';
import { createSessionRoutes } from './session/session-routes.ts';
import { createSessions } from './session/sessions.ts';

export interface HttpServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** If set, pages require `Authorization: Bearer`, except `/livez` and the status in `/health`. */
  readonly token?: string;
  /** Further host names of this server. Without a token, requests to any other name are refused. */
  readonly allowedHosts?: readonly string[];
  health(): Promise<HealthView>;
  /** Newest last. */
  history(query: HistoryQuery): Promise<readonly HistoryEntry[]>;
  scorecard(): Promise<ScorecardView>;
  /** Prometheus text. Rejects if the collection failed. Absent if metrics are off. */
  readonly metrics?: () => Promise<string>;
  /** Absent: no `/api/v1`. */
  readonly api?: ApiSource;
  /** Where people reach this server. */
  readonly publicUrl?: string;
  readonly version: string;
  /** Where the built page is. Default: where `npm run build:web` puts it. */
  readonly pageFolder?: string;
  readonly logger: Logger;
  /** Called after each response. `method` and `route` are from closed lists; `route` is undefined if none matched. */
  readonly onRequest?: (method: string, route: string | undefined, status: number, durationMs: number) => void;
}

export interface HttpServer {
  readonly url: string;
  readonly port: number;
  /** Waits a second for running requests, then closes their connections. */
  close(): Promise<void>;
}

const ROUTES = {
  '/health': 'state and problems of the agent (JSON; 503 if it watches nothing)',
  '/livez': 'whether the process answers (JSON; needs no token)',
  '/history': 'incidents, newest last (JSON; ?limit=1..1000, ?container=name, ?host=name)',
  '/api/scorecard': 'actual and possible restarts and how they turned out (JSON)',
  '/metrics': 'Prometheus metrics',
  '/api/v1/openapi.json': 'the API: incidents, timeline, statistics, containers, events (JSON)',
} as const;

const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Less than the 10 s after which Prometheus gives up: the client gets an error instead of no response. */
const RESPONSE_DEADLINE_MS = 9_000;

/** Resolves when the server listens. Rejects with the system's error (EADDRINUSE, EACCES, …) if it cannot. */
export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { app, closeStreams } = createApp(options);
  const server = createLimitedServer(app);
  await listen(server, options.port, options.host);
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}`,
    port,
    close: () => {
      closeStreams();
      return close(server);
    },
  };
}

function createApp(options: HttpServerOptions): { readonly app: express.Express; closeStreams(): void } {
  const { token, logger } = options;
  const page = createPage(options.pageFolder);
  const guard = createGuard({
    hosts: [options.host, ...(options.allowedHosts ?? [])],
    checkHost: token === undefined,
    isDocument: (path) => page !== undefined && isView(path),
    logger,
  });
  const metricsPage = options.metrics && createMetricsPage(options.metrics);
  const identities = createIdentities({
    token,
    sessions: createSessions(Date.now),
    httpsHost: httpsHostOf(options.publicUrl),
  });
  const authorized = (request: Request) => identities.of(request) !== undefined;
  const api = options.api && createApi(options.api, { identities, version: options.version });

  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('json spaces', 2);
  // With only one spelling per path, the routes in metrics are a closed list.
  app.enable('case sensitive routing');
  app.enable('strict routing');
  if (options.onRequest) app.use(observed(options.onRequest));

  app.use((request, response, next) => {
    response.set({
      'X-Content-Type-Options': 'nosniff',
      'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
      'Referrer-Policy': 'no-referrer',
      'Cross-Origin-Resource-Policy': 'same-origin',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cache-Control': 'no-store',
    });
    if (!guard(request, response)) next();
  });

  if (page !== undefined) app.use(page);

  app.get('/livez', (_request, response) => {
    response.json({ status: 'ok' });
  });

  app.get('/health', async (request, response) => {
    const view = await within(RESPONSE_DEADLINE_MS, options.health()).catch((error: unknown) => {
      logger.error('health could not be determined', { error });
      return undefined;
    });
    if (view === undefined) {
      response.status(503).json({ status: 'degraded', problems: ['health could not be determined'] });
      return;
    }
    response.status(healthHttpStatus(view)).json(authorized(request) ? view : { status: view.status });
  });

  if (api !== undefined) app.use(API, createSessionRoutes({ token, identities }));

  app.use((request, response, next) => {
    if (authorized(request)) return next();
    response
      .status(401)
      .set('WWW-Authenticate', 'Bearer realm="container-doctor"')
      .json({ error: 'this page requires the header "Authorization: Bearer" with the value of HTTP_TOKEN' });
  });

  if (api !== undefined) app.use(API, api.router);

  app.get('/history', async (request, response) => {
    const parsed = parseHistoryQuery(request.query);
    if ('error' in parsed) {
      response.status(400).json(parsed);
      return;
    }
    response.json(await within(RESPONSE_DEADLINE_MS, options.history(parsed.query)));
  });

  app.get('/api/scorecard', async (_request, response) => {
    response.json(await within(RESPONSE_DEADLINE_MS, options.scorecard()));
  });

  app.get('/metrics', async (request, response) => {
    if (metricsPage === undefined) {
      response.status(404).type('text/plain').send('metrics are off (OTEL_METRICS_EXPORTER or OTEL_SDK_DISABLED)\n');
      return;
    }
    // With 200 containers the page has 276 KB, compressed 15 KB.
    const isCompressed = request.acceptsEncodings('gzip') === 'gzip';
    const rendering: Promise<string | Buffer> = isCompressed ? metricsPage.compressed() : metricsPage.text();
    const page = await within(RESPONSE_DEADLINE_MS, rendering).catch((error: unknown) => {
      logger.error('metrics could not be collected', { error });
      return undefined;
    });
    if (page === undefined) {
      response.status(503).type('text/plain').send('metrics could not be collected\n');
      return;
    }
    response.set({ 'Content-Type': METRICS_TYPE, Vary: 'Accept-Encoding' });
    if (isCompressed) response.set('Content-Encoding', 'gzip');
    response.end(page);
  });

  app.get('/', (_request, response) => {
    const pages = Object.entries(ROUTES).map(([path, what]) => `${path.padEnd(14)} ${what}\n`);
    response.type('text/plain').send(`container-doctor ${options.version}\n\n${pages.join('')}`);
  });

  app.all(['/', ...Object.keys(ROUTES)], (request, response) => {
    response
      .status(405)
      .set('Allow', 'GET, HEAD')
      .json({ error: `${request.method} is not allowed; use GET` });
  });

  app.use((_request, response) => {
    response.status(404).json({ error: `page not found; available are ${Object.keys(ROUTES).join(', ')}` });
  });

  app.use((error: unknown, request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) return next(error);
    // Errors of Express, such as a path that cannot be decoded, have a status.
    const status = (error as { status?: unknown } | null)?.status;
    if (typeof status === 'number' && status >= 400 && status < 500) {
      response.status(status).json({ error: 'invalid request' });
      return;
    }
    logger.error('a request failed', { path: request.path, error });
    response.status(503).json({ error: 'the request failed; see the log of the agent' });
  });
  return { app, closeStreams: () => api?.close() };
}

function httpsHostOf(publicUrl: string | undefined): string | undefined {
  const url = publicUrl === undefined ? null : URL.parse(publicUrl);
  return url?.protocol === 'https:' ? url.host : undefined;
}

function observed(onRequest: NonNullable<HttpServerOptions['onRequest']>) {
  return (request: Request, response: Response, next: NextFunction): void => {
    const start = performance.now();
    const route = Object.hasOwn(ROUTES, request.path) ? request.path : pageRoute(request.path);
    // The routes of the API set theirs; it has no ids in it.
    const matched = () => (response.locals.route === undefined ? route : `${API}${response.locals.route}`);
    const method = METHODS.includes(request.method) ? request.method : '_OTHER';
    response.on('close', () => onRequest(method, matched(), response.statusCode, performance.now() - start));
    next();
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  if (!server.listening) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), 1_000);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
