/** The agent as a process on a real engine, with stand-ins for Claude and Slack. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type Docker from 'dockerode';
import type { HistoryEntry } from '../../src/http/history.ts';
import { answer, type ClaudeServer, startClaudeServer } from './claude-server.ts';
import { type Doctor, startDoctor } from './doctor.ts';
import { clientOf, type RunOptions, runContainer, type TestContainer } from './engine.ts';
import { eventually } from './eventually.ts';
import { type SlackPost, type SlackServer, startSlackServer } from './slack-server.ts';
import { SAFE } from './world.ts';

/** Runs until it is killed. `on` sets its traps. */
export const idle = (on = '') => `${on} while true; do sleep 0.1; done`;
/**
 * Runs until it is killed, and needs no more memory. When the kernel kills another process of the container for lack of
 * memory, it may kill the main one too if that one starts a process at that moment.
 */
export const ASLEEP = 'exec sleep 100000';
/** Fails on its first start only. */
export const onFirstStart = (failure: string) =>
  `if [ -f /once ]; then ${idle("trap 'exit 0' TERM;")}; fi; touch /once; ${failure}`;

/** Names of containers are given without the prefix of the containers that this agent watches. */
export interface EngineAgent {
  readonly docker: Docker;
  readonly doctor: Doctor;
  readonly claude: ClaudeServer;
  start(name: string, options: Omit<RunOptions, 'name'>): Promise<TestContainer>;
  fullName(name: string): string;
  container(container: TestContainer): Docker.Container;
  stateOf(container: TestContainer): Promise<Docker.ContainerInspectInfo['State']>;
  /** Resolves when the log of the container, read from the engine, has this text. */
  printed(container: TestContainer, text: string): Promise<void>;
  /** Resolves when the agent follows these containers. */
  watched(...names: readonly string[]): Promise<void>;
  /** Oldest first. */
  entriesOf(name: string): Promise<readonly HistoryEntry[]>;
  requestsFor(name: string): ClaudeServer['requests'];
  postsFor(name: string): readonly SlackPost[];
  /** The latest incident, once it has a decision. */
  decided(name: string): Promise<HistoryEntry>;
  /** The latest incident, once its restart has an outcome. */
  restarted(name: string): Promise<HistoryEntry>;
  posted(name: string): Promise<SlackPost>;
  restartsOf(name: string): Promise<number>;
  /** Resolves when a later problem of another container has been handled, so earlier events have had their effects. */
  settle(): Promise<void>;
  /** Stops the agent, calls `meanwhile`, and starts the agent again with the same data. */
  restartDoctor(meanwhile: () => Promise<void>): Promise<void>;
  /** Kills the agent with SIGKILL, and starts it again with the same data. */
  killDoctor(): Promise<void>;
  /** Removes the containers and stops everything; rejects if the agent did not exit with 0. */
  close(): Promise<void>;
}

/** Long, because the engine and two cores are shared with other tests. */
const PATIENT = { deadlineMs: 60_000, everyMs: 100 };

export async function startEngineAgent(
  options: {
    /** The address of the engine. */
    readonly dockerHost: string;
    /** What the agent connects to; by default, the engine. */
    readonly agentHost?: string;
  },
  over: Readonly<Record<string, string>> = {},
): Promise<EngineAgent> {
  const prefix = `cd-${randomBytes(3).toString('hex')}`;
  const docker = clientOf(options.dockerHost);
  const containers: TestContainer[] = [];
  const claude = await startClaudeServer((prompt) =>
    prompt.includes('marker') ? answer({ severity: 'low' }) : answer(SAFE),
  );
  const slack: SlackServer = await startSlackServer();
  const dataDir = mkdtempSync(path.join(tmpdir(), 'engine-agent-'));
  const environment = {
    DOCKER_HOST: options.agentHost ?? options.dockerHost,
    TARGET_CONTAINERS: `${prefix}-*`,
    CHECK_INTERVAL: '1',
    AUTO_FIX: 'true',
    MAX_RESTARTS_PER_HOUR_HOST: '1000',
    MAX_ALERTS_PER_MINUTE: '1000',
    ANTHROPIC_API_KEY: 'sk-ant-stand-in',
    ANTHROPIC_BASE_URL: claude.url,
    SLACK_WEBHOOK_URL: slack.webhookUrl,
    VERIFY_STABLE_SECONDS: '2',
    VERIFY_DEADLINE_SECONDS: '15',
    MAX_DIAGNOSES_PER_HOUR: '1000',
    DATA_DIR: dataDir,
    ...over,
  };
  let doctor = await startDoctor(environment);

  // Alerts and prompts are searched for names. The suffix prevents one name from being a part of another.
  const fullName = (name: string) => `${prefix}-${name}_c`;
  const container: EngineAgent['container'] = ({ id }) => docker.getContainer(id);
  const start: EngineAgent['start'] = async (name, runOptions) => {
    const started = await runContainer({ ...runOptions, name: fullName(name) }, docker);
    containers.push(started);
    return started;
  };
  const entriesOf: EngineAgent['entriesOf'] = async (name) =>
    (await doctor.history()).filter((entry) => entry.container === fullName(name));
  const latest = (name: string, isDone: (entry: HistoryEntry) => boolean) =>
    eventually(async () => {
      const entries = await entriesOf(name);
      const last = entries.at(-1);
      if (last === undefined || !isDone(last)) throw new Error(`incidents: ${JSON.stringify(entries)}`);
      return last;
    }, PATIENT);
  const decided: EngineAgent['decided'] = (name) => latest(name, ({ decision }) => decision !== null);
  const postsFor: EngineAgent['postsFor'] = (name) => slack.posts.filter((post) => post.text.includes(fullName(name)));

  return {
    docker,
    get doctor() {
      return doctor;
    },
    claude,
    start,
    fullName,
    container,
    stateOf: async (started) => (await container(started).inspect()).State,
    async printed(started, text) {
      await eventually(async () => {
        const log = await container(started).logs({ stdout: true, stderr: true });
        return log.includes(text) ? true : undefined;
      }, PATIENT);
    },
    async watched(...names) {
      await eventually(async () => {
        const { monitoring } = await doctor.health();
        return names.every((name) => monitoring.includes(fullName(name))) ? true : undefined;
      }, PATIENT);
    },
    entriesOf,
    requestsFor: (name) =>
      claude.requests.filter((request) => request.prompt.includes(`Container: "${fullName(name)}`)),
    postsFor,
    decided,
    restarted: (name) => latest(name, ({ outcome }) => outcome !== null),
    posted: (name) =>
      eventually(async () => {
        const [post] = postsFor(name);
        if (post === undefined) throw new Error(`no alert; incidents: ${JSON.stringify(await entriesOf(name))}`);
        return post;
      }, PATIENT),
    restartsOf: async (name) => (await doctor.health()).fixes_applied[fullName(name)] ?? 0,
    async settle() {
      const name = `marker-x${randomBytes(2).toString('hex')}`;
      await start(name, { cmd: `sleep 0.6; echo "ERROR marker failed" >&2; ${idle()}` });
      await decided(name);
    },
    async restartDoctor(meanwhile) {
      await doctor.stop();
      await meanwhile();
      doctor = await startDoctor(environment);
    },
    async killDoctor() {
      doctor.signal('SIGKILL');
      await doctor.exited;
      doctor = await startDoctor(environment);
    },
    async close() {
      const code = await doctor.stop();
      await Promise.all(containers.map((started) => started.remove()));
      await claude.close();
      await slack.close();
      rmSync(dataDir, { recursive: true, force: true });
      if (code !== 0) throw new Error(`the agent exited with ${code}`);
    },
  };
}
