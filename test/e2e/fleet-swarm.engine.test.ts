/**
 * Three Docker engines with addresses of their own in a real Swarm, a real PostgreSQL, and an agent on each host. Database,
 * agent, engine and network fail in the middle of incidents.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ResponseOf } from '../../src/http/api/responses.ts';
import { answer, type ClaudeServer, hold, startClaudeServer } from '../support/claude-server.ts';
import { type Doctor, startDoctor } from '../support/doctor.ts';
import { describeMissing, TEST_IMAGE } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { HURRIED } from '../support/hurried-clock.ts';
import { type PostgresServer, startPostgres, whyNoPostgres } from '../support/postgres-server.ts';
import { type SlackServer, startSlackServer } from '../support/slack-server.ts';
import { type SwarmHost, startSwarm, type TestSwarm, whyNoSwarm } from '../support/swarm.ts';

const NAME = 'agents of a real Swarm';
const why = whyNoPostgres() ?? whyNoSwarm();
if (why === undefined) describe(NAME, { timeout: 240_000 }, define);
else describeMissing(NAME, 'three Docker engines in network namespaces', why);

/** Prints what somebody writes to /fail. */
const WORKER = 'while true; do if [ -f /fail ]; then cat /fail >&2; rm /fail; fi; sleep 0.2; done';
/** Runs until somebody writes to /fail, and then fails with that text. */
const DB = 'nc -lk -p 5432 -e cat & until [ -s /fail ]; do sleep 0.2; done; cat /fail >&2; exit 1';
/**
 * Uses the database when somebody writes to /fail. A host that was cut off may keep the name of a task that has ended:
 * without a time-out, a connection to its address takes two minutes to fail.
 */
