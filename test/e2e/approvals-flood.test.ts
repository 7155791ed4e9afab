/** Thirty restarts wait for a person at the same time, and twenty other problems come with them. */
import { expect, it, onTestFinished } from 'vitest';
import { answer } from '../support/claude-server.ts';
import { eventually } from '../support/eventually.ts';
import { createAdjustableClock } from '../support/fast-clock.ts';
import { startFastWorld } from '../support/fast-world.ts';
import { letters } from '../support/letters.ts';
import { JANE, slackAppBesideOthers } from '../support/slack-app-env.ts';
import { type ChannelMessage, startSlackApp } from '../support/slack-app-server.ts';
import { SAFE } from '../support/world.ts';

const ASKS = 30;
const OTHERS = 20;

it('each waiting restart has its buttons in Slack, beside at most twelve other messages; elsewhere there is a link', async () => {
  const clock = createAdjustableClock(4);
  const slack = await startSlackApp();
  // Both ways to Slack at once.
  onTestFinished(() => slack.close());
  const world = await startFastWorld({
    clock,
    containers: Array.from({ length: ASKS + OTHERS }, (_, n) => ({
      name: `${letters(n)}-app`,
      labels: { 'container-doctor.restart': n < ASKS ? 'ask' : 'never' },
    })),
    claude: () => answer(SAFE),
    env: {
      ...slackAppBesideOthers(slack),
      AUTO_FIX: 'ask',
      MAX_DIAGNOSES_PER_HOUR: '1000',
      MAX_SPEND_PER_DAY: '100',
      PUBLIC_URL: 'https://doctor.test',
    },
  });
  onTestFinished(world.close);
  const patience = { deadlineMs: 120_000, everyMs: 100 };
  await eventually(
    async () => ((await world.health()).monitoring.length === ASKS + OTHERS ? true : undefined),
    patience,
  );
  for (let n = 0; n < ASKS + OTHERS; n++) {
    const container = world.engine.container(`${letters(n)}-app`);
    container?.log(`FATAL the ${letters(n)} table has no column ${letters(n * 7)}`, { stream: 'stderr' });
    container?.exit(1);
  }
  const messages = () => slack.shown().filter(({ threadTs }) => threadTs === undefined);
  const withButtons = () =>
    messages().filter(({ blocks }) => blocks.some(({ block_id }) => block_id?.startsWith('request')));
  const summaries = () => messages().filter(({ text }) => / more problems within/.test(text));
  const counted = (texts: readonly string[]) => Number(/^\d+/.exec(texts.at(-1) ?? '')?.[0] ?? 0);

  await eventually(() => (withButtons().length === ASKS ? true : undefined), patience);
  await eventually(() => (counted(summaries().map(({ text }) => text)) === OTHERS - 10 ? true : undefined), patience);
  expect(messages().length - ASKS).toBeLessThanOrEqual(12);
  const waiting = (await world.people.store.waitingRequests()).map(({ id }) => id).sort();
  expect(withButtons().map(requestOf).sort()).toEqual(waiting);

  // The incoming webhook has no buttons: its summary says how many wait, with a link to the page.
  clock.speed = 20;
  const posts = () => world.slack.posts.map(({ text }) => text);
  const summary = await eventually(
    () => posts().find((text) => / more problems/.test(text) && text.includes('for the decision of a person')),
    patience,
  );
  expect(summary).toMatch(/(\d+) restarts among them wait for the decision of a person, on the page of the agent/);
  expect(JSON.stringify(world.slack.posts)).toContain('https://doctor.test');
  clock.speed = 4;

  // The last one can be answered.
  const last = withButtons().at(-1) as ChannelMessage;
  await slack.click({ user: JANE, message: last, action: 'leave' });
  await eventually(() => (slack.textOf(last).includes('Left as it is') ? true : undefined), patience);
  expect(slack.violations).toEqual([]);
}, 240_000);

function requestOf({ blocks }: ChannelMessage): string {
  return blocks.find(({ block_id }) => block_id?.startsWith('request')).elements[0].value;
}
