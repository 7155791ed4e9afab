/**
 * Three Docker engines with addresses of their own in a real Swarm, a real PostgreSQL, and an agent on each host. Database,
 * agent, engine and network fail in the middle of incidents.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ResponseOf } from '../../src/http/api/endpoints.ts';
import { answer, type ClaudeServer, hold, startClaudeServer } from '../support/claude-server.ts';
import { type Doctor, startDoctor } from '../support/doctor.ts';
import { describeMissing, TEST_IMAGE } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { type PostgresServer, startPostgres, whyNoPostgres } from '../support/postgres-server.ts';
import { type SlackServer, startSlackServer } from '../support/slack-server.ts';
import { type SwarmHost, startSwarm, type TestSwarm, whyNoSwarm } from '../support/swarm.ts';

const NAME = 'agents of a real Swarm';
const why = whyNoPostgres() ?? whyNoSwarm();
if (why === undefined) describe(NAME, { timeout: 240_000 }, define);
else describeMissing(NAME, 'three Docker engines in network namespaces', why);

/** Prints what somebody writes to /fail. */
const WORKER = 'while true; do if [ -f /fail ]; then cat /fail >&2; rm /fail; fi; sleep 0.2; done';

const TOKEN = 'a-token-for-the-agents-of-a-swarm-test';

const within = <T>(probe: () => T | undefined | Promise<T | undefined>) =>
  eventually(probe, { deadlineMs: 100_000, everyMs: 200 });

