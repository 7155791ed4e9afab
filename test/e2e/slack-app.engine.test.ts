/** Restarts that wait for a person who answers in Slack, on a real engine. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { answer } from '../support/claude-server.ts';
import { clientOf, describeEngine, runContainer, type TestContainer } from '../support/engine.ts';
import { type EngineAgent, idle, startEngineAgent } from '../support/engine-agent.ts';
import { eventually } from '../support/eventually.ts';
import { createAdjustableClock } from '../support/fast-clock.ts';
import { startFastWorld } from '../support/fast-world.ts';
import { JANE, JOE, STRANGER, slackAppEnv } from '../support/slack-app-env.ts';
import { type ChannelMessage, type SlackApp, startSlackApp } from '../support/slack-app-server.ts';
import { SAFE } from '../support/world.ts';

const LONG = 120_000;
/** Prints an error once, and is otherwise healthy. */
const DEADLOCK = {
  cmd: `if [ ! -f /once ]; then touch /once; sleep 1; echo "ERROR cannot serve: deadlock" >&2; fi; ${idle("trap 'exit 0' TERM;")}`,
  labels: { 'container-doctor.restart': 'ask' },
} as const;

describeEngine('a restart that waits for a person', (dockerHost) => {
  let agent: EngineAgent;
  let slack: SlackApp;

  beforeEach(async () => {
    slack = await startSlackApp();
    agent = await startEngineAgent({ dockerHost }, slackAppEnv(slack));
  }, LONG);

  afterEach(async () => {
    await agent?.close();
    expect(slack.violations).toEqual([]);
    await slack.close();
  }, LONG);

  const soon = <T>(read: () => T | undefined | Promise<T | undefined>) =>
    eventually(read, { deadlineMs: 60_000, everyMs: 50 });
  const shows = (message: ChannelMessage, text: string | RegExp) =>
    soon(() => (slack.textOf(message).search(text) >= 0 ? true : undefined));
  const startedAt = async (web: TestContainer) => (await agent.stateOf(web)).StartedAt;

  async function asked(): Promise<{ web: TestContainer; message: ChannelMessage; before: string }> {
    const web = await agent.start('web', DEADLOCK);
    const message = await soon(() => {
      const [found] = slack.shown();
      const waits = found?.blocks.some(({ block_id }) => block_id?.startsWith('request'));
      return waits && slack.socket.connections() > 0 ? found : undefined;
    });
    return { web, message, before: await startedAt(web) };
  }

  it('is made once if two people approve it, and the message shows its end', { timeout: LONG }, async () => {
    const { web, message, before } = await asked();
    const shown = { ...message, blocks: [...message.blocks] };
    await Promise.all([JANE, JOE].map((user) => slack.click({ user, message: shown, action: 'restart' })));
    await shows(message, /^✅ Resolved/);
    expect(slack.textOf(message)).toContain('Restart approved by');
    expect(await startedAt(web)).not.toBe(before);
    expect(await agent.restartsOf('web')).toBe(1);
    expect(slack.ephemerals).toHaveLength(1);
    expect(slack.shown()).toHaveLength(1);
  });

  it('is not made if a stranger clicks, or if it is denied', { timeout: LONG }, async () => {
    const { web, message, before } = await asked();
    await slack.click({ user: STRANGER, message, action: 'restart' });
    await soon(() => slack.ephemerals[0]);
    await slack.click({ user: JANE, message, action: 'leave' });
    await shows(message, 'Left as it is');
    await agent.settle();
    expect(await startedAt(web)).toBe(before);
    expect(await agent.restartsOf('web')).toBe(0);
  });

  it('is void once the container was recreated', { timeout: LONG }, async () => {
    const { web, message } = await asked();
    const shown = { ...message, blocks: [...message.blocks] };
    await web.remove();
    const next = await agent.start('web', { ...DEADLOCK, cmd: idle("trap 'exit 0' TERM;") });
    const before = await startedAt(next);
    await slack.click({ user: JANE, message: shown, action: 'restart' });
    const refusal = await soon(() => slack.ephemerals[0]);
    expect(refusal.text).toMatch(/^(Nothing was done|This agent does not know)/);
    await agent.settle();
    expect(await startedAt(next)).toBe(before);
    expect(await agent.restartsOf('web')).toBe(0);
  });

  it('is made once if the agent is killed right after the click', { timeout: LONG }, async () => {
    const { message } = await asked();
    await slack.click({ user: JANE, message, action: 'restart' });
    await agent.killDoctor();
    await soon(async () => {
      if (slack.textOf(message).startsWith('✅ Resolved')) return true;
      const waits = message.blocks.some(({ block_id }) => block_id?.startsWith('request'));
      if (waits && slack.socket.connections() > 0) await slack.click({ user: JANE, message, action: 'restart' });
      return undefined;
    });
    expect(await agent.restartsOf('web')).toBe(1);
  });
});

describeEngine('a restart that nobody answers', (dockerHost) => {
  it('expires after a quarter of an hour: the buttons are gone, and a late click does nothing', {
    timeout: LONG,
  }, async () => {
    const slack = await startSlackApp();
    const name = `cd-${randomBytes(3).toString('hex')}-web`;
    const clock = createAdjustableClock(1);
    const world = await startFastWorld({
      clock,
      containers: [],
      claude: () => answer(SAFE),
      env: { ...slackAppEnv(slack), DOCKER_HOST: dockerHost, TARGET_CONTAINERS: name },
    });
    const web = await runContainer({ ...DEADLOCK, name }, clientOf(dockerHost));
    onTestFinished(async () => {
      await world.close();
      await web.remove();
      await slack.close();
    });
    const soon = <T>(read: () => T | undefined) => eventually(read, { deadlineMs: 60_000, everyMs: 50 });
    const waits = ({ blocks }: ChannelMessage) => blocks.some(({ block_id }) => block_id?.startsWith('request'));
    const message = await soon(() => slack.shown().find((each) => waits(each) && slack.socket.connections() > 0));
    const before = { ...message, blocks: [...message.blocks] };
    clock.speed = 200;
    await soon(() => (slack.textOf(message).includes('⌛ Nobody decided') ? true : undefined));
    clock.speed = 1;
    expect(waits(message)).toBe(false);
    await soon(() => (slack.socket.connections() > 0 ? true : undefined));
    await slack.click({ user: JANE, message: before, action: 'restart' });
    expect((await soon(() => slack.ephemerals[0])).text).toMatch(/expired/);
    expect((await world.history()).map(({ reason, outcome }) => [reason, outcome])).toEqual([
      ['approval_expired', null],
    ]);
    expect(slack.violations).toEqual([]);
  });
});
