/** A restart by the agent that cannot succeed: what the agent says, and that it does not try the same again. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { answer, hold } from '../support/claude-server.ts';
import { describeEngine, type TestContainer } from '../support/engine.ts';
import { type EngineAgent, idle, onFirstStart, startEngineAgent } from '../support/engine-agent.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { SAFE } from '../support/world.ts';

const LONG = 120_000;
/** Fails its health check one second after its first start, and has no other fault. */
const UNHEALTHY = {
  cmd: `rm -f /bad; if [ ! -f /once ]; then touch /once; sleep 1; touch /bad; fi; ${idle("trap 'exit 0' TERM;")}`,
  healthcheck: { cmd: 'test ! -f /bad', intervalMs: 500, retries: 2 },
} as const;

describeEngine('a restart that fails', (dockerHost) => {
  let agent: EngineAgent;
  let folder: string;

  beforeEach(async () => {
    agent = await startEngineAgent({ dockerHost });
    folder = await mkdtemp(path.join(tmpdir(), 'restart-failures-'));
  }, LONG);

  afterEach(async () => {
    await agent?.close();
    await rm(folder, { recursive: true, force: true });
  }, LONG);

  /** Claude answers only after `release` was called, so the decision and the restart come after that. */
  function holdDiagnosis(): { release(): void } {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    agent.claude.reply((prompt) => {
      if (prompt.includes('marker')) return answer({ severity: 'low' });
      return hold(released, answer(SAFE));
    });
    return { release: () => release() };
  }

  const asked = (name: string) =>
    eventually(() => (agent.requestsFor(name).length > 0 ? true : undefined), { deadlineMs: 60_000 });

  /** Expects the alert about a container that was running before the agent's restart and is down now. */
  async function expectDownByUs(name: string, container: TestContainer, engineSays: RegExp) {
    const post = await agent.posted(name);
    expect(post.text).toMatch(/it was running; .*restart could not start it again, and it is down now/);
    expect(post.text).toMatch(engineSays);
    expect(post.text).toContain('🔴');
    expect((await agent.stateOf(container)).Running).toBe(false);
    await expectNotRepeated(name);
  }

  /** The first pause before another restart is 5 s. */
  async function expectNotRepeated(name: string) {
    const after = Date.now();
    await eventually(() => (Date.now() - after > 8_000 ? true : undefined), { deadlineMs: 60_000 });
    await agent.settle();
    await expect.poll(() => agent.doctor.metric('container_doctor_restarts_total')).toBe(1);
    expect(await agent.entriesOf(name)).toHaveLength(1);
    expect(agent.requestsFor(name)).toHaveLength(1);
    expect(agent.postsFor(name)).toHaveLength(1);
    expect(agent.postsFor(name)[0]?.text).not.toMatch(/restarted \d+ times|repeated failure/i);
  }

  it(
    'because the source of a bind mount is gone says that it was running and is down now',
    async () => {
      const source = path.join(folder, 'settings.conf');
      await writeFile(source, 'x');
      const container = await agent.start('bind', { ...UNHEALTHY, binds: [`${source}:/settings.conf`] });
      await agent.watched('bind');
      await rm(source);
      // Docker would create a missing source as a directory, which cannot be mounted on a file.
      await expectDownByUs('bind', container, /not a directory|no such file or directory|does not exist/i);
    },
    LONG,
  );

  it(
    'because its port was taken while it was down says so, once',
    async () => {
      const port = await freePort();
      const held = holdDiagnosis();
      const container = await agent.start('port', { cmd: 'sleep 2; exit 3', networkMode: 'bridge', port });
      await asked('port');
      const other = await agent.start('taker', { cmd: idle(), networkMode: 'bridge', port });
      expect((await agent.stateOf(other)).Running).toBe(true);
      held.release();
      const post = await agent.posted('port');
      expect(post.text).toMatch(/port is already allocated|address already in use/i);
      expect((await agent.stateOf(container)).Running).toBe(false);
      await expectNotRepeated('port');
    },
    LONG,
  );

  it(
    'because the program of its image is gone says that it was running and is down now',
    async () => {
      // The layers of an image that a container uses cannot be removed by the engine; a program in it can be missing.
      const container = await agent.start('program', {
        ...UNHEALTHY,
        cmd: `${UNHEALTHY.cmd.replace('touch /bad', 'touch /bad; rm /bin/sh')}`,
      });
      await expectDownByUs('program', container, /no such file or directory|not found/i);
    },
    LONG,
  );

  it(
    'does not fail because the image is gone: the engine keeps what the container needs',
    async () => {
      const held = holdDiagnosis();
      const image = 'container-doctor-test:to-be-removed';
      const [repo, tag] = image.split(':');
      const base = await agent.start('base', { cmd: 'touch /layer' });
      await agent.container(base).wait();
      await agent.container(base).commit({ repo, tag });
      const container = await agent.start('image', { image, cmd: onFirstStart('sleep 1; exit 3') });
      await asked('image');
      await agent.container(container).wait();
      await agent.docker.getImage(image).remove({ force: true });
      held.release();
      expect(await agent.restarted('image')).toMatchObject({ outcome: 'recovered' });
    },
    LONG,
  );

  it(
    'because somebody removes the container in the meantime has the reason container_gone, with one alert and one question',
    async () => {
      const container = await agent.start('removed', {
        ...UNHEALTHY,
        // The restart waits for the end of the process.
        cmd: UNHEALTHY.cmd.replace("trap 'exit 0' TERM;", "trap '' TERM;"),
        stopTimeout: 5,
      });
      // It ignores the stop signal of the restart for 5 s.
      await eventually(
        async () =>
          (await agent.entriesOf('removed')).some(({ decision }) => decision === 'restart') ? true : undefined,
        { deadlineMs: 60_000 },
      );
      await container.remove();
      await agent.posted('removed');
      await agent.settle();
      expect(await agent.entriesOf('removed')).toMatchObject([{ reason: 'container_gone' }]);
      expect(agent.postsFor('removed')).toHaveLength(1);
      expect(agent.requestsFor('removed')).toHaveLength(1);
    },
    LONG,
  );
});