function define(): void {
  let swarm: TestSwarm;
  let postgres: PostgresServer;
  let claude: ClaudeServer;
  let slack: SlackServer;
  let startAgent: (host: SwarmHost) => Promise<Doctor>;
  const agents = new Map<SwarmHost, Doctor>();
  const dataDir = mkdtempSync(path.join(tmpdir(), 'swarm-agents-'));

  beforeAll(async () => {
    swarm = await startSwarm();
    postgres = await startPostgres({ address: swarm.address });
    claude = await startClaudeServer(() => answer({ severity: 'high' }));
    slack = await startSlackServer();
    const [claudeUrl, slackUrl] = [await swarm.forward(claude.url), await swarm.forward(slack.webhookUrl)];
    const databaseUrl = postgres.createDatabase();
    startAgent = (host) =>
      startDoctor(
        {
          DOCKER_HOST: host.dockerHost,
          DATABASE_URL: databaseUrl,
          AGENT_NAME: host.name,
          DATA_DIR: path.join(dataDir, host.name),
          HOST: host.address,
          HTTP_TOKEN: TOKEN,
          TARGET_CONTAINERS: 'shop_*',
          CHECK_INTERVAL: '2',
          ANTHROPIC_API_KEY: 'sk-ant-stand-in',
          ANTHROPIC_BASE_URL: claudeUrl,
          SLACK_WEBHOOK_URL: slackUrl,
          MAX_ALERTS_PER_MINUTE: '1000',
          MAX_DIAGNOSES_PER_HOUR: '1000',
        },
        { via: host.via },
      );
    await createServices(swarm.hosts[0]);
    // The first one makes the tables.
    for (const host of swarm.hosts) agents.set(host, await startAgent(host));
    await within(async () => {
      const watched = await Promise.all(swarm.hosts.map(async (host) => (await agentOf(host).health()).monitoring));
      return watched.flat().length === 3 ? true : undefined;
    });
  }, 120_000);

  afterAll(async () => {
    await Promise.all([...agents.values()].map((agent) => agent.stop()));
    await Promise.all([claude?.close(), slack?.close(), postgres?.close()]);
    await swarm?.close();
    rmSync(dataDir, { recursive: true, force: true });
  }, 60_000);

  const agentOf = (host: SwarmHost) => agents.get(host) as Doctor;

  const createServices = async ({ docker }: SwarmHost) => {
    // Without the kernel's virtual servers, names lead to the addresses of tasks.
    const network = await docker.createNetwork({ Name: 'shop_net', Driver: 'overlay', Attachable: true });
    const create = (name: string, script: string, mode: object) =>
      docker.createService({
        Name: name,
        TaskTemplate: {
          ContainerSpec: { Image: TEST_IMAGE, Command: ['sh', '-c', script] },
          RestartPolicy: { Condition: 'none' },
          Networks: [{ Target: network.id }],
        },
        Mode: mode,
        EndpointSpec: { Mode: 'dnsrr' },
      });
    await create('shop_worker', WORKER, { Global: {} });
  };

  /** Writes the text to /fail in the host's container of the service. */
  const fail = async ({ docker }: SwarmHost, service: string, text: string) => {
    const [container] = await docker.listContainers({ filters: { name: [service] } });
    const exec = await docker
      .getContainer(container?.Id ?? '')
      .exec({ Cmd: ['sh', '-c', `echo '${text}' > /fail`], AttachStdout: true });
    const stream = await exec.start({});
    await new Promise((resolve) => stream.on('end', resolve).resume());
  };

  const incidents = async (filter: string): Promise<ResponseOf<'incidents'>['incidents']> => {
    const { url } = agentOf(swarm.hosts[0]);
    const answered = await fetch(`${url}/api/v1/incidents?${filter}`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    return ((await answered.json()) as ResponseOf<'incidents'>).incidents;
  };
  const incidentsOf = (words: string) => incidents(`search=${encodeURIComponent(words)}`);
  const questions = () => claude.requests.filter(({ prompt }) => prompt.includes('Container: "shop_worker'));
  const posts = (...words: readonly string[]) =>
    slack.posts.filter(({ text }) => words.every((word) => text.includes(word)));

  const rootCause = (words: string) => `The worker ${words}.`;

  /** All hosts have the problem. While the first one asks, `disturb` breaks something, and `heal` repairs it. */
  const failEverywhere = async (words: string, disturb = async () => {}, heal = async () => {}) => {
    const answered = Promise.withResolvers<void>();
    claude.reply(() => hold(answered.promise, answer({ severity: 'high', root_cause: rootCause(words) })));
    const asked = questions().length;
    const [first, ...others] = swarm.hosts;
    const text = `ERROR ${words}`;
    await fail(first, 'shop_worker', text);
    await within(() => (questions().length > asked ? true : undefined));
    for (const host of others) await fail(host, 'shop_worker', text);
    await disturb();
    answered.resolve();
    await heal();
    await within(async () => {
      const all = await incidentsOf(words);
      if (all.length < 3 || all.some(({ decision }) => decision === null)) throw new Error(JSON.stringify(all));
      return true;
    });
    expect(questions(), words).toHaveLength(asked + 1);
  };

  it('makes one question and one message with the hosts of a failing service, whatever breaks meanwhile', async () => {
    const [, two, three] = swarm.hosts;
    const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    const problems = ['cannot parse the invoice', 'lost the leader election', 'refused by billing', 'index is corrupt'];
    await failEverywhere('queue overflow');

    await failEverywhere(
      'cannot parse the invoice',
      async () => {
        agentOf(three).signal('SIGKILL');
        await agentOf(three).exited;
      },
      async () => void agents.set(three, await startAgent(three)),
    );
    await failEverywhere('lost the leader election', async () => {
      await postgres.stop();
      await postgres.start();
    });
    await failEverywhere(
      'refused by billing',
      async () => two.pauseEngine(),
      async () => {
        await pause(2_000);
        two.resumeEngine();
      },
    );
    await failEverywhere(
      'index is corrupt',
      async () => three.cutOff(),
      async () => {
        await pause(4_000);
        three.reconnect();
      },
    );

    for (const words of ['queue overflow', ...problems]) {
      const all = await incidentsOf(words);
      expect(all.map(({ host }) => host).sort(), words).toEqual(['node-1', 'node-2', 'node-3']);
      const message = await within(() => {
        const [found] = posts('the same problem', rootCause(words));
        if (found === undefined)
          throw new Error(`${words}: ${slack.posts.map(({ text }) => text.slice(0, 300)).join('\n\n')}`);
        return found;
      });
      for (const host of swarm.hosts) expect(message.text, words).toContain(host.name);
      // It and the alert of the first host.
      expect(posts(rootCause(words)), words).toHaveLength(2);
    }
    expect(posts('is silent')).toEqual([]);
  });
}
