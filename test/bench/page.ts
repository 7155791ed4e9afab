/**
 * The page in Chromium with 10,000 incidents in the store: the time until it shows something, the time from a key or a
 * click to the changed view, and the memory of the agent while five pages are open.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser, loaded, openPage, WITHOUT_BROWSER } from '../support/browser.ts';
import { type Doctor, startDoctor } from '../support/doctor.ts';
import { eventually } from '../support/eventually.ts';
import { deadlock, type PageWorld, startPageWorld } from '../support/page-world.ts';
import { percentile, print, spread } from './support.ts';
import { buildAgentWithPage, rssMib } from './support-agent.ts';

const INCIDENTS = 10_000;
const LOADS = 10;
const OPEN_PAGES = 5;
const FIRST_PAINT_MS = 1_000;
const INTERACTION_MS = 100;
const GROWTH_MIB = 5;
/** Long enough for several garbage collections of the agent. */
const SETTLE_MS = 20_000;

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Paints {
  readonly painted: number[];
  readonly ready: number[];
  /** Of a line of text from the same agent: what the machine and the browser need in any case. */
  readonly text: number[];
}

const PAINTED = 'performance.getEntriesByName("first-contentful-paint")[0]?.startTime';

async function firstPaints(browser: Browser, url: string): Promise<Paints> {
  const painted: number[] = [];
  const ready: number[] = [];
  const text: number[] = [];
  for (let n = 0; n < LOADS; n++) {
    const { page, context } = await openPage(browser, url);
    await page.goto('/livez');
    text.push(await eventually(async () => ((await page.evaluate(PAINTED)) as number | null) ?? undefined));
    await page.goto('/');
    await page.getByText('containers watched').waitFor();
    const [paint = Number.NaN, now = Number.NaN] = (await page.evaluate(`[${PAINTED}, performance.now()]`)) as number[];
    painted.push(paint);
    ready.push(now);
    await context.close();
  }
  return { painted, ready, text };
}

interface Interaction {
  readonly ms: number;
  /** The view after it. */
  readonly view: string;
}

/** Event timings of the browser: from the key or click until the next frame was drawn. */
const OBSERVE = `
  window.took = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry.interactionId) window.took.push({ ms: entry.duration, view: location.pathname + ' ' + entry.name });
    }
  }).observe({ type: 'event', durationThreshold: 16, buffered: true });
`;

async function interactions(page: Page): Promise<Interaction[]> {
  await page.evaluate(OBSERVE);
  const done = async (name: string) => {
    await page.getByRole('main').getByRole('heading', { level: 1, name }).waitFor();
    await loaded(page);
  };
  for (let round = 0; round < 3; round++) {
    await page.keyboard.press('2');
    await done('Timeline');
    await page.getByRole('button', { name: '30 d' }).click();
    await wait(300);
    await page.keyboard.press('+');
    await page.keyboard.press('ArrowLeft');
    await wait(300);
    await page.keyboard.press('3');
    await done('Incidents');
    for (let n = 0; n < 10; n++) await page.keyboard.press('j');
    await page.getByRole('button', { name: /older ones/ }).click();
    await page.getByLabel('Search in summaries').pressSequentially('memory', { delay: 40 });
    await wait(400);
    await page.keyboard.press('Escape');
    for (const [name, link] of [
      ['Trust', 'Trust'],
      ['Cost', 'Cost'],
      ['Containers', 'Containers'],
    ] as const) {
      await page.getByRole('navigation').getByRole('link', { name: link }).click();
      await done(name);
    }
  }
  await wait(300);
  return (await page.evaluate('window.took')) as Interaction[];
}

/** MiB that the agent grew by while five pages were open and incidents happened. */
async function growth(browser: Browser, doctor: Doctor, world: PageWorld): Promise<number> {
  // The same work once without pages, so that code and caches of the agent are not counted.
  deadlock(world);
  await visit(browser, doctor.url, 1);
  await wait(SETTLE_MS);
  const before = rssMib(doctor.pid);
  const close = await visit(browser, doctor.url, OPEN_PAGES, true);
  for (let n = 0; n < 5; n++) {
    deadlock(world);
    await wait(SETTLE_MS / 5);
  }
  const after = rssMib(doctor.pid);
  await close();
  return after - before;
}

async function visit(browser: Browser, url: string, pages: number, keepsOpen = false): Promise<() => Promise<void>> {
  const opened = await Promise.all(Array.from({ length: pages }, () => openPage(browser, url)));
  await Promise.all(
    opened.map(async ({ page }) => {
      await page.goto('/');
      await page.getByText('live', { exact: true }).waitFor();
    }),
  );
  const close = async () => void (await Promise.all(opened.map(({ context }) => context.close())));
  if (!keepsOpen) await close();
  return close;
}

function judge(what: string, got: number, goal: number, unit: string): void {
  const isMet = got <= goal;
  print(`${what}, goal ${goal} ${unit}`, isMet ? 'met' : `MISSED: ${got.toFixed(1)} ${unit}`);
  if (!isMet) process.exitCode = 1;
}

export async function run(): Promise<void> {
  if (WITHOUT_BROWSER) return;
  const folder = mkdtempSync(path.join(tmpdir(), 'doctor-bench-page-'));
  const agent = await buildAgentWithPage(folder);
  const world = await startPageWorld(INCIDENTS);
  const browser = await launchBrowser();
  let doctor: Doctor | undefined;
  try {
    doctor = await startDoctor(world.environment({ ...agent.env, RETENTION_INCIDENTS: String(INCIDENTS + 1_000) }), {
      program: agent.program,
    });
    const { painted, ready, text } = await firstPaints(browser, doctor.url);
    print('first paint of a line of text (control)', spread(text));
    print('first paint', spread(painted));
    print('first view with its data', spread(ready));
    const { page } = await openPage(browser, doctor.url);
    await page.goto('/');
    await page.getByText('live', { exact: true }).waitFor();
    const all = await interactions(page);
    const took = all.map(({ ms }) => ms);
    print(`interactions (${took.length})`, spread(took));
    for (const [view, of] of Map.groupBy(all, ({ view }) => view)) print(`  ${view}`, spread(of.map(({ ms }) => ms)));
    await page.context().close();
    const grown = await growth(browser, doctor, world);
    print(`memory of the agent, ${OPEN_PAGES} pages`, `${grown >= 0 ? '+' : ''}${grown.toFixed(1)} MiB`);
    judge('first paint', percentile(painted, 0.95), FIRST_PAINT_MS, 'ms');
    judge('interaction, p95', percentile(took, 0.95), INTERACTION_MS, 'ms');
    judge('memory', grown, GROWTH_MIB, 'MiB');
  } finally {
    await browser.close();
    await doctor?.stop();
    await world.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
