import type { Browser } from 'playwright-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { launchBrowser, openDetails, openPage, WITHOUT_BROWSER } from '../support/browser.ts';
import { answer } from '../support/claude-server.ts';
import { freePort } from '../support/free-port.ts';
import { deadlock, fillDisk, type PageWorld, startPageWorld } from '../support/page-world.ts';
import { soon } from '../support/world.ts';

let world: PageWorld;
let browser: Browser;

beforeEach(async () => {
  if (WITHOUT_BROWSER) return;
  browser = await launchBrowser();
  world = await startPageWorld(0);
});

afterEach(async () => {
  await browser?.close();
  await world?.close();
});

describe.skipIf(WITHOUT_BROWSER)('the page, live', { timeout: 180_000 }, () => {
  it('shows a new incident and what becomes of it without being loaded again', async () => {
    const doctor = await world.open();
    const { page, errors } = await openPage(browser, doctor.url);
    await page.goto('/');
    await page.getByRole('heading', { name: 'All is well' }).waitFor();
    await page.getByText('live', { exact: true }).waitFor();
    let loads = 0;
    page.on('load', () => {
      loads += 1;
    });
    fillDisk(world);
    await page.getByRole('heading', { name: '1 open incident' }).waitFor();
    await page.getByRole('link', { name: /The disk that holds/ }).click();
    await page.getByRole('region', { name: 'Why it was not restarted' }).getByText('this decided').waitFor();
    await page.getByText('1 occurrence,').waitFor();
    fillDisk(world);
    await page.getByText('2 occurrences,').waitFor({ timeout: 180_000 });
    expect(loads).toBe(0);
    expect(errors).toEqual([]);
  });

  it('keeps focus, opened parts and the scroll position while data change', async () => {
    const doctor = await world.open();
    const { page } = await openPage(browser, doctor.url, { viewport: { width: 1000, height: 420 } });
    await page.goto('/containers');
    await page.getByText('live', { exact: true }).waitFor();
    const mailer = page.locator('summary', { hasText: 'shop/mailer' });
    await mailer.focus();
    await page.keyboard.press('Enter');
    await page.evaluate(() => window.scrollTo(0, 150));
    deadlock(world);
    await page.locator('summary', { hasText: 'shop/api' }).getByText('1 open incident').waitFor();
    expect(await mailer.evaluate((each) => each === document.activeElement)).toBe(true);
    expect(await page.locator('details.container[open]').count()).toBe(1);
    expect(await page.evaluate(() => window.scrollY)).toBeGreaterThan(100);
  });

  it('says that the agent is away, and continues by itself when it is back', async () => {
    const port = String(await freePort());
    const first = await world.open({ PORT: port });
    const { page } = await openPage(browser, first.url);
    await page.goto('/');
    await page.getByRole('heading', { name: 'All is well' }).waitFor();
    await page.getByText('live', { exact: true }).waitFor();
    // The other views have been read, as they are soon after the first one.
    await page.waitForFunction(() => performance.getEntriesByType('resource').some(({ name }) => /cost-/.test(name)));
    await first.stop();
    await page.getByText('No connection to the agent.').waitFor();
    // The other views can still be opened, and say why they are empty.
    await page.getByRole('link', { name: 'Cost' }).click();
    await page.getByText('The cost could not be loaded').waitFor();
    await page.getByRole('link', { name: 'Now' }).click();
    await page.getByRole('heading', { name: 'All is well' }).waitFor();
    fillDisk(world);
    await world.open({ PORT: port });
    await page.getByRole('heading', { name: '1 open incident' }).waitFor({ timeout: 30_000 });
    await page.getByText('live', { exact: true }).waitFor();
    expect(await page.getByText('No connection to the agent.').count()).toBe(0);
  });

  it('shows hostile text from logs, names and the model as text, on every view', async () => {
    const attack = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>"'>&lt;b&gt;`;
    world.claude.reply(() =>
      answer({
        root_cause: `${attack} root`,
        severity: 'high',
        suggested_fix: `${attack} [click](javascript:alert(1))`,
        auto_restart_safe: true,
        config_suggestions: [`${attack} config`],
        likely_recurring: true,
        estimated_impact: `${attack} impact`,
      }),
    );
    const evil = world.engine.addContainer({
      name: 'evil',
      image: `shop/evil:1"><img/src=x onerror=alert(1)>`,
      labels: { 'container-doctor.restart': `${attack}` },
    });
    const doctor = await world.open();
    const { page, errors, foreign } = await openPage(browser, doctor.url);
    await page.goto('/');
    await page.getByText('live', { exact: true }).waitFor();
    evil.log(`ERROR cannot serve ${attack} at https://evil.example/`, { stream: 'stderr' });
    const entry = await soon(async () =>
      (await doctor.history()).find((e) => e.container === 'evil' && e.decision !== null),
    );
    const views = ['/', '/timeline', '/incidents', `/incidents/${entry.id}`, '/trust', '/cost', '/containers'];
    for (const path of views) {
      await page.goto(path);
      await page.getByRole('main').getByRole('heading', { level: 1 }).waitFor();
      await page.waitForFunction(() => document.querySelector('[aria-busy="true"]') === null);
      await openDetails(page);
      const injected = await page.evaluate(
        () =>
          document.querySelectorAll('img, iframe, object, main script, [onerror], [onclick], a[href^="javascript"]')
            .length,
      );
      expect({ path, injected, title: await page.title() }).toEqual({
        path,
        injected: 0,
        title: expect.stringMatching(/Container Doctor$/),
      });
    }
    await page.goto(`/incidents/${entry.id}`);
    await page.getByRole('region', { name: 'Diagnosis' }).getByText(`${attack} root`).waitFor();
    expect(errors).toEqual([]);
    expect(foreign).toEqual([]);
  });
});
