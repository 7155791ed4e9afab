import axe from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  launchBrowser,
  newContext,
  type OpenPage,
  openDetails,
  openPage,
  openPageIn,
  WITHOUT_BROWSER,
} from '../support/browser.ts';
import type { Doctor } from '../support/doctor.ts';
import { deadlock, fillDisk, type PageWorld, startPageWorld } from '../support/page-world.ts';
import { soon } from '../support/world.ts';

let world: PageWorld;
let doctor: Doctor;
let browser: Browser;
/** Of most pages: the second one finds the scripts in its cache. */
let shared: BrowserContext;
let incidentPath: string;

const VIEWS = ['Now', 'Timeline', 'Incidents', 'Incident', 'Trust', 'Cost', 'Containers'] as const;
const PATHS = {
  Now: '/',
  Timeline: '/timeline',
  Incidents: '/incidents',
  Incident: '',
  Trust: '/trust',
  Cost: '/cost',
  Containers: '/containers',
};
const pathOf = (view: (typeof VIEWS)[number]) => (view === 'Incident' ? incidentPath : PATHS[view]);

beforeAll(async () => {
  if (WITHOUT_BROWSER) return;
  browser = await launchBrowser();
  world = await startPageWorld();
  doctor = await world.open();
  const handled = (container: string) =>
    soon(async () =>
      (await doctor.history()).find(
        (e) => e.container === container && e.decision !== null && !e.id.startsWith('past-'),
      ),
    );
  deadlock(world);
  incidentPath = `/incidents/${(await handled('api')).id}`;
  // Later, so that the two are not one incident.
  fillDisk(world);
  await handled('db');
  shared = await newContext(browser, doctor.url);
});

// A page that is open reads again what changes.
afterEach(async () => {
  for (const context of browser?.contexts() ?? []) {
    if (context !== shared) await context.close();
    else await Promise.all(context.pages().map((page) => page.close()));
  }
});

afterAll(async () => {
  await browser?.close();
  await world?.close();
});

/** Opens a view and waits until its data are there. */
async function show(view: (typeof VIEWS)[number]): Promise<OpenPage> {
  const open = await openPageIn(shared, doctor.url);
  await open.page.goto(pathOf(view));
  await settle(open.page);
  return open;
}

