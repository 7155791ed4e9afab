/**
 * `npm run screenshots`: pictures of the page for README and docs, into docs/images. The agent, its decisions and the
 * page are real; the engine, Claude and the weeks before today are simulated.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { launchBrowser, openPage } from '../test/support/browser.ts';
import { deadlock, fillDisk, startPageWorld, TOKEN } from '../test/support/page-world.ts';
import { soon } from '../test/support/world.ts';

const OUT = process.argv[2] ?? fileURLToPath(new URL('../docs/images', import.meta.url));
const PAST_INCIDENTS = 260;
const DESKTOP = { width: 1200, height: 780 };
const PHONE = { width: 390, height: 780 };

interface Picture {
  readonly file: string;
  readonly path: string;
  readonly scheme?: 'dark';
  readonly phone?: true;
  /** Before the picture is taken. */
  readonly prepare?: (page: Page) => Promise<void>;
}

async function main(): Promise<void> {
  mkdirSync(OUT, { recursive: true });
  const world = await startPageWorld(PAST_INCIDENTS);
  const browser = await launchBrowser();
  try {
    world.engine.addContainer({
      name: 'thumbnails',
      image: 'shop/thumbnails:1.2',
      labels: { 'container-doctor.restart': 'ask' },
    });
    const doctor = await world.open({ HTTP_TOKEN: TOKEN });
    deadlock(world);
    const handled = (container: string) =>
      soon(async () => {
        const found = (await doctor.history()).findLast(
          (e) => e.container === container && e.id.includes('-') && !e.id.startsWith('past-'),
        );
        return found?.decision && (found.decision !== 'restart' || found.outcome) ? found : undefined;
      });
    const api = await handled('api');
    fillDisk(world);
    await handled('db');
    world.engine
      .container('search')
      ?.log('ERROR could not connect to db:5432: Connection refused', { stream: 'stderr' });
    world.engine.container('thumbnails')?.oom();
    await handled('thumbnails');

    const pictures: readonly Picture[] = [
      { file: 'page-now.png', path: '/' },
      { file: 'page-now-dark.png', path: '/', scheme: 'dark' },
      { file: 'page-incident.png', path: `/incidents/${api.id}` },
      { file: 'page-timeline.png', path: `/timeline?span=${7 * 86_400_000}` },
      { file: 'page-trust.png', path: '/trust' },
      { file: 'page-cost.png', path: '/cost', scheme: 'dark' },
      { file: 'page-containers.png', path: '/containers' },
      { file: 'page-phone.png', path: '/', phone: true },
    ];
    for (const { file, path: address, scheme, phone, prepare } of pictures) {
      const { page, context } = await openPage(browser, doctor.url, {
        viewport: phone ? PHONE : DESKTOP,
        colorScheme: scheme ?? 'light',
      });
      await page.goto('/');
      await page.getByLabel(/Token/).fill(TOKEN);
      await page.getByRole('button', { name: 'Sign in' }).last().click();
      await page.getByRole('button', { name: 'Sign out' }).waitFor();
      await page.goto(address);
      await page.getByRole('main').getByRole('heading', { level: 1 }).waitFor();
      await page.waitForFunction('document.querySelector("[aria-busy=true]") === null');
      await page.getByText('live', { exact: true }).waitFor();
      await prepare?.(page);
      await page.screenshot({ path: path.join(OUT, file) });
      await context.close();
      console.log(path.join(OUT, file));
    }
  } finally {
    await browser.close();
    await world.close();
  }
}

await main();
