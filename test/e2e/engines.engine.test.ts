/** The whole loop on several releases and kinds of engines: the scenarios of test/support/engine-scenarios.ts. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCommand } from '../support/doctor.ts';
import type { RunOptions, TestContainer } from '../support/engine.ts';
import { ASLEEP, type EngineAgent, idle, onFirstStart, startEngineAgent } from '../support/engine-agent.ts';
import { ENGINES, type EngineName, SCENARIOS, type ScenarioName, whyNot } from '../support/engine-scenarios.ts';
import { eventually } from '../support/eventually.ts';
import { createCuttingProxy } from '../support/proxy.ts';
import { describeOnEngine } from '../support/test-engines.ts';

const MIB = 1024 * 1024;
const LONG = 240_000;
/** Long, because other tests keep the machine busy; on an idle machine it is less than a second. */
const NOTICED_WITHIN_MS = 20_000;

interface Stage {
  readonly engine: EngineName;
  readonly dockerHost: string;
  readonly agent: EngineAgent;
}

type Run = (stage: Stage) => Promise<void>;

const RUNS: Readonly<Record<ScenarioName, Run>> = {
  async crash({ agent }) {
    const container = await agent.start('crash', { cmd: onFirstStart('sleep 1; exit 3') });
    const { FinishedAt } = await eventually(async () => {
      const state = await agent.stateOf(container);
      return state.Running ? undefined : state;
    });
    expect(await agent.restarted('crash')).toMatchObject({
      detector: 'crash',
      decision: 'restart',
      outcome: 'recovered',
    });
    const opened = agent.doctor.log.find(
      ({ msg, container: name }) => msg === 'incident opened' && name === agent.fullName('crash'),
    );
    expect(Date.parse(String(opened?.time)) - Date.parse(FinishedAt)).toBeLessThan(NOTICED_WITHIN_MS);
    await expectReportedOnce(agent, 'crash');
    expect(agent.requestsFor('crash')[0]?.prompt).toMatch(/exit code.*: 3/);
  },

  async 'log-error'({ agent }) {
    const error = 'ERROR request failed: connection pool exhausted';
    await agent.start('log-error', {
      cmd: onFirstStart(`sleep 1; for i in $(seq 300); do echo "${error} $i" >&2; done; ${idle()}`),
    });
    expect(await agent.restarted('log-error')).toMatchObject({
      detector: 'log',
      outcome: 'recovered',
      occurrences: 300,
    });
    await expectReportedOnce(agent, 'log-error');
  },

  async stop({ agent }) {
    const container = await startIdle(agent, 'stop', "trap 'exit 7' TERM;");
    await agent.container(container).stop({ t: 10 });
    await expectLeftAlone(agent, ['stop']);
    expect(await agent.stateOf(container)).toMatchObject({ Running: false, ExitCode: 7 });
  },

  async 'stop-signal'({ agent }) {
    const usr1 = await startIdle(agent, 'stop-usr1', "trap 'exit 1' USR1;", { stopSignal: 'SIGUSR1' });
    const quit = await startIdle(agent, 'stop-quit', "trap 'exit 2' QUIT;", { stopSignal: 'SIGQUIT' });
    await Promise.all([usr1, quit].map((container) => agent.container(container).stop({ t: 10 })));
    await expectLeftAlone(agent, ['stop-usr1', 'stop-quit']);
    expect(await agent.stateOf(usr1)).toMatchObject({ Running: false, ExitCode: 1 });
    expect(await agent.stateOf(quit)).toMatchObject({ Running: false, ExitCode: 2 });
  },

  async 'stop-timeout'({ agent }) {
    const container = await startIdle(agent, 'stop-timeout', "trap '' TERM;");
    await agent.container(container).stop({ t: 1 });
    await expectLeftAlone(agent, ['stop-timeout']);
    expect(await agent.stateOf(container)).toMatchObject({ Running: false, ExitCode: 137 });
  },

  async kill({ agent }) {
    const container = await startIdle(agent, 'kill');
    await agent.container(container).kill();
    await expectLeftAlone(agent, ['kill']);
    expect(await agent.stateOf(container)).toMatchObject({ Running: false, ExitCode: 137 });
  },

  async restart({ agent }) {
    const container = await startIdle(agent, 'restart', "trap 'exit 7' TERM;");
    await agent.container(container).restart({ t: 10 });
    await expectLeftAlone(agent, ['restart']);
    expect(await agent.stateOf(container)).toMatchObject({ Running: true });
  },

  async remove({ agent }) {
    const names = ['remove-1', 'remove-2', 'remove-3', 'remove-4'];
    const containers = await Promise.all(names.map((name) => startIdle(agent, name)));
    await Promise.all(containers.map((container) => container.remove()));
    await expectLeftAlone(agent, names);
  },

  async recreate({ agent }) {
    const old = await startIdle(agent, 'recreate');
    await old.remove();
    await agent.start('recreate', { cmd: `sleep 1; echo "ERROR cannot serve" >&2; ${idle()}` });
    expect(await agent.decided('recreate')).toMatchObject({ detector: 'log', reason: 'deployed_just_now' });
    await expectReportedOnce(agent, 'recreate');
  },

  async oom({ agent }) {
    await agent.start('oom', { cmd: onFirstStart('sleep 1; exec tail /dev/zero'), memory: 16 * MIB });
    expect(await agent.restarted('oom')).toMatchObject({
      decision: 'restart',
      outcome: 'recovered',
      patterns: expect.arrayContaining(['oom']),
    });
    await expectReportedOnce(agent, 'oom');
  },

  async 'oom-child'({ agent }) {
    const container = await agent.start('oom-child', { cmd: ASLEEP, memory: 16 * MIB });
    await agent.watched('oom-child');
    const { StartedAt } = await agent.stateOf(container);
    const exec = await agent.container(container).exec({ Cmd: ['tail', '/dev/zero'] });
    await exec.start({});
    expect(await agent.decided('oom-child')).toMatchObject({
      detector: 'oom',
      decision: 'notify',
      reason: 'diagnosis_unsupported',
    });
    expect(await agent.stateOf(container)).toMatchObject({ Running: true, StartedAt });
  },

  async 'crash-loop'({ agent }) {
    const container = await agent.start('crash-loop', { cmd: 'sleep 0.2; exit 3', restart: 'always' });
    await expectCrashLoop(agent, 'crash-loop', container);
  },

  async 'crash-loop-0'({ agent }) {
    const container = await agent.start('crash-loop-0', { cmd: 'sleep 0.2', restart: 'unless-stopped' });
    await expectCrashLoop(agent, 'crash-loop-0', container);
  },

  async 'gave-up'({ agent }) {
    const container = await agent.start('gave-up', {
      cmd: 'sleep 0.2; exit 5',
      restart: 'on-failure',
      maximumRetryCount: 5,
      labels: { 'container-doctor.restart': 'never' },
    });
    const downForGood = () => agent.postsFor('gave-up').filter(({ text }) => text.includes('Down for good'));
    await eventually(() => downForGood()[0], { deadlineMs: 90_000, everyMs: 100 });
    expect(await agent.stateOf(container)).toMatchObject({ Status: 'exited' });
    await agent.settle();
    expect(downForGood()).toHaveLength(1);
  },

  async unhealthy(stage) {
    const { agent } = stage;
    const container = await agent.start('unhealthy', {
      cmd: `rm -f /bad; ${onFirstStart(`sleep 3; touch /bad; ${idle()}`)}`,
      healthcheck: { cmd: 'test ! -f /bad', intervalMs: 500, retries: 2 },
    });
    const stopChecking = stage.engine === 'podman-5' ? runHealthChecks(stage.dockerHost, container.id) : () => {};
    try {
      expect(await agent.restarted('unhealthy')).toMatchObject({
        detector: 'health',
        decision: 'restart',
        outcome: 'recovered',
      });
      await expectReportedOnce(agent, 'unhealthy');
    } finally {
      stopChecking();
    }
  },

  async 'restart-fails'({ agent }) {
    const folder = await mkdtemp(path.join(tmpdir(), 'engine-scenario-'));
    try {
      const source = path.join(folder, 'settings.conf');
      await writeFile(source, 'x');
      const container = await agent.start('restart-fails', {
        cmd: onFirstStart(`echo ready; ${idle("trap 'exit 0' TERM; trap 'echo ERROR cannot serve' USR1;")}`),
        binds: [`${source}:/settings.conf`],
      });
      await agent.printed(container, 'ready');
      await agent.watched('restart-fails');
      await rm(source);
      await agent.container(container).kill({ signal: 'SIGUSR1' });
      const { text } = await agent.posted('restart-fails');
      expect(text).toContain('it was running; the restart could not start it again, and it is down now');
      expect(text).toMatch(/not a directory|no such file or directory/i);
      expect((await agent.stateOf(container)).Running).toBe(false);
      await expectReportedOnce(agent, 'restart-fails');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },

  async 'removed-meanwhile'({ agent }) {
    const container = await agent.start('removed-meanwhile', {
      cmd: onFirstStart(`echo ready; ${idle(`trap '' TERM; trap 'echo ERROR cannot serve' USR1;`)}`),
      stopTimeout: 3,
    });
    await agent.printed(container, 'ready');
    await agent.watched('removed-meanwhile');
    await agent.container(container).kill({ signal: 'SIGUSR1' });
    expect(await agent.decided('removed-meanwhile')).toMatchObject({ decision: 'restart' });
    await container.remove();
    await expectReportedOnce(agent, 'removed-meanwhile');
  },

  async rotation({ engine, dockerHost }) {
    const agent = await startEngineAgent({ dockerHost });
    // Some 40 KB in files of 8 KB.
    try {
      await agent.start('rotation', {
        cmd: `sleep 1; for i in $(seq 800); do echo "line $i of a log that is rotated while it is read"; [ $((i % 20)) = 0 ] && sleep 0.2; done; ${idle()}`,
        logs: { 'max-size': '8k', 'max-file': '3' },
      });
      await expectLinesRead(agent, 800, engine === 'docker-20.10');
    } finally {
      await agent.close();
    }
  },

  async reconnect({ dockerHost }) {
    const proxy = await createCuttingProxy(dockerHost);
    const agent = await startEngineAgent({ dockerHost, agentHost: proxy.dockerHost });
    try {
      proxy.cutEvery(1_000);
      await agent.start('reconnect', {
        cmd: onFirstStart(
          `for i in $(seq 800); do echo "line $i"; [ $((i % 10)) = 0 ] && sleep 0.1; done; sleep 5; exit 3`,
        ),
      });
      await expectLinesRead(agent, 800);
      await eventually(async () =>
        (await agent.doctor.metric('container_doctor_log_reconnects_total')) > 1 ? true : undefined,
      );
      proxy.cutEvery(0);
      expect(await agent.decided('reconnect')).toMatchObject({ detector: 'crash' });
      await expectReportedOnce(agent, 'reconnect');
    } finally {
      await agent.close();
      await proxy.close();
    }
  },

  async absence({ dockerHost }) {
    const agent = await startEngineAgent({ dockerHost });
    try {
      const container = await startIdle(
        agent,
        'absence',
        `trap 'for i in $(seq 50); do echo "ERROR cannot serve $i" >&2; done' USR1;`,
      );
      await agent.restartDoctor(async () => {
        await agent.container(container).kill({ signal: 'SIGUSR1' });
        await agent.printed(container, 'cannot serve 50');
      });
      expect(await agent.decided('absence')).toMatchObject({ detector: 'log' });
      await eventually(async () => {
        const entries = await agent.entriesOf('absence');
        if (entries[0]?.occurrences !== 50) throw new Error(JSON.stringify(entries));
        return true;
      });
      await expectReportedOnce(agent, 'absence');
    } finally {
      await agent.close();
    }
  },
};

for (const engine of Object.keys(ENGINES) as EngineName[]) {
  describeOnEngine(engine, (dockerHost) => {
    let agent: EngineAgent;

    beforeAll(async () => {
      agent = await startEngineAgent({ dockerHost });
    }, LONG);

    afterAll(() => agent?.close(), LONG);

    it('check names the engine', async () => {
      const { stdout } = await runCommand(['check'], { DOCKER_HOST: dockerHost, TARGET_CONTAINERS: '*' });
      expect(stdout).toMatch(
        engine === 'podman-5' ? /engine +Podman 5\.[\s\S]*Podman +no oom events/ : /engine +Docker \d/,
      );
    });

    for (const scenario of Object.keys(SCENARIOS) as ScenarioName[]) {
      const { title } = SCENARIOS[scenario];
      const refused = whyNot(engine, scenario);
      if (refused === undefined) it.concurrent(title, () => RUNS[scenario]({ engine, dockerHost, agent }), LONG);
      else it.skip(`${title} (${refused})`, () => {});
    }
  });
}

/** Starts an idle container. Resolves when its traps are set and the agent follows it. */
async function startIdle(agent: EngineAgent, name: string, traps = '', options: Partial<RunOptions> = {}) {
  const container = await agent.start(name, { ...options, cmd: idle(`${traps} echo ready;`) });
  await agent.printed(container, 'ready');
  await agent.watched(name);
  return container;
}

async function expectReportedOnce(agent: EngineAgent, name: string): Promise<void> {
  await agent.posted(name);
  await agent.settle();
  expect(await agent.entriesOf(name)).toMatchObject([{ container: agent.fullName(name) }]);
  expect(agent.postsFor(name).map(({ text }) => text)).toMatchObject([expect.any(String)]);
  expect(agent.requestsFor(name).map(({ prompt }) => prompt)).toMatchObject([expect.any(String)]);
}

async function expectLeftAlone(agent: EngineAgent, names: readonly string[]): Promise<void> {
  await agent.settle();
  for (const name of names) {
    expect(await agent.entriesOf(name), name).toEqual([]);
    expect(agent.postsFor(name), name).toEqual([]);
    expect(await agent.restartsOf(name), name).toBe(0);
  }
}

async function expectCrashLoop(agent: EngineAgent, name: string, container: TestContainer): Promise<void> {
  await eventually(async () => ((await agent.container(container).inspect()).RestartCount >= 5 ? true : undefined), {
    deadlineMs: 60_000,
    everyMs: 100,
  });
  await agent.posted(name);
  await agent.settle();
  expect(await agent.entriesOf(name)).toMatchObject([{ decision: 'notify', reason: 'engine_restarting' }]);
  expect(await agent.restartsOf(name)).toBe(0);
  expect(agent.requestsFor(name)).toHaveLength(1);
}

/** `duplicated`: the engine itself sends some lines twice. */
async function expectLinesRead({ doctor, settle }: EngineAgent, lines: number, duplicated = false): Promise<void> {
  const read = () => doctor.metric('container_doctor_log_lines_total');
  await eventually(async () => ((await read()) >= lines ? true : undefined), { deadlineMs: 60_000, everyMs: 100 });
  await settle();
  const lineOfSettle = 1;
  if (duplicated) expect(await read()).toBeGreaterThanOrEqual(lines + lineOfSettle);
  else expect(await read()).toBe(lines + lineOfSettle);
}

/** Runs health checks in place of Podman's systemd timers. Returns a function that stops it. */
function runHealthChecks(dockerHost: string, id: string): () => void {
  const timer = setInterval(() => {
    request({ socketPath: dockerHost.slice('unix://'.length), path: `/v5.0.0/libpod/containers/${id}/healthcheck` })
      // The container may be stopped, or already removed at the end.
      .on('error', () => {})
      .on('response', (response) => response.resume())
      .end();
  }, 500);
  return () => clearInterval(timer);
}
