/** The page of one of two agents that share a database. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, loaded, openPage, WITHOUT_BROWSER } from '../support/browser.ts';
import { deadlock, type PageWorld, startPageWorld, TOKEN } from '../support/page-world.ts';
import { type PostgresServer, startPostgres, whyNoPostgres } from '../support/postgres-server.ts';

const isSkipped = WITHOUT_BROWSER || whyNoPostgres() !== undefined;

describe.skipIf(isSkipped)('the page of a fleet', { timeout: 180_000 }, () => {
  let server: PostgresServer;
  let browser: Browser;
  let worlds: readonly [PageWorld, PageWorld];
  beforeAll(async () => {
    server = await startPostgres();
    browser = await launchBrowser();
    worlds = await Promise.all([startPageWorld(0), startPageWorld(0)]);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await Promise.all((worlds ?? []).map((world) => world.close()));
    await server?.close();
  }, 60_000);

  it('has a filter by host, and answers a restart that waits on the other host', async () => {
    const [one, two] = worlds;
    const databaseUrl = server.createDatabase();
    two.engine.addContainer({ name: 'cron', image: 'shop/cron:1', labels: { 'container-doctor.restart': 'ask' } });
    const env = { DATABASE_URL: databaseUrl, HTTP_TOKEN: TOKEN };
    const [first] = await Promise.all([one.open(env), two.open({ ...env, AGENT_NAME: 'box-2' })]);
    const { page, errors } = await openPage(browser, first.url);
    await page.goto('/');
    await page.getByLabel(/Token/).fill(TOKEN);
    await page.getByRole('button', { name: 'Sign in' }).last().click();
    await page.getByRole('heading', { name: 'All is well' }).waitFor();

    await page.goto('/containers');
    const host = page.getByRole('combobox', { name: 'Host' });
    await host.waitFor({ timeout: 60_000 });
    await page.locator('summary', { hasText: 'cron' }).getByText('on box-2 · shop/cron:1').waitFor();
    expect(await page.locator('details.container').count()).toBe(17);
    await page.getByRole('heading', { name: 'Dependencies on box-1' }).waitFor();
    await picture('containers-all');

    await host.selectOption('box-2');
    await page.getByRole('heading', { name: 'Dependencies on box-2' }).waitFor();
    await page.getByRole('heading', { name: 'Policy of each container' }).waitFor();
    await expect.poll(() => page.locator('details.container').count(), { timeout: 60_000 }).toBe(9);
    await page.locator('summary', { hasText: 'cron' }).click();
    await page
      .getByRole('row', { name: /^restart/ })
      .getByText('label container-doctor.restart')
      .waitFor();
    await picture('containers-box-2');

    two.engine.container('cron')?.log('ERROR cannot start the job: deadlock', { stream: 'stderr' });
    await page.goto('/');
    await page.getByRole('heading', { name: '1 open incident, 1 restart waits for a person' }).waitFor();
    await page.getByText('On box-2.').waitFor();
    await picture('now');
    await page.getByRole('button', { name: 'Restart cron' }).click();
    await page.getByText('the restart of cron has begun').waitFor();
    await expect.poll(() => two.engine.count('restart', 'cron'), { timeout: 60_000 }).toBe(1);

    deadlock(one);
    await page.goto('/timeline');
    await host.selectOption('box-2');
    await page
      .getByRole('region', { name: 'Chart' })
      .getByRole('link', { name: /^cron: cannot start/ })
      .waitFor();
    await picture('timeline-box-2');
    // Before somebody signed in, the agent refused to answer.
    expect(errors.filter((error) => !error.includes('401'))).toEqual([]);

    /** To look at: `PICTURES=folder npx vitest run test/web/fleet.browser.test.ts`. */
    async function picture(name: string): Promise<void> {
      await loaded(page);
      if (process.env.PICTURES) await page.screenshot({ path: `${process.env.PICTURES}/${name}.png`, fullPage: true });
    }
  });
});
