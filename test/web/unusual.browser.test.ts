import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, loaded, openDetails, openPage, WITHOUT_BROWSER } from '../support/browser.ts';
import { hang } from '../support/claude-server.ts';
import type { Doctor } from '../support/doctor.ts';
import { freePort } from '../support/free-port.ts';
import { fillDisk, type PageWorld, startPageWorld, TOKEN } from '../support/page-world.ts';
import { soon } from '../support/world.ts';

const LONG = `${'very-'.repeat(40)}long`;

let browser: Browser;
let world: PageWorld;
let doctor: Doctor;

beforeAll(async () => {
  if (!WITHOUT_BROWSER) browser = await launchBrowser();
});
afterAll(() => browser?.close());
// A page that is open reads again what changes.
afterEach(async () => {
  for (const context of browser?.contexts() ?? []) await context.close();
});

async function signIn(page: Page): Promise<void> {
  await page.getByLabel(/Token/).fill(TOKEN);
  await page.getByRole('button', { name: 'Sign in' }).last().click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
}

describe.skipIf(WITHOUT_BROWSER)('the page', { timeout: 90_000 }, () => {
  let longIncident: string;

  beforeAll(async () => {
    world = await startPageWorld(12);
    world.engine.addContainer({
      name: LONG,
      image: `registry.example/${'deep/'.repeat(30)}app:1`,
      env: ['DATABASE_HOST=db'],
      networks: ['shop'],
    });
    doctor = await world.open();
    fillDisk(world);
    world.engine.container(LONG)?.log(`ERROR cannot read ${'x'.repeat(3_000)}`, { stream: 'stderr' });
    const handled = (container: string) =>
      soon(async () => (await doctor.history()).find((e) => e.container === container && e.decision !== null));
    await handled('db');
    longIncident = (await handled(LONG)).id;
  });
  afterAll(() => world?.close());

  it.each([3, -3])('tells times by the clock of the agent if that of the reader is %d hours ahead', async (hours) => {
    const { page, context } = await openPage(browser, doctor.url);
    await context.addInitScript((aheadMs) => {
      const now = Date.now;
      Date.now = () => now() + aheadMs;
    }, hours * 3_600_000);
    await page.goto('/');
    const open = page.getByRole('region', { name: 'Open incidents' });
    await open
      .getByText(/^(just now|\d+ (s|min) ago)$/)
      .first()
      .waitFor();
    expect(await open.innerText()).toMatch(/open for \d+(\.\d)? (ms|s|min)\b/);
    await page.goto('/timeline?span=3600000');
    await page.getByText(/The last 1 h: [1-9]\d* incidents?/).waitFor();
    await page.locator('.lanes a').first().waitFor();
  });

  it('goes back and forward through views and incidents, each with its own title and content', async () => {
    const { page, errors } = await openPage(browser, doctor.url);
    await page.goto('/incidents');
    const rows = page.getByRole('region', { name: /newest first/ }).getByRole('link');
    await rows.first().click();
    const heading = page.getByRole('main').getByRole('heading', { level: 1 });
    await page.waitForURL(/\/incidents\/./);
    await loaded(page);
    const one = await heading.innerText();
    await page.goBack();
    await page.getByRole('heading', { level: 1, name: 'Incidents' }).waitFor();
    await rows.nth(1).click();
    await page.waitForURL(/\/incidents\/./);
    await loaded(page);
    await page.goBack();
    const title = (name: string) => page.getByRole('heading', { level: 1, name }).waitFor();
    await title('Incidents');
    await page.keyboard.press('4');
    await title('Trust');
    // At once, while the next view is still loading.
    await page.keyboard.press('5');
    await page.keyboard.press('6');
    await title('Containers');
    await page.goBack();
    await title('Cost');
    expect(await page.title()).toBe('Cost · Container Doctor');
    expect(one.length).toBeGreaterThan(3);
    expect(errors).toEqual([]);
  });

  it('shows each view again when the reader comes back to it', async () => {
    const { page, errors } = await openPage(browser, doctor.url);
    await page.goto('/');
    for (const _ of [1, 2]) {
      for (const name of ['Timeline', 'Incidents', 'Trust', 'Cost', 'Containers']) {
        await page.getByRole('navigation').getByRole('link', { name }).click();
        await page.getByRole('main').getByRole('heading', { level: 1, name }).waitFor();
        await loaded(page);
      }
    }
    expect(errors).toEqual([]);
  });

  it('empties the search field with the filter', async () => {
    const { page } = await openPage(browser, doctor.url);
    await page.goto('/incidents?search=memory');
    const search = page.getByLabel('Search in summaries');
    expect(await search.inputValue()).toBe('memory');
    await search.fill('no incident says this');
    await page.getByText('No incident matches').waitFor();
    await page.getByRole('button', { name: 'Clear all' }).click();
    await page.getByText(/\d+ in all/).waitFor();
    expect(await search.inputValue()).toBe('');
  });

  it('says that an address is no incident, whatever the address', async () => {
    const { page } = await openPage(browser, doctor.url);
    for (const id of ['%zz', '%00', encodeURIComponent('<img src=x>'), 'x'.repeat(300)]) {
      await page.goto(`/incidents/${id}`);
      await page.getByText('The incident could not be loaded').waitFor();
    }
  });

  it('fits a screen of 360 pixels with names as long as they can be', async () => {
    const { page } = await openPage(browser, doctor.url, { viewport: { width: 360, height: 740 } });
    // Without an answer the page is "connecting", its longest state.
    await page.route('**/api/v1/events', () => undefined);
    for (const path of [
      '/',
      '/timeline',
      '/incidents',
      `/incidents/${longIncident}`,
      '/trust',
      '/cost',
      '/containers',
    ]) {
      await page.goto(path);
      await page.getByRole('main').getByRole('heading', { level: 1 }).waitFor();
      await loaded(page);
      await openDetails(page);
      const wide = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect({ path, wide }).toEqual({ path, wide: 0 });
    }
  });

  it('fits a screen of 360 pixels while an incident is being diagnosed', async () => {
    world.claude.reply(() => hang());
    world.engine.container('search')?.log('ERROR index 17 is corrupt', { stream: 'stderr' });
    const { page } = await openPage(browser, doctor.url, { viewport: { width: 360, height: 740 } });
    await page.goto('/');
    await page.getByText('not diagnosed yet').first().waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  });
});

