/** Refuses requests that a browser sends on behalf of another site, before any page sees them. */
import type { Request, Response } from 'express';
import type { Logger } from '../lib/log.ts';
import { createHostCheck } from './own-hosts.ts';

export interface GuardOptions {
  /** Host names of this server. `localhost` and IP addresses need not be listed. */
  readonly hosts: readonly string[];
  /** False: the Host header may have any value, because each page requires a token. */
  readonly checkHost: boolean;
  /** Whether a path is a document of the page. Links on other sites may open it: it contains no data and cannot be framed. */
  isDocument(path: string): boolean;
  readonly logger: Logger;
}

/** The log names the first host names that were refused, so that requests cannot fill it. */
const HOSTS_LOGGED = 10;
/** Characters of a host name in messages. */
const LONGEST_QUOTE = 100;

/** Answers a request itself and returns true, or returns false if the request may continue. */
export type Guard = (request: Request, response: Response) => boolean;

export function createGuard({ hosts, checkHost, isDocument, logger }: GuardOptions): Guard {
  const isOwn = createHostCheck(hosts);
  const logged = new Set<string>();

  const refuseHost = (request: Request, response: Response): void => {
    const quoted = JSON.stringify((request.headers.host ?? '').slice(0, LONGEST_QUOTE));
    if (!logged.has(quoted) && logged.size < HOSTS_LOGGED) {
      logged.add(quoted);
      logger.warn('requests to an unknown host name are refused', { host: quoted, setting: 'ALLOWED_HOSTS' });
    }
    const error = `the host name ${quoted} is not one of this server; add it to ALLOWED_HOSTS, or set HTTP_TOKEN`;
    response.status(403).json({ error });
  };

  return (request, response) => {
    if (hasOddTarget(request)) {
      response.status(400).json({ error: 'invalid request' });
      return true;
    }
    if (checkHost && !isOwn(request.headers.host)) {
      refuseHost(request, response);
      return true;
    }
    const isOpen = request.path === '/livez' || (isFollowedLink(request) && isDocument(request.path));
    if (!isOpen && isForeign(request)) {
      refuseForeign(request, response);
      return true;
    }
    return false;
  };
}

/** A second Host header, or a request line with a host (which precedes the header), as no client sends to a server. */
function hasOddTarget({ rawHeaders, originalUrl }: Request): boolean {
  const hosts = rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host');
  return hosts.length > 1 || !/^(\/|\*$)/.test(originalUrl);
}

/**
 * Whether a page of another origin caused the request. Browsers send Sec-Fetch-Site to trustworthy addresses (https,
 * loopback); without it, Origin shows at least those requests that scripts could read or that change something.
 */
function isForeign({ headers }: Request): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  const { origin } = headers;
  return origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== headers.host?.toLowerCase());
}

/** The browser opens the answer as a page of its own: not in a frame, and not for a script. */
function isFollowedLink({ method, headers }: Request): boolean {
  return method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
}

/** A person who followed a link from another site can open the page with a click; a site cannot. */
function refuseForeign(request: Request, response: Response): void {
  response.status(403);
  const { originalUrl } = request;
  if (!isFollowedLink(request)) {
    response.json({ error: 'requests from pages of another origin are refused' });
    return;
  }
  // A second slash would make it an address of another host.
  const here = escapeHtml(originalUrl.replace(/^[/\\]+/, '/'));
  response
    .type('html')
    .send(
      `<!doctype html><meta charset="utf-8"><title>Container Doctor</title><p>A page of another site led here. <a href="${here}">Open ${here}</a></p>\n`,
    );
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
