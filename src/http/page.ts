/** Serves the page for browsers: the files that `npm run build:web` writes to dist/web. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import express, { type Router } from 'express';
import sirv from 'sirv';

/** The paths of the views. The page itself decides what each of them shows. */
const VIEWS = ['/', '/timeline', '/incidents', '/incidents/:id', '/trust', '/cost', '/containers'] as const;

/** Both the sources and the built program are two folders below the project. */
const BUILT = fileURLToPath(new URL('../../dist/web', import.meta.url));

/** Nothing from elsewhere, no inline script or style, and no text that becomes markup. */
export const PAGE_CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

const A_YEAR_S = 31_536_000;

export function isView(requested: string): boolean {
  return VIEWS.some((view) => view === pageRoute(requested));
}

/** For the metrics: the route of a request for the page; undefined if it is none of the page's. */
export function pageRoute(requested: string): string | undefined {
  if (requested.startsWith('/assets/')) return '/assets';
  if (/^\/incidents\/[^/]+$/.test(requested)) return '/incidents/:id';
  return VIEWS.find((view) => view === requested);
}

/**
 * The page and its files; undefined if it was not built. They need no token, as they contain no data. Of `/`, browsers
 * get the page; clients that do not ask for HTML are passed on to the next handler.
 */
export function createPage(folder = BUILT): Router | undefined {
  const html = read(path.join(folder, 'index.html'));
  // While it is being built, one of them may be missing.
  if (html === undefined || !existsSync(path.join(folder, 'assets'))) return undefined;
  const router = express.Router({ caseSensitive: true, strict: true });
  // The names contain a hash of the content.
  const assets = sirv(path.join(folder, 'assets'), { brotli: true, gzip: true, immutable: true, maxAge: A_YEAR_S });
  router.use('/assets', (request, response, next) => {
    // sirv sets its own value for files that it has, and only then.
    response.removeHeader('Cache-Control');
    assets(request, response, () => {
      response.setHeader('Cache-Control', 'no-store');
      next();
    });
  });
  // Not `router.get`, which would also answer OPTIONS.
  router.use((request, response, next) => {
    if (!isView(request.path)) return next();
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      if (request.path === '/') return next();
      response
        .status(405)
        .set('Allow', 'GET, HEAD')
        .json({ error: `${request.method} is not allowed; use GET` });
      return;
    }
    if (request.path === '/') {
      response.vary('Accept');
      // With `*/*`, as curl sends it, the first one.
      if (request.accepts(['text/plain', 'text/html']) !== 'text/html') return next();
    }
    response.set({ 'Content-Security-Policy': PAGE_CSP, 'Cache-Control': 'no-cache' }).type('html').send(html);
  });
  return router;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