const WEB = `while true; do if [ -f /fail ]; then
  rm /fail
  echo "ERROR cannot save the order in shop_db:5432: $(nc -w 20 shop_db 5432 2>&1 < /dev/null)" >&2
fi; sleep 0.2; done`;
/** An agent is silent after 90 seconds, which are a quarter of that here. */
const HURRY = { HURRY: '4' };

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
          ...HURRY,
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
        { via: host.via, program: HURRIED },
      );
    await createServices(swarm.hosts[0]);
    await Promise.all(swarm.hosts.map(async (host) => agents.set(host, await startAgent(host))));
    await within(async () => {
      const watched = await Promise.all(swarm.hosts.map(async (host) => (await agentOf(host).health()).monitoring));
      return watched.flat().length === 5 ? true : undefined;
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
    const create = (name: string, script: string, mode: object, on?: SwarmHost) =>
      docker.createService({
        Name: name,
        TaskTemplate: {
          ContainerSpec: { Image: TEST_IMAGE, Command: ['sh', '-c', script] },
          RestartPolicy: { Condition: 'none' },
          Networks: [{ Target: network.id }],
          ...(on && { Placement: { Constraints: [`node.hostname == ${on.name}`] } }),
        },
        Mode: mode,
        EndpointSpec: { Mode: 'dnsrr' },
      });
    const [, two, three] = swarm.hosts;
    await create('shop_worker', WORKER, { Global: {} });
    await create('shop_db', DB, { Replicated: { Replicas: 1 } }, three);
    await create('shop_web', WEB, { Replicated: { Replicas: 1 } }, two);
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

  const restartDatabase = async () => {
    await postgres.stop();
    await postgres.start();
  };
  const reconnect = async () => {
    await pause(4_000);
    swarm.hosts[2].reconnect();
  };
  const both = async (one: () => Promise<void>, other: () => Promise<void>) =>
    void (await Promise.all([one(), other()]));

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
  const failEverywhere = async (words: string, disturb: () => Promise<void>, heal = nothing) => {
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
    return questions().length - asked;
  };
  const nothing = async () => {};
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  it('makes one question and one message with the hosts of a failing service, whatever breaks meanwhile', async () => {
    const [, two, three] = swarm.hosts;
    const killAgent = async () => {
      agentOf(three).signal('SIGKILL');
      await agentOf(three).exited;
    };
    const startAgain = async () => void agents.set(three, await startAgent(three));
    const hang = async () => two.pauseEngine();
    const resume = async () => {
      await pause(2_000);
      two.resumeEngine();
    };
    const problems: [string, () => Promise<void>, () => Promise<void>][] = [
      ['queue overflow', nothing, nothing],
      ['cannot parse the invoice', killAgent, startAgain],
      ['lost the leader election', restartDatabase, nothing],
      ['refused by billing', hang, resume],
      ['index is corrupt', async () => three.cutOff(), reconnect],
      ['basket vanished', () => both(hang, killAgent), () => both(resume, startAgain)],
    ];
    for (const [words, disturb, heal] of problems) {
      expect(await failEverywhere(words, disturb, heal), words).toBe(1);
    }
    for (const [words] of problems) {
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
  });

  it('loses and doubles nothing if the database is killed while a host is cut off', async () => {
    const words = 'pinning mismatch';
    const [, , three] = swarm.hosts;
    const asked = await failEverywhere(words, () => both(async () => three.cutOff(), restartDatabase), reconnect);
    // An agent that has been without the database for five seconds asks for itself.
    expect(asked).toBeLessThanOrEqual(3);
    await within(async () => {
      const pending = await Promise.all(swarm.hosts.map(async (host) => (await agentOf(host).health()).outbox_pending));
      return pending.every((count) => count === 0) ? true : undefined;
    });
    const all = await incidentsOf(words);
    expect(all.map(({ host }) => host).sort()).toEqual(['node-1', 'node-2', 'node-3']);
    const messages = posts(rootCause(words)).map(({ text }) => text);
    for (const { name } of swarm.hosts) expect(messages.join('\n'), name).toContain(name);
    expect(messages.length).toBeLessThanOrEqual(3);
  });

  it('makes a failure follow from the incident of a Swarm service that runs on another host', async () => {
    const [one, two, three] = swarm.hosts;
    const [task] = await three.docker.listContainers({ filters: { name: ['shop_db'] } });
    const address = task?.NetworkSettings.Networks.shop_net?.IPAddress;
    await fail(three, 'shop_db', 'FATAL: could not write the lock file');
    const decided = ({ name }: SwarmHost, container: string) =>
      within(async () => {
        const found = (await incidents(`host=${name}&service=${container}&search=order`))[0];
        if (!found?.decision) throw new Error(JSON.stringify(await incidents(`host=${name}`)));
        return found;
      });
    const cause = await within(async () => {
      const [found] = await incidents(`host=${three.name}&service=shop_db`);
      return found?.decision ? found : undefined;
    });
    // The address of a container that has ended is in errors only. The name usually leads to no container any more.
    await fail(two, 'shop_web', 'now');
    await fail(one, 'shop_worker', `ERROR cannot save the order: connect ECONNREFUSED ${address}:5432`);
    for (const victim of [await decided(two, 'shop_web'), await decided(one, 'shop_worker')]) {
      const where = { host: three.name, incident_id: cause.id };
      expect(victim.cause, victim.summary).toEqual({ kind: 'incident', evidence: 'observed', ...where });
      expect(victim.decision?.reason).toBe('dependency_down');
    }
    expect(claude.requests.filter(({ prompt }) => prompt.includes('save the order'))).toEqual([]);
    expect(posts('save the order')).toEqual([]);
  });

  it('has an agent that falls silent reported once by another one, and what happened meanwhile handled once it is back', async () => {
    const [one, two, three] = swarm.hosts;
    const silent = () => posts(`The agent on ${three.name} is silent`);
    agentOf(three).signal('SIGKILL');
    await agentOf(three).exited;
    for (const host of [one, three]) await fail(host, 'shop_worker', 'ERROR stale session rejected');
    await within(() => silent()[0]);
    agents.set(three, await startAgent(three));
    await within(() => posts(`The agent on ${three.name} is back`)[0]);
    const both = await within(async () => {
      const found = (await incidentsOf('stale session')).filter(({ decision }) => decision !== null);
      return found.length === 2 ? found : undefined;
    });
    expect(both.map(({ host }) => host).sort()).toEqual([one.name, three.name]);
    expect(silent()).toHaveLength(1);
    expect(posts(`The agent on ${three.name} is back`)).toHaveLength(1);
    for (const host of [one, two]) expect(posts(`The agent on ${host.name} is silent`)).toEqual([]);
    expect(claude.requests.filter(({ prompt }) => prompt.includes('stale session'))).toHaveLength(1);
  });
}
