/** Several agents in this process, each with an engine and a data directory of its own, on one PostgreSQL database. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { SimulatedContainerOptions } from '../../src/demo/engine/simulated-container.ts';
import type { Clock } from '../../src/lib/time.ts';
import { type ClaudeReply, type ClaudeServer, startClaudeServer } from './claude-server.ts';
import { createFastClock } from './fast-clock.ts';
import { type FastWorld, startFastWorld } from './fast-world.ts';
import { type SlackServer, startSlackServer } from './slack-server.ts';

export interface TestFleet {
  readonly clock: Clock;
  /** Shared by all agents. */
  readonly claude: ClaudeServer;
  readonly slack: SlackServer;
  /** `web-1`, `web-2`, … */
  start(name: string, env?: Readonly<Record<string, string>>): Promise<FastWorld>;
  close(): Promise<void>;
}

export async function startFleet(options: {
  readonly databaseUrl: string;
  readonly speed?: number;
  /** Replaces the clock that `speed` would create. */
  readonly clock?: Clock;
  readonly containers?: readonly (string | SimulatedContainerOptions)[];
  readonly claude?: ClaudeReply;
  readonly env?: Readonly<Record<string, string>>;
}): Promise<TestFleet> {
  const clock = options.clock ?? createFastClock(options.speed ?? 1);
  const claude = await startClaudeServer(options.claude, clock.now);
  const slack = await startSlackServer({ now: clock.now });
  const folder = mkdtempSync(path.join(tmpdir(), 'fleet-'));
  const worlds: FastWorld[] = [];
  return {
    clock,
    claude,
    slack,
    async start(name, env) {
      const world = await startFastWorld({
        clock,
        containers: options.containers ?? ['app'],
        dataDir: path.join(folder, name),
        webhookUrl: () => slack.webhookUrl,
        env: {
          DATABASE_URL: options.databaseUrl,
          AGENT_NAME: name,
          ANTHROPIC_BASE_URL: claude.url,
          MAX_ALERTS_PER_MINUTE: '1000',
          ...options.env,
          ...env,
        },
      });
      worlds.push(world);
      return world;
    },
    async close() {
      await Promise.all(worlds.map((world) => world.close()));
      await Promise.all([claude.close(), slack.close()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
