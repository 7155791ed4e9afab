/**
 * Plays an incident to any tool: a command that watches the engine at DOCKER_HOST. It runs in real time, because the tool
 * has its own clock. What it restarts and posts is counted; how it found the cause cannot be seen from outside.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createSimulatedEngine } from '../../src/demo/simulated-engine.ts';
import { systemClock } from '../../src/lib/time.ts';
import { startClaudeServer } from '../support/claude-server.ts';
import { startSlackServer } from '../support/slack-server.ts';
import { INCIDENTS, type RecordedIncident } from './support-incident-folder.ts';
import { replyOf, type StandIn } from './support-incident-models.ts';
import { createReplay } from './support-incident-replay.ts';
import { type Score, scorePlay } from './support-incident-score.ts';

/** The tool starts, and lists the containers. */
const START_MS = 10_000;
const AFTER_MS = 90_000;
const STOP_MS = 10_000;

export async function playToTool(incident: RecordedIncident, command: string, standIn: StandIn): Promise<Score> {
  const folder = mkdtempSync(path.join(tmpdir(), 'doctor-tool-'));
  const engine = createSimulatedEngine({ socketPath: path.join(folder, 'engine.sock') });
  const claude = await startClaudeServer(replyOf(standIn, incident));
  const slack = await startSlackServer();
  const replay = createReplay(incident, engine, systemClock);
  replay.prepare();
  const tool = spawn(command, {
    shell: true,
    detached: true,
    stdio: process.env.INCIDENT_TOOL_OUTPUT ? 'inherit' : 'ignore',
    env: {
      ...process.env,
      DOCKER_HOST: await engine.listen(),
      SLACK_WEBHOOK_URL: slack.webhookUrl,
      ANTHROPIC_BASE_URL: claude.url,
      ANTHROPIC_API_KEY: 'sk-ant-stand-in-key',
      DATA_DIR: path.join(folder, 'data'),
      PORT: '0',
      INCIDENT: path.join(INCIDENTS, incident.name),
    },
  });
  const ended = new Promise<void>((resolve) => tool.on('close', () => resolve()));
  const signal = (name: NodeJS.Signals) => {
    // Its process group: a shell does not pass signals on.
    if (tool.pid !== undefined && tool.exitCode === null) process.kill(-tool.pid, name);
  };
  try {
    await systemClock.sleep(START_MS);
    await replay.play();
    await systemClock.sleep(AFTER_MS);
    const { requests } = engine;
    const score = scorePlay({
      incident,
      incidents: [],
      alerts: slack.posts.map(({ text }) => text),
      questions: claude.requests.map(({ prompt }) => prompt),
      restarts: requests.flatMap(({ operation, container }) => (operation === 'restart' ? [container ?? ''] : [])),
      otherActions: requests.flatMap(({ operation, container }) =>
        ['start', 'stop', 'kill'].includes(operation) ? [`${operation} ${container}`] : [],
      ),
    });
    const involved = [incident.truth.cause ?? incident.truth.external ?? '', ...incident.truth.members];
    const detected = slack.posts.some(({ text }) => involved.some((name) => name !== '' && text.includes(name)));
    return { ...score, detected, incidents: score.alerts };
  } finally {
    signal('SIGTERM');
    await Promise.race([ended, systemClock.sleep(STOP_MS)]);
    signal('SIGKILL');
    await Promise.all([engine.close(), claude.close(), slack.close()]);
    rmSync(folder, { recursive: true, force: true });
  }
}