describe.skipIf(WITHOUT_BROWSER)('the page of an agent with a token', { timeout: 90_000 }, () => {
  let port: string;

  beforeAll(async () => {
    port = String(await freePort());
    world = await startPageWorld(0);
    doctor = await world.open({ PORT: port, HTTP_TOKEN: TOKEN });
  });
  afterAll(() => world?.close());

  it('opens from a link on another port of the host, signed in, and in no frame of it', async () => {
    const other = createServer((_, response) => {
      response.setHeader('content-type', 'text/html');
      response.end(
        `<a href="${doctor.url}/cost">doctor</a><a href="${doctor.url}/history">history</a><iframe src="${doctor.url}/cost"></iframe>`,
      );
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    try {
      const { page } = await openPage(browser, doctor.url);
      await page.goto('/');
      await signIn(page);
      await page.goto(`http://127.0.0.1:${(other.address() as AddressInfo).port}/`);
      await soon(() => (page.frames().length > 1 ? true : undefined));
      expect(await page.frames()[1]?.getByText('Container Doctor').count()).toBe(0);
      await page.getByRole('link', { name: 'doctor' }).click();
      await page.getByRole('heading', { level: 1, name: 'Cost' }).waitFor();
      await page.getByRole('button', { name: 'Sign out' }).waitFor();
      await page.goBack();
      const [answer] = await Promise.all([
        page.waitForResponse(/\/history/),
        page.getByRole('link', { name: 'history' }).click(),
      ]);
      expect(answer.status()).toBe(403);
    } finally {
      other.close();
    }
  });

  it('asks for the token again when the agent has ended the session, and then continues', async () => {
    const { page } = await openPage(browser, doctor.url);
    await page.goto('/');
    await signIn(page);
    await page.getByText('live', { exact: true }).waitFor();
    await doctor.stop();
    await page.getByText('No connection to the agent.').waitFor();
    await world.open({ PORT: port, HTTP_TOKEN: TOKEN });
    await page.getByRole('heading', { name: 'Sign in' }).waitFor({ timeout: 30_000 });
    expect(await page.getByText('containers watched').count()).toBe(0);
    await signIn(page);
    await page.getByText('live', { exact: true }).waitFor();
    await page.getByText('containers watched').waitFor();
  });
});