/** How much of the page is beside the screen. */
function hiddenPixels(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

async function settle(page: Page): Promise<void> {
  await page.getByRole('main').getByRole('heading', { level: 1 }).waitFor();
  await page.waitForFunction(() => document.querySelector('[aria-busy="true"]') === null);
  await page.getByText('live', { exact: true }).waitFor();
}

describe.skipIf(WITHOUT_BROWSER)('the page', { timeout: 180_000 }, () => {
  it('says on Now what is open, what the agent watches and what it spent', async () => {
    const { page, errors, foreign } = await show('Now');
    await page
      .getByRole('heading', { name: /open incident/ })
      .first()
      .waitFor();
    const open = page.getByRole('region', { name: 'Open incidents' });
    await open.getByText('The disk that holds the write-ahead log is full.').waitFor();
    expect(await page.locator('.stats').innerText()).toMatch(/containers watched\s+8/);
    expect(await page.getByRole('region', { name: 'Watching' }).innerText()).toContain('gateway');
    expect({ errors, foreign }).toEqual({ errors: [], foreign: [] });
  });

  it('tells on Incident what happened, marks the evidence, and lists each condition of the decision', async () => {
    const { page, errors } = await show('Incident');
    await page.getByRole('heading', { level: 1, name: /deadlock/ }).waitFor();
    const story = page.getByRole('region', { name: 'What happened' });
    const text = await story.innerText();
    expect(text).toMatch(
      /First seen[\s\S]*diagnosed it: severity high[\s\S]*Decided to restart it[\s\S]*Restarted api/,
    );
    await story.getByText(/It recovered, verified after/).waitFor();
    expect(await page.locator('.log .cited').count()).toBeGreaterThan(0);
    const gates = page.getByRole('region', { name: 'Why it was restarted' });
    expect(await gates.locator('.gates li').count()).toBeGreaterThan(10);
    expect(
      await page.getByRole('region', { name: 'Similar incidents before' }).getByRole('link').count(),
    ).toBeGreaterThan(0);
    expect(errors).toEqual([]);
  });

  it('draws on Incident what caused it, what suffers from it, and how that is known', async () => {
    const { page, errors } = await show('Now');
    await page.getByRole('link', { name: /The disk that holds/ }).click();
    const card = page.getByRole('region', { name: 'What depends on what' });
    const picture = card.locator('svg.graph');
    expect(await picture.getAttribute('aria-label')).toMatch(/search depends on db/);
    expect(await picture.locator('path.edge').count()).toBeGreaterThan(1);
    await card.getByText('The same as a table').click();
    await card.getByRole('row', { name: /^db this incident/ }).waitFor();
    await card.getByRole('row', { name: /^search depends on it.* db/ }).waitFor();
    expect(errors).toEqual([]);
  });

  it('explains why a database was not restarted with the condition that decided', async () => {
    const { page } = await show('Now');
    await page.getByRole('link', { name: /The disk that holds/ }).click();
    const gates = page.getByRole('region', { name: 'Why it was not restarted' });
    await gates.getByText('this decided').waitFor();
    expect(await gates.locator('.deciding').innerText()).toMatch(/prevents it/);
  });

  it('shows incidents, restarts and deployments on Timeline, and zooms', async () => {
    const { page, errors } = await show('Timeline');
    await page.getByRole('button', { name: '30 d' }).click();
    await page.getByText(/The last 30 d: \d+ incidents?, \d+ restarts?, \d+ deployments?/).waitFor();
    const before = await page.locator('.lanes a').count();
    expect(before).toBeGreaterThan(10);
    expect(await page.locator('.lanes .mark.restart').count()).toBeGreaterThan(0);
    await page.getByRole('button', { name: 'Zoom in' }).click();
    await page.waitForURL(/span=/);
    await page.getByRole('button', { name: 'Earlier' }).click();
    await page.waitForURL(/from=\d+/);
    expect(errors).toEqual([]);
  });

  it('does not count what is on screen as that of a period that is still loading', async () => {
    const { page } = await show('Timeline');
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    await page.route('**/api/v1/timeline*', async (route) => {
      await held;
      await route.continue();
    });
    const lead = page.locator('.lead');
    expect(await lead.innerText()).toMatch(/^The last 24 h: /);
    await page.getByRole('button', { name: '30 d' }).click();
    await soon(async () => ((await lead.innerText()).startsWith('The last 30 d') ? true : undefined));
    expect(await lead.innerText()).toBe('The last 30 d');
    answer();
    await page.getByText(/The last 30 d: \d+ incidents/).waitFor();
  });

  it('filters Incidents in the address, and shows older ones on demand', async () => {
    const { page } = await show('Incidents');
    const rows = page.getByRole('region', { name: /newest first/ }).getByRole('listitem');
    await page.getByRole('button', { name: /older ones/ }).click();
    await soon(async () => ((await rows.count()) > 55 ? true : undefined));
    await page.getByLabel('Severity').selectOption('low');
    await page.waitForURL(/severity=low/);
    await page.getByText(/\d+ match/).waitFor();
    await soon(async () => ((await rows.filter({ hasText: 'high' }).count()) === 0 ? true : undefined));
    await page.getByLabel('Search in summaries').fill('no incident says this');
    await page.getByText('No incident matches').waitFor();
    await page.getByRole('button', { name: 'Clear all' }).click();
    await page.getByText(/\d+ in all/).waitFor();
  });

  it('gives on Trust the success of restarts with its uncertainty, and each case', async () => {
    const { page, errors } = await show('Trust');
    expect(await page.locator('.stats').innerText()).toMatch(/of \d+ verified restarts helped; likely \d+ % to \d+ %/);
    expect(await page.getByRole('region', { name: 'By service' }).innerText()).toMatch(/api[\s\S]*likely/);
    expect(await page.getByRole('region', { name: 'Each case' }).getByRole('listitem').count()).toBeGreaterThan(5);
    expect(errors).toEqual([]);
  });

  it('adds up on Cost what was spent per day, service and model, and what was saved', async () => {
    const { page, errors } = await show('Cost');
    expect(await page.locator('.stats').innerText()).toMatch(/spent in 30 days\s+\$\d+\.\d+/);
    expect(await page.locator('.stats').innerText()).toMatch(/projected for 30 days\s+\$\d+\.\d+\s+of \$30\.00/);
    const perDay = page.getByRole('region', { name: 'Dollars per day and model' });
    expect(await perDay.getByRole('list').innerText()).toMatch(/claude-opus-4-8\s+claude-haiku-4-5/);
    expect(await perDay.locator('rect.hue-2').count()).toBeGreaterThan(0);
    await page.getByRole('button', { name: 'by service' }).click();
    const perService = page.getByRole('region', { name: 'Dollars per day and service' });
    const [dearest] = await page.getByRole('region', { name: 'By service' }).getByRole('link').allInnerTexts();
    expect(await perService.getByRole('listitem').first().innerText()).toBe(dearest);
    await page.getByRole('img', { name: /Dollars per day/ }).waitFor();
    expect(await page.getByRole('region', { name: 'By model' }).innerText()).toContain('claude-opus-4-8');
    expect(await page.getByRole('region', { name: 'Questions saved' }).innerText()).toMatch(
      /Known problem.*\s+[1-9]\d* incidents?/,
    );
    expect(errors).toEqual([]);
  });

  it('shows on Containers the policy of each with its source, and who depends on whom', async () => {
    const { page, errors } = await show('Containers');
    await page.getByRole('img', { name: /services and \d+ dependencies/ }).waitFor();
    // Closed rows have no content, because there may be thousands.
    expect(await page.locator('details.container table').count()).toBe(0);
    await page.locator('summary', { hasText: 'postgres:17' }).click();
    const policy = page.locator('details[open] table');
    expect(await policy.innerText()).toMatch(/restart/);
    await page.getByLabel('Find a container').fill('mailer');
    await soon(async () => ((await page.locator('details.container').count()) === 1 ? true : undefined));
    expect(errors).toEqual([]);
  });

  it('names each time in UTC, and counts what it shows', async () => {
    const { page } = await show('Incident');
    for (const time of await page.locator('time').all()) {
      expect(await time.getAttribute('title')).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC$/);
    }
  });

  it.each(VIEWS)('has no violation of axe on %s, dark and light, and fits a screen of 360 pixels', async (view) => {
    const { page } = await show(view);
    await openDetails(page);
    await page.evaluate(axe.source);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      const { violations } = await page.evaluate(() => (window as unknown as { axe: typeof axe }).axe.run());
      const found = violations.map(({ id, nodes }) => `${colorScheme} ${id}: ${nodes.map((n) => n.html).join(' ')}`);
      expect(found).toEqual([]);
    }
    await page.setViewportSize({ width: 360, height: 740 });
    // Charts are drawn again for the new width.
    await expect.poll(() => hiddenPixels(page)).toBe(0);
  });

  it('fits a screen of 3840 pixels', async () => {
    const { page } = await show('Now');
    await page.setViewportSize({ width: 3840, height: 740 });
    await expect.poll(() => hiddenPixels(page)).toBe(0);
  });

  it('can be used with the keyboard alone', async () => {
    const { page } = await show('Now');
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content');
    await page.keyboard.press('?');
    const keys = page.getByRole('dialog', { name: 'Keys' });
    await keys.getByText('go to Timeline').waitFor();
    await page.keyboard.press('Escape');
    await keys.waitFor({ state: 'detached' });
    await page.keyboard.press('3');
    await page.waitForURL('**/incidents');
    await settle(page);
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/incidents\/.+/);
    await page.getByRole('region', { name: 'What happened' }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.press('2');
    await page.waitForURL('**/timeline');
    await page.getByRole('heading', { name: 'Timeline' }).waitFor();
    await page.keyboard.press('+');
    await page.waitForURL(/span=/);
  });

  it('keeps the chosen colours', async () => {
    const { page } = await openPage(browser, doctor.url, { colorScheme: 'light' });
    await page.goto('/');
    await settle(page);
    const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const light = await background();
    await page.keyboard.press('t');
    await page.keyboard.press('t');
    const dark = await background();
    expect(dark).not.toBe(light);
    await page.reload();
    await settle(page);
    expect(await background()).toBe(dark);
  });

  it('says that an incident does not exist, and that an address shows nothing', async () => {
    const { page } = await openPage(browser, doctor.url);
    await page.goto('/incidents/unknown-id');
    await page.getByText('The incident could not be loaded').waitFor();
    expect((await page.request.get('/no-such-page')).status()).toBe(404);
  });

  it('serves text to curl and the page to browsers at the same address', async () => {
    const curl = await fetch(doctor.url, { headers: { accept: '*/*' } });
    expect(await curl.text()).toContain('/health');
    const page = await fetch(doctor.url, { headers: { accept: 'text/html,*/*;q=0.8' } });
    expect(page.headers.get('content-type')).toMatch(/text\/html/);
    expect(page.headers.get('content-security-policy')).not.toMatch(/unsafe/);
    const [, asset = ''] = /src="([^"]+\.js)"/.exec(await page.text()) ?? [];
    const script = await fetch(doctor.url + asset, { headers: { 'accept-encoding': 'br' } });
    expect(script.headers.get('cache-control')).toMatch(/max-age=31536000.*immutable/);
    expect(script.headers.get('content-encoding')).toBe('br');
  });
});

describe.skipIf(WITHOUT_BROWSER)('the page of an agent that has nothing to report', { timeout: 180_000 }, () => {
  it('is calm on every view, and needs no token to be read', async () => {
    const calm = await startPageWorld(0);
    try {
      const agent = await calm.open({ HTTP_TOKEN: '' });
      const { page, errors } = await openPage(browser, agent.url);
      await page.goto('/');
      await page.getByRole('heading', { name: 'All is well' }).waitFor();
      await page.getByText(/Watching 8 containers on box-1/).waitFor();
      for (const [path, text] of [
        ['/timeline', 'Nothing happened in this time'],
        ['/incidents', 'No incident so far'],
        ['/trust', 'No case so far'],
        ['/cost', 'Nothing was spent in this time'],
      ] as const) {
        await page.goto(path);
        await page.getByText(text).waitFor();
      }
      expect(errors).toEqual([]);
    } finally {
      await calm.close();
    }
  });
});
