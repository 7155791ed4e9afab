import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launchBrowser, loaded, openPage, WITHOUT_BROWSER } from '../support/browser.ts';
import { hang } from '../support/claude-server.ts';
import { freePort } from '../support/free-port.ts';
import { deadlock, fillDisk, type PageWorld, startPageWorld, TOKEN } from '../support/page-world.ts';
import { soon } from '../support/world.ts';

let browser: Browser;
let world: PageWorld;

beforeAll(async () => {
  if (!WITHOUT_BROWSER) browser = await launchBrowser();
});
afterAll(() => browser?.close());
beforeEach(async () => {
  if (!WITHOUT_BROWSER) world = await startPageWorld(12);
});
afterEach(() => world?.close());

async function signIn(page: Page): Promise<void> {
  await page.getByLabel(/Token/).fill(TOKEN);
  await page.getByRole('button', { name: 'Sign in' }).last().click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
}

describe.skipIf(WITHOUT_BROWSER)('the page', { timeout: 90_000 }, () => {
  it('asks for the token again when the agent has ended the session, and then continues', async () => {
    const port = String(await freePort());
    const first = await world.open({ PORT: port, HTTP_TOKEN: TOKEN });
    const { page } = await openPage(browser, first.url);
    await page.goto('/');
    await signIn(page);
    await page.getByText('live', { exact: true }).waitFor();
    await first.stop();
    await page.getByText('No connection to the agent.').waitFor();
    await world.open({ PORT: port, HTTP_TOKEN: TOKEN });
    await page.getByRole('heading', { name: 'Sign in' }).waitFor({ timeout: 30_000 });
    expect(await page.getByText('containers watched').count()).toBe(0);
    await signIn(page);
    await page.getByText('live', { exact: true }).waitFor();
    await page.getByText('containers watched').waitFor();
  });

  it.each([3, -3])('tells times by the clock of the agent if that of the reader is %d hours ahead', async (hours) => {
    const doctor = await world.open();
    fillDisk(world);
    await soon(async () => (await doctor.history()).find((e) => e.container === 'db' && e.decision !== null));
    const { page, context } = await openPage(browser, doctor.url);
    await context.addInitScript((aheadMs) => {
      const now = Date.now;
      Date.now = () => now() + aheadMs;
    }, hours * 3_600_000);
    await page.goto('/');
    const open = page.getByRole('region', { name: 'Open incidents' });
    await open.getByText(/^(just now|\d+ s ago|1 min ago)$/).waitFor();
    expect(await open.innerText()).toMatch(/open for \d+(\.\d)? (ms|s|min)\b/);
    await page.goto('/timeline?span=3600000');
    await page.getByText(/The last 1 h: [1-9]\d* incidents?/).waitFor();
    await page.locator('.lanes a').first().waitFor();
  });

  it('goes back and forward through views and incidents, each with its own title and content', async () => {
    const doctor = await world.open();
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
    const doctor = await world.open();
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
    const doctor = await world.open();
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
    const doctor = await world.open();
    const { page } = await openPage(browser, doctor.url);
    for (const id of ['%zz', '%00', encodeURIComponent('<img src=x>'), 'x'.repeat(300)]) {
      await page.goto(`/incidents/${id}`);
      await page.getByText('The incident could not be loaded').waitFor();
    }
  });

  it('opens from a link on another port of the host, signed in, and in no frame of it', async () => {
    const doctor = await world.open({ HTTP_TOKEN: TOKEN });
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

  it('fits a screen of 360 pixels with names as long as they can be', async () => {
    const long = `${'very-'.repeat(40)}long`;
    world.engine.addContainer({
      name: long,
      image: `registry.example/${'deep/'.repeat(30)}app:1`,
      env: ['DATABASE_HOST=db'],
      networks: ['shop'],
    });
    const doctor = await world.open();
    deadlock(world);
    world.engine.container(long)?.log(`ERROR cannot read ${'x'.repeat(3_000)}`, { stream: 'stderr' });
    const { id } = await soon(async () =>
      (await doctor.history()).find((e) => e.container === long && e.decision !== null),
    );
    const { page } = await openPage(browser, doctor.url, { viewport: { width: 360, height: 740 } });
    for (const path of ['/', '/timeline', '/incidents', `/incidents/${id}`, '/trust', '/cost', '/containers']) {
      await page.goto(path);
      await page.getByRole('main').getByRole('heading', { level: 1 }).waitFor();
      await loaded(page);
      for (const part of await page.locator('main details').all()) {
        await part.evaluate((each) => each.setAttribute('open', ''));
      }
      const wide = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect({ path, wide }).toEqual({ path, wide: 0 });
    }
  });

  it('fits a screen of 360 pixels while an incident is being diagnosed', async () => {
    world.claude.reply(() => hang());
    const doctor = await world.open();
    world.engine.container('search')?.log('ERROR index 17 is corrupt', { stream: 'stderr' });
    const { page } = await openPage(browser, doctor.url, { viewport: { width: 360, height: 740 } });
    await page.goto('/');
    await page.getByText('not diagnosed yet').first().waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  });
});
