/** Debian's Chromium for tests of the page. Without it they are skipped, except in CI, where they fail. */
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const PROGRAMS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export const CHROMIUM = process.env.CHROMIUM ?? PROGRAMS.find((program) => existsSync(program));

/** Whether to skip tests that need a browser; says so once per file. */
export const WITHOUT_BROWSER = CHROMIUM === undefined && process.env.CI === undefined;
if (WITHOUT_BROWSER) {
  console.warn('SKIPPED: the tests of the page need Chromium (apt-get install chromium, or set CHROMIUM to its path)');
}

/** `flags`: further command-line options of Chromium. */
export function launchBrowser(flags: readonly string[] = []): Promise<Browser> {
  if (CHROMIUM === undefined) throw new Error('Chromium is missing: apt-get install chromium, or set CHROMIUM');
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage', ...flags] });
}

export interface OpenPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Uncaught errors, and errors on the console: a violated Content-Security-Policy is one of them. */
  readonly errors: readonly string[];
  /** Requests to other origins. */
  readonly foreign: readonly string[];
}

/** A page in a context of its own that notes what must not happen. */
export async function openPage(
  browser: Browser,
  baseURL: string,
  options: BrowserContextOptions = {},
): Promise<OpenPage> {
  return openPageIn(await newContext(browser, baseURL, options), baseURL);
}

export function newContext(browser: Browser, baseURL: string, options: BrowserContextOptions = {}) {
  return browser.newContext({
    baseURL,
    viewport: { width: 1280, height: 860 },
    locale: 'en-GB',
    reducedMotion: 'reduce',
    ...options,
  });
}

/** As `openPage`, in a context that exists: what an earlier page has loaded is in its cache. */
export async function openPageIn(context: BrowserContext, baseURL: string): Promise<OpenPage> {
  const page = await context.newPage();
  page.setDefaultTimeout(45_000);
  const errors: string[] = [];
  const foreign: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== new URL(baseURL).origin) foreign.push(request.url());
  });
  return { page, context, errors, foreign };
}

/** Waits until no part of the page is loading. */
export async function loaded(page: Page): Promise<void> {
  // Not `waitForFunction` with a text: the Content-Security-Policy does not allow it.
  await page.locator('[aria-busy="true"]').first().waitFor({ state: 'detached' });
}

/** Opens all `details` of the view, and waits for their content. */
export async function openDetails(page: Page): Promise<void> {
  await page.evaluate(`for (const each of document.querySelectorAll('main details')) each.open = true`);
  await page.locator('main details:not(:has(> :not(summary)))').first().waitFor({ state: 'detached' });
}
