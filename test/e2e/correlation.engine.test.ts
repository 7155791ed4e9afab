/** One cause, one incident: on a real engine, with clients that fail for real. */
import { randomBytes } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import type Docker from 'dockerode';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { HistoryEntry } from '../../src/http/history.ts';
import { answer, type ClaudeServer, startClaudeServer } from '../support/claude-server.ts';
import { type Doctor, startDoctor } from '../support/doctor.ts';
import { describeEngine, docker, type RunOptions, runContainer, type TestContainer } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { type SlackServer, startSlackServer } from '../support/slack-server.ts';
import { SAFE } from '../support/world.ts';

/** Runs `fault` once `/tmp/die` exists, and is slow to serve after that. */
const serverUntil = (fault: string) =>
  `trap "exit 0" TERM; if [ -e /tmp/die ]; then rm /tmp/die; sleep 8; fi; mkdir -p /tmp/www; echo ok > /tmp/www/index.html; httpd -f -p 8080 -h /tmp/www & while [ ! -e /tmp/die ]; do sleep 0.2; done; ${fault}`;
const SERVER = serverUntil('exit 3');
const OUT_OF_MEMORY = serverUntil('exec tail /dev/zero');
/** Its process runs on and nobody listens: only its health check tells the engine, some seconds later. */
const HANGING = serverUntil('kill $!; while true; do sleep 0.2; done');
/** Serves the error of the kernel to its clients instead of the page. */
const DISK_FULL = serverUntil(`dd if=/dev/zero of=/data/full bs=64k 2> /dev/null
while true; do
  why=$(dd if=/dev/zero of=/data/page bs=64k count=1 2>&1 | head -n 1)
  echo "ERROR cannot write the page: $why" >&2; echo "$why" > /tmp/www/index.html; sleep 2
done`);
/** As busybox has no resolver of its own, the Node of this machine looks up the name of the server. */
const lookupClient = (server: string) => `exec /node -e '
  process.on("SIGTERM", () => process.exit(0));
  setInterval(() => {
    const socket = require("node:net").connect(8080, "${server}", () => socket.destroy());
    socket.on("error", ({ message }) => console.error("ERROR cannot load the page: " + message));
  }, 1000);
'`;
const NODE_BINDS = [
  `${process.execPath}:/node:ro`,
  ...['/lib', '/lib64'].filter((folder) => existsSync(folder)).map((folder) => `${realpathSync(folder)}:${folder}:ro`),
];
/** Loads a page repeatedly and prints errors. With `nc`, because the `wget` of a static busybox cannot connect. */
const client = (address: string) => `trap "exit 0" TERM; sleep 2
while true; do
  answer=$(printf "GET /index.html HTTP/1.0\\r\\n\\r\\n" | nc -w 2 ${address} 8080 2>&1 & sleep 2; kill $! 2> /dev/null)
  case "$answer" in *ok*) ;; *) echo "ERROR cannot load the page: $(echo "\${answer:-read timed out}" | tail -n 1)" >&2 ;; esac
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
  const scene = async (
    name: string,
    server: Omit<RunOptions, 'name' | 'networkMode'> = { cmd: SERVER },
    byName = false,
  ) => {
    await docker().createNetwork({ Name: `${run}-${name}`, CheckDuplicate: true });
    networks.push(`${run}-${name}`);
    const started = await start(name, 'server', server);
    const { Networks } = (await started.inspect()).NetworkSettings;
    const fullName = `${run}-${name}-server`;
    // A static busybox cannot look up names.
    const clients = byName
      ? { cmd: lookupClient(fullName), binds: NODE_BINDS }
      : { cmd: client(Networks[`${run}-${name}`]?.IPAddress ?? '') };
    const web = await start(name, 'web', { ...clients, env: [`BACKEND=http://${fullName}:8080/`] });
    const job = await start(name, 'job', {
      ...clients,
      labels: { 'com.docker.compose.depends_on': 'server:service_started:false' },
    });
    return { server: started, clients: [web, job] };
  };

  const exec = async (container: Docker.Container | undefined, command: string) => {
    const exec = await container?.exec({ Cmd: ['sh', '-c', command] });
    await exec?.start({});
  };

  const entriesOf = async (name: string): Promise<readonly HistoryEntry[]> =>
    (await doctor.history()).filter(({ container }) => container.startsWith(`${run}-${name}-`));
  const restartsOf = async (name: string) =>
    Object.keys((await doctor.health()).fixes_applied).filter((container) => container.startsWith(`${run}-${name}-`));
  const postsFor = (name: string) => slack.posts.filter(({ text }) => text.includes(`${run}-${name}-`));

  /** The one incident of the scene, once both clients belong to it. They may have had an alert before. */
  const groupOf = (name: string) =>
    eventually(
      async () => {
        const entries = (await entriesOf(name)).filter(({ cause }) => cause?.kind !== 'incident');
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
    const [killed, paused, stopped, cutOff, oom, full, late, dns] = await Promise.all([
      scene('killed'),
      scene('paused'),
      scene('stopped'),
      scene('cut'),
      scene('oom', { cmd: OUT_OF_MEMORY, memory: 16 * 2 ** 20 }),
      scene('full', { cmd: DISK_FULL, tmpfs: { '/data': 'size=1m' } }),
      scene('late', { cmd: HANGING, healthcheck: { cmd: 'test ! -e /tmp/die', intervalMs: 2_000, retries: 5 } }),
      scene('dns', { cmd: SERVER }, true),
    ]);
    await eventually(async () => ((await doctor.health()).monitoring.length >= 24 ? true : undefined), {
      deadlineMs: 60_000,
    });
    await Promise.all([
      ...[killed, oom, full, late].map(({ server }) => exec(server, 'touch /tmp/die')),
      paused.server.pause(),
      stopped.server.stop(),
      docker().getNetwork(`${run}-cut`).disconnect({ Container: cutOff.server.id }),
      ...dns.clients.map((one) => exec(one, 'echo nameserver 127.0.0.2 > /etc/resolv.conf')),
    ]);
  }, 120_000);

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
    { timeout: 180_000 },
    async (name, what) => {
      const entry = await groupOf(name);
      expect(entry.diagnosis?.root_cause).toContain(what);
      expect(entry.decision).toBe('notify');
      expect(await restartsOf(name)).toEqual([]);
      await eventually(() => expect(postsFor(name)).toHaveLength(1), { deadlineMs: 60_000 });
    },
  );

  it.each([
    ['ended by itself', 'killed'],
    ['was killed for memory', 'oom'],
  ])('restarts a server that %s, and none of its clients', { timeout: 180_000 }, async (_, name) => {
    const entry = await groupOf(name);
    expect([entry.decision, entry.reason]).toEqual(['restart', 'restart_allowed']);
    expect(await restartsOf(name)).toEqual([`${run}-${name}-server`]);
  });

  it('finds a server with a full disk by the cause that its clients relay, and restarts nothing', {
    timeout: 90_000,
  }, async () => {
    const entry = await groupOf('full');
    expect([entry.decision, entry.reason]).toEqual(['notify', 'disk_full']);
    expect(await restartsOf('full')).toEqual([]);
  });

  it('finds a server whose health check fails long after its clients do, and restarts none of them', {
    timeout: 90_000,
  }, async () => {
    const entry = await groupOf('late');
    expect([entry.decision, entry.reason]).toEqual(['restart', 'restart_allowed']);
    expect(await restartsOf('late')).toEqual([`${run}-late-server`]);
  });

  it('opens one incident for clients whose name server does not answer, and restarts nothing', {
    timeout: 90_000,
  }, async () => {
    const root = await eventually(
      async () => {
        const [first, ...others] = (await entriesOf('dns')).filter(({ cause }) => cause?.kind !== 'incident');
        expect(others).toEqual([]);
        expect(first?.members).toHaveLength(1);
        expect(first?.decision).not.toBeNull();
        return first as HistoryEntry;
      },
      { deadlineMs: 60_000, everyMs: 250 },
    );
    expect(root.cause).toEqual({ kind: 'external', host: 'name resolution (DNS)' });
    expect([root.decision, root.reason]).toEqual(['notify', 'diagnosis_unsupported']);
    expect(await restartsOf('dns')).toEqual([]);
    await eventually(() => expect(postsFor('dns')).toHaveLength(1), { deadlineMs: 60_000 });
  });
});
