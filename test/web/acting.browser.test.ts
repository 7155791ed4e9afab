import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launchBrowser, openPage, WITHOUT_BROWSER } from '../support/browser.ts';
import type { Doctor } from '../support/doctor.ts';
import { fillDisk, type PageWorld, startPageWorld, TOKEN } from '../support/page-world.ts';
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

async function signedIn(doctor: Doctor, path: string): Promise<Page> {
  const { page } = await openPage(browser, doctor.url);
  await page.goto(path);
  await signIn(page);
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
  return page;
}

async function signIn(page: Page, token = TOKEN): Promise<void> {
  await page.getByLabel(/Token/).fill(token);
  await page.getByRole('button', { name: 'Sign in' }).last().click();
}

const incidentOf = (doctor: Doctor, container: string) =>
  soon(async () => (await doctor.history()).findLast((e) => e.container === container && e.decision !== null));

describe.skipIf(WITHOUT_BROWSER)('acting on the page', { timeout: 180_000 }, () => {
  it('is not possible without HTTP_TOKEN: the page is read-only and says why', async () => {
    const doctor = await world.open();
    fillDisk(world);
    const { id } = await incidentOf(doctor, 'db');
    const { page } = await openPage(browser, doctor.url);
    await page.goto(`/incidents/${id}`);
    await page.getByRole('button', { name: 'Snooze' }).waitFor();
    for (const name of ['Right', 'Wrong', 'Snooze', 'Ask again']) {
      expect(await page.getByRole('button', { name }).isDisabled()).toBe(true);
    }
    await page
      .getByRole('main')
      .getByText(/HTTP_TOKEN/)
      .waitFor();
    await page.getByRole('button', { name: 'Read-only' }).click();
    await page
      .getByRole('dialog', { name: 'This page is read-only' })
      .getByText(/HTTP_TOKEN/)
      .first()
      .waitFor();
  });

  it('needs the token: a wrong one is refused, the right one opens a session that can be ended', async () => {
    const doctor = await world.open({ HTTP_TOKEN: TOKEN });
    const { page, context } = await openPage(browser, doctor.url);
    await page.goto('/');
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(await page.getByText('containers watched').count()).toBe(0);
    await signIn(page, 'wrong');
    await soon(async () => ((await page.locator('.error').innerText()) !== '' ? true : undefined));
    await signIn(page);
    await page.getByRole('heading', { name: 'All is well' }).waitFor();
    await page.getByText('live', { exact: true }).waitFor();
    const [cookie] = await context.cookies();
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
    expect(cookie?.value).not.toContain(TOKEN);
    await page.reload();
    await page.getByRole('heading', { name: 'All is well' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  it('judges a decision with a note, on the incident and on Trust', async () => {
    const doctor = await world.open({ HTTP_TOKEN: TOKEN });
    const page = await signedIn(doctor, '/trust');
    const first = page.getByRole('region', { name: 'Each case' }).getByRole('listitem').first();
    await first.getByRole('button', { name: 'Wrong' }).click();
    const dialog = page.getByRole('dialog', { name: 'The decision was wrong' });
    await dialog.getByLabel(/Note/).fill('it was a deployment');
    await dialog.getByRole('button', { name: 'Save the verdict' }).click();
    await soon(async () =>
      (await first.getByRole('button', { name: 'Wrong' }).getAttribute('aria-pressed')) === 'true' ? true : undefined,
    );
    await first.getByText('Note: it was a deployment').waitFor();
    await first.getByRole('link').click();
    await page
      .getByRole('region', { name: 'What happened' })
      .getByText(/verdict/)
      .waitFor();
    await page.keyboard.press('r');
    await page.getByRole('button', { name: 'Save the verdict' }).click();
    await soon(async () =>
      (await page.getByRole('button', { name: 'Right' }).getAttribute('aria-pressed')) === 'true' ? true : undefined,
    );
  });

  it('asks again about an open incident', async () => {
    const doctor = await world.open({ HTTP_TOKEN: TOKEN });
    fillDisk(world);
    const { id } = await incidentOf(doctor, 'db');
    const before = world.claude.requests.length;
    const page = await signedIn(doctor, `/incidents/${id}`);
    await page.getByRole('button', { name: 'Ask again' }).click();
    await soon(() => (world.claude.requests.length > before ? true : undefined));
    await page
      .getByRole('region', { name: 'What happened' })
      .getByText(/ask again/)
      .waitFor();
  });

  it('snoozes a problem and a service for a time, shows it, and ends it', async () => {
    const doctor = await world.open({ HTTP_TOKEN: TOKEN });
    fillDisk(world);
    const { id } = await incidentOf(doctor, 'db');
    const page = await signedIn(doctor, `/incidents/${id}`);
    await page.getByRole('button', { name: 'Snooze' }).waitFor();
    await page.keyboard.press('z');
    await page.getByRole('dialog').getByLabel('For').selectOption('28800');
    await page.getByRole('dialog').getByRole('button', { name: 'Snooze' }).click();
    const snoozed = page.getByRole('region', { name: 'Snoozed' });
    await snoozed.getByText(/one problem/).waitFor();
    await page.goto('/containers');
    await page.locator('summary', { hasText: 'shop/mailer' }).click();
    await page.getByRole('button', { name: 'Snooze mailer' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Snooze' }).click();
    await page.goto('/');
    await snoozed.getByText(/all problems/).waitFor();
    await snoozed.getByRole('button', { name: 'End the snooze of mailer' }).click();
    await snoozed.getByText(/all problems/).waitFor({ state: 'detached' });
  });

  it.each([
    ['approves', 'Restart worker-2', 1],
    ['denies', 'Leave it', 0],
  ])('%s a restart that waits for a person', async (_, button, restarts) => {
    const doctor = await world.open({ HTTP_TOKEN: TOKEN });
    world.engine.addContainer({
      name: 'worker-2',
      image: 'shop/worker:2.3',
      labels: { 'container-doctor.restart': 'ask' },
    });
    const page = await signedIn(doctor, '/');
    world.engine.container('worker-2')?.oom();
    const waits = page.getByRole('region', { name: 'Waits for a person' });
    await waits.getByRole('button', { name: button }).click();
    await waits.waitFor({ state: 'detached' });
    await soon(() => (world.engine.count('restart', 'worker-2') === restarts ? true : undefined));
  });
});
