/** One cause, one incident: on a real engine, with clients that fail for real. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { HistoryEntry } from '../../src/http/history.ts';
import { answer, type ClaudeServer, startClaudeServer } from '../support/claude-server.ts';
import { type Doctor, startDoctor } from '../support/doctor.ts';
import { describeEngine, docker, type RunOptions, runContainer, type TestContainer } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { type SlackServer, startSlackServer } from '../support/slack-server.ts';
import { SAFE } from '../support/world.ts';

/** Ends with code 3 once `/tmp/die` exists, and is slow to serve after that. */
const SERVER =
  'trap "exit 0" TERM; if [ -e /tmp/die ]; then rm /tmp/die; sleep 8; fi; mkdir -p /tmp/www; echo ok > /tmp/www/index.html; httpd -p 8080 -h /tmp/www; while [ ! -e /tmp/die ]; do sleep 0.2; done; exit 3';
/** Loads a page repeatedly and prints errors. With `nc`, because the `wget` of a static busybox cannot connect. */
const client = (address: string) => `trap "exit 0" TERM; sleep 2
while true; do
  answer=$(printf "GET /index.html HTTP/1.0\\r\\n\\r\\n" | nc -w 2 ${address} 8080 2>&1 & sleep 2; kill $! 2> /dev/null)
  case "$answer" in *ok*) ;; *) echo "ERROR cannot load the page: \${answer:-read timed out}" >&2 ;; esac
  sleep 1
done`;

describeEngine('correlation on a real engine', (dockerHost) => {
  const run = `cd-casc-${randomBytes(3).toString('hex')}`;
  let claude: ClaudeServer;
  let slack: SlackServer;
  let doctor: Doctor;
  const containers: TestContainer[] = [];
  const networks: string[] = [];

  const start = async (scene: string, service: string, options: Omit<RunOptions, 'name' | 'networkMode'>) => {
    const container = await runContainer({
      ...options,
      name: `${run}-${scene}-${service}`,
      networkMode: `${run}-${scene}`,
      labels: {
        'com.docker.compose.project': `${run}-${scene}`,
        'com.docker.compose.service': service,
        ...options.labels,
      },
    });
    containers.push(container);
    return docker().getContainer(container.id);
  };

  /** A server and two clients on their own network. `web` has its dependency in its environment, `job` in a label. */
  const scene = async (name: string) => {
    await docker().createNetwork({ Name: `${run}-${name}`, CheckDuplicate: true });
    networks.push(`${run}-${name}`);
    const server = await start(name, 'server', { cmd: SERVER });
    const { Networks } = (await server.inspect()).NetworkSettings;
    // A static busybox cannot look up names.
    const address = Networks[`${run}-${name}`]?.IPAddress ?? '';
    await start(name, 'web', { cmd: client(address), env: [`BACKEND=http://${run}-${name}-server:8080/`] });
    await start(name, 'job', {
      cmd: client(address),
      labels: { 'com.docker.compose.depends_on': 'server:service_started:false' },
    });
    return server;
  };

  const entriesOf = async (name: string): Promise<readonly HistoryEntry[]> =>
    (await doctor.history()).filter(({ container }) => container.startsWith(`${run}-${name}-`));
  const restartsOf = async (name: string) =>
    Object.keys((await doctor.health()).fixes_applied).filter((container) => container.startsWith(`${run}-${name}-`));
  const postsFor = (name: string) => slack.posts.filter(({ text }) => text.includes(`${run}-${name}-`));

  /** The one incident of the scene, once both clients belong to it. */
  const groupOf = (name: string) =>
    eventually(
      async () => {
        const entries = await entriesOf(name);
        expect(
          entries.map(({ container, members }) => [container, members.map((one) => one.container).sort()]),
        ).toEqual([[`${run}-${name}-server`, [`${run}-${name}-job`, `${run}-${name}-web`]]]);
        expect(entries[0]?.decision).not.toBeNull();
        return entries[0] as HistoryEntry;
      },
      { deadlineMs: 60_000, everyMs: 250 },
    );

  beforeAll(async () => {
    claude = await startClaudeServer(() => answer(SAFE));
    slack = await startSlackServer();
    doctor = await startDoctor({
      DOCKER_HOST: dockerHost,
      TARGET_CONTAINERS: `${run}-*`,
      CHECK_INTERVAL: '2',
      AUTO_FIX: 'true',
      ANTHROPIC_API_KEY: 'sk-ant-stand-in',
      ANTHROPIC_BASE_URL: claude.url,
      SLACK_WEBHOOK_URL: slack.webhookUrl,
      VERIFY_STABLE_SECONDS: '2',
      VERIFY_DEADLINE_SECONDS: '15',
      MAX_DIAGNOSES_PER_HOUR: '1000',
    });
    const [killed, paused, stopped, cutOff] = await Promise.all(['killed', 'paused', 'stopped', 'cut'].map(scene));
    await eventually(async () => ((await doctor.health()).monitoring.length >= 12 ? true : undefined), {
      deadlineMs: 20_000,
    });
    await Promise.all([
      killed?.exec({ Cmd: ['touch', '/tmp/die'] }).then((exec) => exec.start({})),
      paused?.pause(),
      stopped?.stop(),
      docker().getNetwork(`${run}-cut`).disconnect({ Container: cutOff?.id }),
    ]);
  }, 90_000);

  afterAll(async () => {
    await doctor?.stop();
    await Promise.all([claude?.close(), slack?.close(), ...containers.map((container) => container.remove())]);
    for (const name of networks)
      await docker()
        .getNetwork(name)
        .remove()
        .catch(() => {});
  }, 60_000);

  it.each([
    ['paused', 'is paused'],
    ['stopped', 'was stopped'],
    ['cut', 'is disconnected from the network'],
  ])(
    'finds the cause if the server of two clients is %s, and restarts none of them',
    { timeout: 90_000 },
    async (name, what) => {
      const entry = await groupOf(name);
      expect(entry.diagnosis?.root_cause).toContain(what);
      expect(entry.decision).toBe('notify');
      expect(await restartsOf(name)).toEqual([]);
      await eventually(() => expect(postsFor(name)).toHaveLength(1), { deadlineMs: 20_000 });
    },
  );

  it('restarts a server that ended by itself, and none of its clients', { timeout: 90_000 }, async () => {
    const entry = await groupOf('killed');
    expect([entry.decision, entry.reason]).toEqual(['restart', 'restart_allowed']);
    expect(await restartsOf('killed')).toEqual([`${run}-killed-server`]);
  });
});
