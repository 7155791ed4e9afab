/** Attacks through the browser of a person on the host: by pages of other origins, and by names that resolve to it. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { API } from '../../src/http/api/endpoints.ts';
import { launchBrowser, WITHOUT_BROWSER } from '../support/browser.ts';
import type { Attacked } from './attacked.ts';

const PAGES = ['/', '/history', '/health', '/metrics', `${API}/incidents`, `${API}/waiting`, `${API}/session`];
const SNOOZES = `${API}/snoozes`;
const SCRIPT = readFileSync(new URL('evil-page.js', import.meta.url), 'utf8');

/** A site of somebody else, under any name that ends with `.example`. */
export interface EvilSite {
  readonly port: number;
  close(): Promise<void>;
}

export async function startEvilSite(target: string): Promise<EvilSite> {
  const server = createServer((_request, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end(`<!doctype html><title>cats</title><a href="${target}/history">cats</a><script>${SCRIPT}</script>`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A browser for which every name below `.example` is this machine. */
export const launchDeceivedBrowser = () => launchBrowser(['--host-resolver-rules=MAP *.example 127.0.0.1']);

/**
 * Attacks `target`, an address of the agent, from the page of `site`. Resolves to what the page gained. Expects that the
 * agent refused every request of the page.
 */
export async function attackFromPage(options: {
  readonly attacked: Attacked;
  readonly context: BrowserContext;
  readonly site: string;
  readonly target: string;
}): Promise<readonly string[]> {
  const { attacked, context, site, target } = options;
  const page = await context.newPage();
  await page.goto(site);
  const before = await settled(attacked);
  const goal = { target, pages: PAGES, snoozes: SNOOZES, events: `${API}/events` };
  const gained = await page.evaluate<string[]>(`attack(${JSON.stringify(goal)})`);
  const after = await settled(attacked);
  expect(after.refused - before.refused).toBeGreaterThan(40);
  expect(after.answered).toBe(before.answered);
  await page.close();
  return gained;
}

interface Answers {
  readonly refused: number;
  /** Without pages that others read meanwhile: Prometheus, the health check and this test. */
  readonly answered: number;
  /** Of the page of metrics. It tells two renderings of it apart. */
  readonly read: number;
}

/** Resolves when two renderings of the page of metrics, which is rendered at most once a second, have the same numbers. */
async function settled(attacked: Attacked): Promise<Answers> {
  let last: Answers | undefined;
  return attacked.soon(async () => {
    const now = countAnswers(await attacked.text('/metrics'));
    if (last !== undefined && now.read === last.read) return undefined;
    const isSame = now.refused === last?.refused && now.answered === last?.answered;
    last = now;
    return isSame ? now : undefined;
  });
}

function countAnswers(metrics: string): Answers {
  let [refused, answered, read] = [0, 0, 0];
  const series = metrics.matchAll(/^http_server_request_duration_seconds_count\{(.*)\} (\d+)$/gm);
  for (const [, labels = '', count] of series) {
    if (labels.includes('http_response_status_code="403"')) refused += Number(count);
    else if (labels.includes('http_route="/metrics"')) read += Number(count);
    else if (!/http_route="\/(livez|health)"/.test(labels)) answered += Number(count);
  }
  return { refused, answered, read };
}

export function attackFromBrowser(attacked: Attacked): void {
  describe.skipIf(WITHOUT_BROWSER)('a page of another origin', () => {
    let browser: Browser;
    let evil: EvilSite;
    beforeAll(async () => {
      evil = await startEvilSite(attacked.run.url);
      browser = await launchDeceivedBrowser();
    });
    afterAll(async () => {
      await browser?.close();
      await evil?.close();
    });

    it.each([
      ['of another site', 'evil.example'],
      ['on another port of the same host', '127.0.0.1'],
    ])('%s reads nothing and changes nothing', { timeout: 60_000 }, async (_, host) => {
      const context = await browser.newContext();
      for (const target of [attacked.run.url, attacked.run.url.replace('127.0.0.1', 'localhost')]) {
        const site = `http://${host}:${evil.port}/`;
        expect(await attackFromPage({ attacked, context, site, target })).toEqual([]);
      }
      await context.close();
      expect(await attacked.get(`${API}/waiting`)).toEqual({ restart_requests: [], snoozes: [] });
    });

    it('whose name was made to resolve to the agent gets nothing from it', async () => {
      // The page itself came from another server, before its name was changed: the agent's own policy does not apply.
      const context = await browser.newContext({ bypassCSP: true });
      const page = await context.newPage();
      const origin = `http://rebound.example:${attacked.run.ports.PORT}`;
      expect((await page.goto(`${origin}/`))?.status()).toBe(403);
      const statuses = await page.evaluate<number[]>(
        `Promise.all(${JSON.stringify([...PAGES, SNOOZES])}.map(async (path) => (await fetch(path, { method: path.endsWith('snoozes') ? 'POST' : 'GET' })).status))`,
      );
      expect(statuses).toEqual(statuses.map(() => 403));
      await context.close();
    });

    it('that links to the agent leads a person to a question, not to the page', async () => {
      const context = await browser.newContext();
      const page = await context.newPage();
      await page.goto(`http://evil.example:${evil.port}/`);
      await page.getByRole('link').click();
      await page.getByText('A page of another site led here').waitFor();
      expect(await page.content()).not.toContain('"container"');
      await context.close();
    });

    it('cannot read Prometheus', async (test) => {
      if (!attacked.standIns.hasPrometheus) test.skip('prometheus is not installed');
      const context = await browser.newContext();
      const page = await context.newPage();
      await page.goto(`http://evil.example:${evil.port}/`);
      const query = `http://127.0.0.1:${attacked.run.ports.PROMETHEUS_PORT}/api/v1/query?query=up`;
      const read = `fetch(${JSON.stringify(query)}).then((answer) => answer.text(), (error) => error.name)`;
      expect(await page.evaluate(read)).toBe('TypeError');
      await context.close();
    });
  });
}
