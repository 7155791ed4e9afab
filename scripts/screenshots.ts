/**
 * `npm run screenshots`: pictures of the page for README and docs, into docs/images. The agent, its decisions and the
 * page are real; the engine, Claude and the weeks before today are simulated. `npm run screenshots -- FOLDER all` takes
 * each view whole, in both colours and several widths, to look at before a change of the page is committed.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { launchBrowser, loaded, openPage } from '../test/support/browser.ts';
import type { Doctor } from '../test/support/doctor.ts';
import { eventually } from '../test/support/eventually.ts';
import { deadlock, fillDisk, startPageWorld, TOKEN } from '../test/support/page-world.ts';

const IS_REVIEW = process.argv[3] === 'all';
const OUT = process.argv[2] ?? fileURLToPath(new URL('../docs/images', import.meta.url));
const PAST_INCIDENTS = 260;
/** The machine may be busy. */
const PATIENCE = { deadlineMs: 90_000, everyMs: 100 };
const DESKTOP = { width: 1200, height: 780 };
const PHONE = { width: 390, height: 780 };
const REVIEW_WIDTHS = [360, 768, 1280, 3840];

interface Picture {
  readonly file: string;
  readonly path: string;
  readonly scheme?: 'light' | 'dark';
  readonly viewport?: { readonly width: number; readonly height: number };
  /** The whole page, not only what fits into the viewport. */
  readonly whole?: true;
  /** Before the picture is taken. */
  readonly prepare?: (page: Page) => Promise<void>;
}

/** `/history` has no incident that only follows from another. */
async function openIncidentOf(doctor: Doctor, container: string): Promise<{ readonly id: string } | undefined> {
  const response = await fetch(`${doctor.url}/api/v1/incidents?state=open&container=${container}`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  const { incidents } = (await response.json()) as { incidents: { id: string; decision: unknown }[] };
  return incidents.find(({ decision }) => decision !== null);
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
      eventually(async () => {
        const found = (await doctor.history()).findLast(
          (e) => e.container === container && e.id.includes('-') && !e.id.startsWith('past-'),
        );
        return found?.decision && (found.decision !== 'restart' || found.outcome) ? found : undefined;
      }, PATIENCE);
    const api = await handled('api');
    fillDisk(world);
    const db = await handled('db');
    world.engine
      .container('search')
      ?.log('ERROR could not connect to db:5432: Connection refused', { stream: 'stderr' });
    world.engine.container('thumbnails')?.oom();
    await handled('thumbnails');
    const search = await eventually(() => openIncidentOf(doctor, 'search'), PATIENCE);

    const forDocs: readonly Picture[] = [
      { file: 'page-now.png', path: '/' },
      { file: 'page-now-dark.png', path: '/', scheme: 'dark' },
      { file: 'page-incident.png', path: `/incidents/${db.id}`, viewport: { width: 1200, height: 1160 } },
      { file: 'page-timeline.png', path: `/timeline?span=${7 * 86_400_000}` },
      { file: 'page-trust.png', path: '/trust' },
      { file: 'page-cost.png', path: '/cost', scheme: 'dark' },
      { file: 'page-containers.png', path: '/containers' },
      { file: 'page-phone.png', path: '/', viewport: PHONE },
    ];
    const views = {
      now: '/',
      timeline: `/timeline?span=${30 * 86_400_000}`,
      incidents: '/incidents',
      cause: `/incidents/${db.id}`,
      member: `/incidents/${search.id}`,
      restarted: `/incidents/${api.id}`,
      trust: '/trust',
      cost: '/cost',
      'cost-by-service': '/cost?split=service',
      containers: '/containers',
    };
    const forReview = Object.entries(views).flatMap(([name, address]) =>
      (['light', 'dark'] as const).flatMap((scheme) =>
        REVIEW_WIDTHS.map(
          (width): Picture => ({
            file: `${name}-${scheme}-${width}.png`,
            path: address,
            scheme,
            viewport: { width, height: 900 },
            whole: true,
          }),
        ),
      ),
    );
    for (const { file, path: address, scheme, viewport, whole, prepare } of IS_REVIEW ? forReview : forDocs) {
      const { page, context } = await openPage(browser, doctor.url, {
        viewport: viewport ?? DESKTOP,
        colorScheme: scheme ?? 'light',
      });
      await page.goto('/');
      await page.getByLabel(/Token/).fill(TOKEN);
      await page.getByRole('button', { name: 'Sign in' }).last().click();
      await page.getByRole('button', { name: 'Sign out' }).waitFor();
      await page.goto(address);
      await page.getByRole('main').getByRole('heading', { level: 1 }).waitFor();
      await loaded(page);
      await page.getByText('live', { exact: true }).waitFor();
      await prepare?.(page);
      await page.screenshot({ path: path.join(OUT, file), fullPage: whole ?? false });
      await context.close();
      console.log(path.join(OUT, file));
    }
  } finally {
    await browser.close();
    await world.close();
  }
}

await main();
