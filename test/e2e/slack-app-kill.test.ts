/**
 * A real agent process is killed with SIGKILL around a click on Restart, or during a flood, then started again. The
 * stand-in for Slack has what people saw, and the database what was stored. The restart is made once, and the only
 * message of the incident ends as resolved.
 */
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { createLimit } from '../../src/lib/limit.ts';
import { answer } from '../support/claude-server.ts';
import { eventually } from '../support/eventually.ts';
import { letters } from '../support/letters.ts';
import { JANE, slackAppEnv } from '../support/slack-app-env.ts';
import { type ChannelMessage, type SlackApp, startSlackApp } from '../support/slack-app-server.ts';
import { SAFE, startWorld, type World } from '../support/world.ts';

/** A scene mostly waits. */
const threeAtATime = createLimit(3);

interface Scene {
  readonly world: World;
  readonly slack: SlackApp;
  readonly message: ChannelMessage;
}

const at = (state: () => boolean) => eventually(() => state() || undefined, { deadlineMs: 60_000, everyMs: 2 });
const shows = ({ slack, message }: Scene, text: string) => slack.textOf(message).includes(text);
const restarts = ({ world }: Scene) => world.engine.count('restart', 'web');
const starts = ({ world }: Scene) => world.engine.container('web')?.starts;

const calls = ({ slack }: Scene, method: string, from: number) => slack.callsOf(method).length > from;

type Moment = (scene: Scene, before: { readonly edits: number; readonly replies: number }) => Promise<unknown>;

const POINTS: readonly [what: string, moment: Moment][] = [
  ['when the click was acknowledged', async () => {}],
  ['when the approval is stored', (scene) => at(() => stored(scene).request === 'approved')],
  ['when the attempt is stored', (scene) => at(() => stored(scene).attempts > 0)],
  ['when the restart is requested', (scene) => at(() => restarts(scene) > 0)],
  ['when the first edit arrives at Slack', (scene, { edits }) => at(() => calls(scene, 'chat.update', edits))],
  ['when the message says who approved it', (scene) => at(() => shows(scene, 'Restart approved by'))],
  ['while the restart is verified', (scene) => at(() => stored(scene).verifying && starts(scene) === 2)],
  ['when the outcome is stored', (scene) => at(() => stored(scene).outcome === 'recovered')],
  ['when the message says that it recovered', (scene) => at(() => shows(scene, 'and it recovered'))],
  [
    'when a reply arrives at Slack',
    (scene, { replies }) => at(() => shows(scene, 'and it recovered') && calls(scene, 'chat.postMessage', replies + 1)),
  ],
];

describe.concurrent('killed', { timeout: 240_000 }, () => {
  it.each(POINTS)('%s: one restart, one message, nothing lost', async (_, moment) =>
    threeAtATime(() => killAndCheck(moment)),
  );

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
      const [copy] = slack.shown();
      if (copy !== undefined && copy !== message) {
        await slack.click({ user: JANE, message: copy, action: 'restart' });
        await at(() => shows({ world, slack, message: copy }, 'by a newer message about this incident'));
        expect(slack.ephemerals[0]?.text).toMatch(/newer message/);
        expect(world.engine.count('restart', 'web')).toBe(0);
      }
      await slack.click({ user: JANE, message, action: 'leave' });
      await at(() => shows({ world, slack, message }, 'Left as it is'));
    } finally {
      await world.close();
      await slack.close();
    }
  });
});

describe('killed during a flood', { timeout: 240_000 }, () => {
  it('after its summary was posted: the next run edits the same message', async () => {
    const slack = await startSlackApp();
    const world = await startWorld(() => answer({ severity: 'medium' }));
    try {
      const env = { ...slackAppEnv(slack), AUTO_FIX: 'false', MAX_DIAGNOSES_PER_HOUR: '1000' };
      const containers = Array.from({ length: 16 }, (_, n) => world.engine.addContainer({ name: `web-${letters(n)}` }));
      const fail = (from: number, to: number) => {
        for (const container of containers.slice(from, to)) {
          container.log(`ERROR cannot serve: ${container.name} is broken`, { stream: 'stderr' });
        }
      };
      const messages = () => slack.shown().filter(({ threadTs }) => threadTs === undefined);
      const summaries = () => messages().filter(({ text }) => / more problems? within/.test(text));
      const counted = () => Number(/^\d+/.exec(summaries().at(-1)?.text ?? '')?.[0] ?? 0);

      const first = await world.start(env);
      await at(() => containers.every(({ name }) => world.engine.count('logs', name) > 0));
      fail(0, 13);
      await at(() => counted() === 3);
      await at(() => positionStored(world));
      first.signal('SIGKILL');
      await first.exited;

      await world.start(env);
      fail(13, 16);
      await at(() => counted() === 6);
      expect(summaries()).toHaveLength(1);
      expect(messages()).toHaveLength(11);
      expect(slack.violations).toEqual([]);
    } finally {
      await world.close();
      await slack.close();
    }
  });
});

async function killAndCheck(moment: Moment): Promise<void> {
  await inScene(async (scene) => {
    const { world, slack, message } = scene;
    const doctor = world.doctor;
    const before = {
      edits: slack.callsOf('chat.update').length,
      replies: slack.callsOf('chat.postMessage').length,
    };
    await slack.click({ user: JANE, message, action: 'restart' });
    await moment(scene, before);
    doctor.signal('SIGKILL');
    await doctor.exited;

    await world.start(slackAppEnv(slack));
    // If it died before the approval was stored, the request still waits, and the button can be pressed again.
    await at(() => slack.socket.connections() > 0);
    await eventually(
      async () => {
        if (shows(scene, '✅ Resolved: web')) return true;
        const waits = message.blocks.some(({ block_id }) => block_id?.startsWith('request'));
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
    // A reply that Slack accepted before the kill and whose position was not stored is there twice.
    expect(replies().filter((text) => text.includes('Resolved: web')).length).toBeLessThanOrEqual(2);
    expect(replies().length - new Set(replies()).size).toBeLessThanOrEqual(1);
    expect(slack.violations).toEqual([]);
  });
}

/** What was stored. The agent may be running. */
function stored({ world }: Scene) {
  const database = new DatabaseSync(path.join(world.folder, 'data', 'doctor.db'), { readOnly: true });
  try {
    const [request] = database.prepare('SELECT state FROM restart_requests').all();
    const attempts = database.prepare('SELECT outcome FROM attempts').all();
    return {
      request: request?.state,
      attempts: attempts.length,
      outcome: attempts.at(-1)?.outcome,
      verifying: attempts.length > 0 && attempts.at(-1)?.outcome === null,
    };
  } finally {
    database.close();
  }
}

function positionStored({ folder }: World): boolean {
  const database = new DatabaseSync(path.join(folder, 'data', 'doctor.db'), { readOnly: true });
  try {
    return database.prepare("SELECT value FROM notes WHERE name = 'receiver.slack_app.summary'").get() !== undefined;
  } finally {
    database.close();
  }
}

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
        const ready =
          found?.blocks.some(({ block_id }) => block_id?.startsWith('request')) && slack.thread(found.ts).length > 0;
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
