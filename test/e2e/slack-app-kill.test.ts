/**
 * A real agent process is killed with SIGKILL around a click on Restart, then started again. The stand-in for Slack has
 * what people saw. The restart is made once, and the only message of the incident ends as resolved.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { answer } from '../support/claude-server.ts';
import { eventually } from '../support/eventually.ts';
import { JANE, slackAppEnv } from '../support/slack-app-env.ts';
import { type ChannelMessage, type SlackApp, startSlackApp } from '../support/slack-app-server.ts';
import { SAFE, startWorld, type World } from '../support/world.ts';

interface Scene {
  readonly world: World;
  readonly slack: SlackApp;
  readonly message: ChannelMessage;
}

const at = (state: () => boolean) => eventually(() => state() || undefined, { deadlineMs: 60_000, everyMs: 2 });
const shows = ({ slack, message }: Scene, text: string) => slack.textOf(message).includes(text);
const restarts = ({ world }: Scene) => world.engine.count('restart', 'web');

const POINTS: readonly [what: string, moment: (scene: Scene) => Promise<unknown>][] = [
  ['when the click was acknowledged', async () => {}],
  ['10 ms after the click', () => sleep(10)],
  ['40 ms after the click', () => sleep(40)],
  ['when the restart is requested', (scene) => at(() => restarts(scene) > 0)],
  ['when the message says who approved it', (scene) => at(() => shows(scene, 'Restart approved by'))],
  ['while the restart is verified', (scene) => at(() => restarts(scene) > 0).then(() => sleep(600))],
  ['when the message says that it recovered', (scene) => at(() => shows(scene, 'and it recovered'))],
];

describe('killed', { timeout: 180_000 }, () => {
  it.each(POINTS)('%s: one restart, one message, nothing lost', async (_, moment) => {
    await inScene(async (scene) => {
      const { world, slack, message } = scene;
      const doctor = world.doctor;
      await slack.click({ user: JANE, message, action: 'restart' });
      await moment(scene);
      doctor.signal('SIGKILL');
      await doctor.exited;

      await world.start(slackAppEnv(slack));
      // If it died before the approval was stored, the request still waits, and the button can be pressed again.
      await at(() => slack.socket.connections() > 0);
      await eventually(
        async () => {
          if (shows(scene, '✅ Resolved: web')) return true;
          const waits = message.blocks.some(({ block_id }) => block_id === 'request');
          if (waits && restarts(scene) === 0) await slack.click({ user: JANE, message, action: 'restart' });
          return undefined;
        },
        { deadlineMs: 60_000, everyMs: 500 },
      );
      expect(restarts(scene)).toBe(1);
      expect(slack.shown().filter(({ threadTs }) => !threadTs)).toHaveLength(1);
      expect(slack.textOf(message)).toContain('Restart approved by');
      // The reply is posted after the message was edited.
      const replies = () => slack.thread(message.ts).map((reply) => slack.textOf(reply));
      await at(() => replies().some((text) => text.includes('Resolved: web')));
      expect(replies().filter((text) => text.includes('Resolved: web'))).toHaveLength(1);
      expect(slack.violations).toEqual([]);
    });
  });

  it('while the message is posted: it is there at most twice, and the newest one is edited', async () => {
    const slack = await startSlackApp();
    const world = await startWorld(() => answer(SAFE));
    try {
      const web = world.engine.addContainer({ name: 'web', labels: { 'container-doctor.restart': 'ask' } });
      const first = await world.start(slackAppEnv(slack));
      slack.reply('chat.postMessage', ['cut']);
      web.log('ERROR cannot serve: deadlock', { stream: 'stderr' });
      await at(() => slack.callsOf('chat.postMessage').length > 0);
      first.signal('SIGKILL');
      await first.exited;
      await world.start(slackAppEnv(slack));
      await at(() => slack.thread(slack.shown().at(-1)?.ts ?? '').length > 0 && slack.socket.connections() > 0);
      const message = slack.shown().at(-1) as ChannelMessage;
      expect(slack.shown().length).toBeLessThanOrEqual(2);
      await slack.click({ user: JANE, message, action: 'leave' });
      await at(() => shows({ world, slack, message }, 'Left as it is'));
    } finally {
      await world.close();
      await slack.close();
    }
  });
});

async function inScene(
  use: (scene: Scene & { readonly world: World & { doctor: Awaited<ReturnType<World['start']>> } }) => Promise<void>,
) {
  const slack = await startSlackApp({ answersAfterMs: 20 });
  const world = await startWorld(() => answer(SAFE));
  try {
    const web = world.engine.addContainer({
      name: 'web',
      labels: { 'container-doctor.restart': 'ask' },
      stopTakesMs: 60,
      stopTimeout: 1,
    });
    const doctor = await world.start(slackAppEnv(slack));
    web.log('ERROR cannot serve: deadlock', { stream: 'stderr' });
    const message = await eventually(
      () => {
        const [found] = slack.shown();
        const ready = found?.blocks.some(({ block_id }) => block_id === 'request') && slack.thread(found.ts).length > 0;
        return ready && slack.socket.connections() > 0 ? found : undefined;
      },
      { deadlineMs: 60_000 },
    );
    await use({ world: { ...world, doctor }, slack, message });
  } finally {
    await world.close();
    await slack.close();
  }
}
