/** The environment of an agent process: the simulated engine, and stand-ins for Claude and Slack. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createSimulatedEngine, type SimulatedEngine } from '../../src/demo/simulated-engine.ts';
import { type ClaudeReply, type ClaudeServer, startClaudeServer } from './claude-server.ts';
import { type Doctor, startDoctor } from './doctor.ts';
import { eventually } from './eventually.ts';
import { type SlackServer, startSlackServer } from './slack-server.ts';

/** An answer that recommends a restart. */
export const SAFE = { root_cause: 'It needs a restart.', severity: 'high', auto_restart_safe: true } as const;

export interface World {
  /** A temporary directory, removed by `close`. */
  readonly folder: string;
  readonly host: string;
  readonly engine: SimulatedEngine;
  readonly claude: ClaudeServer;
  readonly slack: SlackServer;
  /** Settings of an agent that restarts containers and verifies within seconds. */
  environment(over?: Record<string, string>): Record<string, string>;
  start(over?: Record<string, string>, options?: Parameters<typeof startDoctor>[1]): Promise<Doctor>;
  /** Stops the agents that it started, the engine and the stand-ins. */
  close(): Promise<void>;
}

export async function startWorld(
  reply?: ClaudeReply,
  options: { readonly slack?: Parameters<typeof startSlackServer>[0] } = {},
): Promise<World> {
  const folder = mkdtempSync(path.join(tmpdir(), 'doctor-world-'));
  const engine = createSimulatedEngine({ socketPath: path.join(folder, 'engine.sock') });
  const host = await engine.listen();
  const claude = await startClaudeServer(reply);
  const slack = await startSlackServer(options.slack);
  const doctors: Doctor[] = [];

  const environment: World['environment'] = (over = {}) => ({
    DOCKER_HOST: host,
    AUTO_FIX: 'true',
    MAX_RESTARTS_PER_HOUR_HOST: '1000',
    CHECK_INTERVAL: '1',
    ANTHROPIC_API_KEY: 'sk-ant-stand-in-key',
    ANTHROPIC_BASE_URL: claude.url,
    SLACK_WEBHOOK_URL: slack.webhookUrl,
    VERIFY_STABLE_SECONDS: '1',
    VERIFY_DEADLINE_SECONDS: '5',
    DATA_DIR: path.join(folder, 'data'),
    ...over,
  });

  return {
    folder,
    host,
    engine,
    claude,
    slack,
    environment,
    async start(over, options) {
      const doctor = await startDoctor(environment(over), options);
      doctors.push(doctor);
      return doctor;
    },
    async close() {
      await Promise.all(doctors.map((doctor) => doctor.stop()));
      await Promise.all([engine.close(), claude.close(), slack.close()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** `eventually` with a deadline for a separate process. */
export function soon<T>(probe: () => T | undefined | Promise<T | undefined>): Promise<T> {
  return eventually(probe, { deadlineMs: 60_000, everyMs: 30 });
}
