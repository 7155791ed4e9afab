/** The agent on a real engine reports crashes, and not what people do: stops, kills and restarts. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { answer, type ClaudeServer, startClaudeServer } from '../support/claude-server.ts';
import { type Doctor, startDoctor } from '../support/doctor.ts';
import {
  describeEngine,
  docker,
  ensureBaseImage,
  type RunOptions,
  runContainer,
  type TestContainer,
} from '../support/engine.ts';
import { ASLEEP, idle } from '../support/engine-agent.ts';
import { eventually } from '../support/eventually.ts';
import { type SlackServer, startSlackServer } from '../support/slack-server.ts';
import { SAFE } from '../support/world.ts';

const MIB = 1024 * 1024;

describeEngine('the lifecycle of a container', (dockerHost) => {
  const run = `cd-life-${randomBytes(3).toString('hex')}`;
  /** With a suffix such as `_curie`, it looks like a name that the engine generates. */
  const jobs = `cdlife${randomBytes(6)
    .toString('hex')
    .replace(/\d/g, (digit) => 'ghijklmnop'.charAt(Number(digit)))}`;
  let claude: ClaudeServer;
  let slack: SlackServer;
  let doctor: Doctor;
  const containers: TestContainer[] = [];

  const start = async (name: string, options: Omit<RunOptions, 'name'>): Promise<TestContainer> => {
    const container = await runContainer({ ...options, name: `${run}-${name}` });
    containers.push(container);
    return container;
  };
  const engine = (container: TestContainer) => docker().getContainer(container.id);
  const stateOf = async (container: TestContainer) => (await engine(container).inspect()).State;
  const restartsOf = async (name: string) => (await doctor.health()).fixes_applied[`${run}-${name}`] ?? 0;
  const requestsFor = (name: string) => claude.requests.filter((request) => request.prompt.includes(`${run}-${name}`));
  const postsFor = (name: string) => slack.posts.filter((post) => post.text.includes(`${run}-${name}`));
  const entriesOf = async (name: string) =>
    (await doctor.history()).filter((entry) => entry.container === `${run}-${name}`);
  const decided = (name: string) =>
    eventually(async () => (await entriesOf(name)).filter((entry) => entry.decision !== null).at(-1), {
      deadlineMs: 60_000,
      everyMs: 50,
    });
  const watched = (...names: readonly string[]) =>
    eventually(async () => {
      const { monitoring } = await doctor.health();
      return names.every((name) => monitoring.includes(`${run}-${name}`)) ? true : undefined;
    });
  /** Waits until a later problem of another container has been handled, so earlier events have had their effects. */
  const settle = async () => {
    const name = `marker-x${randomBytes(2).toString('hex')}`;
    await start(name, { cmd: `sleep 0.6; echo "ERROR marker failed" >&2; ${idle()}` });
    await decided(name);
  };

  beforeAll(async () => {
    await ensureBaseImage();
    claude = await startClaudeServer((prompt) =>
      prompt.includes('marker') ? answer({ severity: 'low' }) : answer(SAFE),
    );
    slack = await startSlackServer();
    doctor = await startDoctor({
      DOCKER_HOST: dockerHost,
      TARGET_CONTAINERS: `${run}-*,${jobs}_*`,
      CHECK_INTERVAL: '1',
      AUTO_FIX: 'true',
      ANTHROPIC_API_KEY: 'sk-ant-stand-in',
      ANTHROPIC_BASE_URL: claude.url,
      SLACK_WEBHOOK_URL: slack.webhookUrl,
      VERIFY_STABLE_SECONDS: '2',
      VERIFY_DEADLINE_SECONDS: '15',
      MAX_DIAGNOSES_PER_HOUR: '1000',
      MAX_ALERTS_PER_MINUTE: '1000',
    });
  }, 60_000);

  afterAll(async () => {
    const code = await doctor?.stop();
    await Promise.all(containers.map((container) => container.remove()));
    await claude?.close();
    await slack?.close();
    expect(code).toBe(0);
  });

  it.each([
    ['haproxy', 'USR1', 1],
    ['nginx', 'QUIT', 2],
    ['httpd', 'WINCH', 3],
    ['reloader', 'HUP', 4],
  ])(
    'does not undo a stop by the stop signal of %s, SIG%s',
    async (name, signal, exitCode) => {
      const container = await start(name, { cmd: idle(`trap 'exit ${exitCode}' ${signal};`), stopSignal: signal });
      await watched(name);
      await engine(container).stop({ t: 5 });
      await settle();
      expect(await stateOf(container)).toMatchObject({ Running: false, ExitCode: exitCode });
      expect(await entriesOf(name)).toEqual([]);
      expect(await restartsOf(name)).toBe(0);
    },
    30_000,
  );

  it('does not undo a stop by a real-time signal, such as systemd uses', async () => {
    const container = await start('systemd', { cmd: idle("trap 'exit 5' 37;"), stopSignal: 'RTMIN+3' });
    await watched('systemd');
    await engine(container).stop({ t: 5 });
    await settle();
    expect(await stateOf(container)).toMatchObject({ Running: false, ExitCode: 5 });
    expect(await entriesOf('systemd')).toEqual([]);
  }, 180_000);

  it('does not undo docker kill -s INT', async () => {
    const container = await start('interrupted', { cmd: idle("trap 'exit 7' INT;") });
    await watched('interrupted');
    await engine(container).kill({ signal: 'SIGINT' });
    await settle();
    expect(await stateOf(container)).toMatchObject({ Running: false, ExitCode: 7 });
    expect(await entriesOf('interrupted')).toEqual([]);
  }, 180_000);

  it('reports a crash that follows a thread dump and a reload', async () => {
    const container = await start('dumped', {
      cmd: idle("trap 'echo thread dump' QUIT; trap 'echo reload' HUP; trap 'exit 9' USR2;"),
    });
    await watched('dumped');
    const sentAt = Date.now();
    await engine(container).kill({ signal: 'SIGQUIT' });
    await engine(container).kill({ signal: 'SIGHUP' });
    // A signal that is older than a few seconds does not explain an exit.
    await eventually(() => (Date.now() - sentAt > 5_500 ? true : undefined), { deadlineMs: 60_000 });
    const exec = await engine(container).exec({ Cmd: ['kill', '-USR2', '1'], AttachStdout: true });
    await exec.start({});
    const entry = await decided('dumped');
    expect(entry).toMatchObject({ detector: 'crash', decision: 'restart' });
  }, 180_000);

  it('does not restart a container that keeps running after a command in it was killed for memory', async () => {
    const container = await start('exec', { cmd: ASLEEP, memory: 16 * MIB });
    await watched('exec');
    const { StartedAt } = await stateOf(container);
    const exec = await engine(container).exec({ Cmd: ['tail', '/dev/zero'], AttachStdout: true });
    await exec.start({});
    expect(await decided('exec')).toMatchObject({
      detector: 'oom',
      decision: 'notify',
      reason: 'diagnosis_unsupported',
    });
    expect(await stateOf(container)).toMatchObject({ Running: true, StartedAt });
  }, 180_000);

  it('does not report out of memory if a container exits with its own code after a child process was killed', async () => {
    const container = await start('sticky', { cmd: 'tail /dev/zero; sleep 3; exit 64', memory: 16 * MIB });
    const entry = await eventually(
      async () => (await entriesOf('sticky')).find(({ detector, decision }) => detector === 'crash' && decision),
      { deadlineMs: 60_000 },
    );
    expect(entry.diagnosis).not.toBeNull();
    expect(requestsFor('sticky').at(-1)?.prompt).toMatch(/killed by the kernel for lack of memory: no \[F\d+\]$/m);
    expect(requestsFor('sticky').at(-1)?.prompt).toMatch(/exit code of the crash: 64/);
    await container.remove();
  }, 180_000);

  it('reports once that the engine keeps restarting a container that exits with code 0', async () => {
    await start('quits', { cmd: 'echo "nothing to do"; sleep 0.2', restart: 'unless-stopped' });
    expect(await decided('quits')).toMatchObject({
      detector: 'crash_loop',
      decision: 'notify',
      reason: 'engine_restarting',
    });
    await settle();
    expect(await entriesOf('quits')).toHaveLength(1);
    expect(postsFor('quits')).toHaveLength(1);
  }, 180_000);

  it('does not report a job that somebody starts repeatedly', async () => {
    const job = await start('job', { cmd: 'sleep 0.1' });
    for (let i = 0; i < 4; i++) {
      await engine(job).wait();
      await engine(job).start();
    }
    await settle();
    expect(await entriesOf('job')).toEqual([]);
  }, 180_000);

  it('says that a container is down for good when the engine gives up restarting it', async () => {
    const container = await start('limited', {
      cmd: 'sleep 0.2; exit 5',
      restart: 'on-failure',
      maximumRetryCount: 5,
      labels: { 'container-doctor.restart': 'never' },
    });
    const [down] = await eventually(
      () => {
        const posts = postsFor('limited').filter((post) => post.text.includes('Down for good'));
        return posts.length > 0 ? posts : undefined;
      },
      { deadlineMs: 60_000, everyMs: 50 },
    );
    expect(await stateOf(container)).toMatchObject({ Status: 'exited' });
    expect(JSON.stringify(down?.body)).toContain('its policy forbids restarts');
    expect(JSON.stringify(down?.body)).not.toContain('already restarting it');
    await settle();
    expect(postsFor('limited').filter((post) => post.text.includes('Down for good'))).toHaveLength(1);
    expect((await entriesOf('limited')).map(({ reason }) => reason)).toEqual(['policy_never']);
  }, 180_000);

  it('reports a failing service of an orchestrator once, and restarts none of its tasks', async () => {
    for (let n = 1; n <= 5; n++) {
      const task = await start(`svc.1.${randomBytes(6).toString('hex')}`, {
        cmd: 'echo "ERROR cannot reach the queue" >&2; sleep 0.3; exit 3',
        labels: {
          'com.docker.swarm.task.id': `task${n}`,
          'com.docker.swarm.service.id': 'service1',
          'com.docker.swarm.service.name': `${run}-svc`,
        },
      });
      await engine(task).wait();
    }
    await eventually(() => (postsFor('svc').length > 0 ? true : undefined), { deadlineMs: 60_000 });
    await settle();
    const entries = (await doctor.history()).filter(({ container }) => container.startsWith(`${run}-svc.`));
    expect(entries).toMatchObject([{ decision: 'notify', reason: 'orchestrator_owns', occurrences: 5 }]);
    expect(postsFor('svc')).toHaveLength(1);
    expect(JSON.stringify(postsFor('svc')[0]?.body)).toContain('Docker Swarm');
  }, 180_000);

  it('reports a job that is run repeatedly under generated names once', async () => {
    for (const name of ['curie', 'turing', 'hopper']) {
      containers.push(await runContainer({ name: `${jobs}_${name}`, cmd: 'sleep 0.3; exit 4', autoRemove: true }));
      await eventually(async () =>
        (await docker().listContainers({ all: true })).every(({ Names }) => !Names.includes(`/${jobs}_${name}`))
          ? true
          : undefined,
      );
    }
    await settle();
    const entries = (await doctor.history()).filter(({ container }) => container.startsWith(`${jobs}_`));
    expect(entries).toMatchObject([{ reason: 'container_gone', occurrences: 3 }]);
  }, 180_000);

  it('does not report what a program logs while a person stops it', async () => {
    const container = await start('grumbler', {
      cmd: idle(`trap 'echo "ERROR connection pool closed with 3 requests in flight" >&2; sleep 0.8; exit 1' TERM;`),
      stopTimeout: 5,
    });
    await watched('grumbler');
    await engine(container).stop({ t: 5 });
    await settle();
    expect(await stateOf(container)).toMatchObject({ Running: false, ExitCode: 1 });
    expect(await entriesOf('grumbler')).toEqual([]);
  }, 180_000);

  it('restarts a container once, whatever it logs during the restart', async () => {
    const container = await start('flusher', {
      cmd: [
        'rm -f /bad;',
        `trap 'echo "ERROR could not flush the cache" >&2; sleep 0.8; exit 1' TERM;`,
        `if [ ! -f /once ]; then touch /once; sleep 1; touch /bad; fi; ${idle()}`,
      ].join(' '),
      healthcheck: { cmd: 'test ! -f /bad', intervalMs: 500, retries: 2 },
      stopTimeout: 5,
    });
    await eventually(async () => ((await restartsOf('flusher')) > 0 ? true : undefined), { deadlineMs: 60_000 });
    await settle();
    expect(await entriesOf('flusher')).toMatchObject([{ detector: 'health', outcome: 'recovered' }]);
    expect(await restartsOf('flusher')).toBe(1);
    expect(await stateOf(container)).toMatchObject({ Running: true });
  }, 50_000);
});
