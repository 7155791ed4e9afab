/** What the question to the model says of a container and those around it, on a real engine. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { answer, type ClaudeServer, startClaudeServer } from '../support/claude-server.ts';
import { type Doctor, startDoctor } from '../support/doctor.ts';
import { describeEngine, docker, type RunOptions, runContainer, type TestContainer } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';

/** Prints one error after the file /tmp/fail exists. */
const FAILS_ON_DEMAND = `trap "exit 0" TERM; while [ ! -e /tmp/fail ]; do sleep 0.2; done
echo "ERROR KeyError: 'customer_id'" >&2; while true; do sleep 1; done`;
const IDLE = 'trap "exit 0" TERM; while true; do sleep 1; done';
const MIB = 2 ** 20;

describeEngine('the question on a real engine', (dockerHost) => {
  const project = `cd-question-${randomBytes(3).toString('hex')}`;
  const containers: TestContainer[] = [];
  let claude: ClaudeServer;
  let doctor: Doctor;

  const start = async (service: string, options: Omit<RunOptions, 'name'>): Promise<TestContainer> => {
    const container = await runContainer({
      ...options,
      name: `${project}-${service}-1`,
      labels: {
        'com.docker.compose.project': project,
        'com.docker.compose.service': service,
        ...options.labels,
      },
    });
    containers.push(container);
    return container;
  };
  const watches = (container: TestContainer) =>
    eventually(async () => ((await doctor.health()).monitoring.includes(container.name) ? true : undefined), {
      deadlineMs: 60_000,
    });

  beforeAll(async () => {
    claude = await startClaudeServer(() => answer());
    doctor = await startDoctor({
      DOCKER_HOST: dockerHost,
      TARGET_CONTAINERS: `${project}-*`,
      CHECK_INTERVAL: '2',
      ANTHROPIC_API_KEY: 'sk-ant-stand-in',
      ANTHROPIC_BASE_URL: claude.url,
    });
  }, 60_000);

  afterAll(async () => {
    await doctor?.stop();
    await Promise.all([claude?.close(), ...containers.map((container) => container.remove())]);
  }, 60_000);

  it('has resource use, the state of dependencies, changes and engine events', { timeout: 180_000 }, async () => {
    const dependsOn = { 'com.docker.compose.depends_on': 'db:service_started:false' };
    await watches(await start('db', { cmd: IDLE }));
    const first = await start('api', {
      cmd: IDLE,
      memory: 128 * MIB,
      labels: dependsOn,
      env: ['API_TOKEN=swordfish-of-the-api'],
    });
    await watches(first);
    await first.remove();
    const second = await start('api', { cmd: FAILS_ON_DEMAND, memory: 64 * MIB, labels: dependsOn });
    await watches(second);
    const touch = await docker()
      .getContainer(second.id)
      .exec({ Cmd: ['touch', '/tmp/fail'] });
    await touch.start({});
    const prompt = await eventually(() => claude.requests[0]?.prompt, { deadlineMs: 60_000 });
    expect(prompt).toMatch(/- memory in use now: [\d.]+ [KM]iB \(\d+ % of its limit\)/);
    expect(prompt).toMatch(new RegExp(`- "${project}-db-1" \\(known from: depends_on\\): running for `));
    expect(prompt).toContain('- memory limit: before "128 MiB", now "64 MiB"');
    expect(prompt).toContain('- environment variables: removed "API_TOKEN"');
    expect(prompt).toMatch(new RegExp(`"${project}-api-1": removed[^]*"${project}-api-1": started`));
    expect(prompt).not.toContain('swordfish');
  });
});
