import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Act, createScenario } from '../demo/scenario.ts';
import { createSimulatedEngine } from '../demo/simulated-engine.ts';
import type { HistoryEntry } from '../http/history.ts';
import { systemClock } from '../lib/time.ts';
import { type RunningAgent, readSettings, startAgent } from './agent.ts';

const ACT_DEADLINE_MS = 60_000;
const BETWEEN_ACTS_MS = 1_500;
/** Long enough to see that nothing comes of it. */
const NOTHING_HAPPENS_MS = 4_000;

/**
 * Runs the real agent against the bundled simulated engine, plays the incidents and says what to open. Goes
 * on serving until it is stopped. What the user set (a key, a webhook, a port) holds.
 */
export async function runDemo(env: NodeJS.ProcessEnv, say: (text: string) => void): Promise<RunningAgent> {
  const scratch = await mkdtemp(path.join(tmpdir(), 'container-doctor-demo-'));
  const engine = createSimulatedEngine({ socketPath: path.join(scratch, 'engine.sock') });
  const scenario = createScenario(engine, systemClock);
  const cleanUp = async (): Promise<void> => {
    scenario.stop();
    await engine.close();
    await rm(scratch, { recursive: true, force: true });
  };
  try {
    const demoEnv: NodeJS.ProcessEnv = {
      AUTO_FIX: 'true',
      VERIFY_STABLE_SECONDS: '5',
      ...env,
      TARGET_CONTAINERS: '',
      DATA_DIR: path.join(scratch, 'data'),
      DOCKER_HOST: await engine.listen(),
      DOCKER_TLS_VERIFY: '',
    };
    const problems: string[] = [];
    const settings = readSettings(demoEnv, (text) => problems.push(text));
    if (!settings) throw new Error(problems.join('').trim());
    say('Demo: a simulated engine stands in for Docker; the agent is the real one.\n');
    const agent = await startAgent(settings, demoEnv, { pretty: true });
    const stop = async (): Promise<void> => {
      await agent.stop();
      await cleanUp();
    };
    void play(scenario.acts, agent.url, settings.config.http.token, say).catch((error: unknown) =>
      say(`demo: ${error}\n`),
    );
    return { ...agent, stop };
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

async function play(
  acts: readonly Act[],
  url: string,
  token: string | undefined,
  say: (text: string) => void,
): Promise<void> {
  const history = () => fetchHistory(url, token);
  for (const [i, act] of acts.entries()) {
    await systemClock.sleep(BETWEEN_ACTS_MS);
    say(`\n── ${i + 1}/${acts.length}  ${act.title}\n   expected: ${act.expect}\n`);
    act.play();
    if (act.container === undefined) await systemClock.sleep(NOTHING_HAPPENS_MS);
    else await untilHandled(act.container, history);
  }
  await systemClock.sleep(BETWEEN_ACTS_MS);
  say(summary(await history(), url));
}

async function untilHandled(container: string, history: () => Promise<readonly HistoryEntry[]>): Promise<void> {
  const deadline = systemClock.now() + ACT_DEADLINE_MS;
  while (systemClock.now() < deadline) {
    const entry = (await history()).find((candidate) => candidate.container === container);
    const waitsForOutcome = entry?.decision === 'restart' && entry.outcome === null;
    if (entry?.decision && !waitsForOutcome) return;
    await systemClock.sleep(200);
  }
}

async function fetchHistory(url: string, token: string | undefined): Promise<readonly HistoryEntry[]> {
  const headers = token === undefined ? undefined : { authorization: `Bearer ${token}` };
  const answer = await fetch(`${url}/history`, { headers, signal: AbortSignal.timeout(5_000) });
  return answer.ok ? ((await answer.json()) as HistoryEntry[]) : [];
}

function summary(history: readonly HistoryEntry[], url: string): string {
  const rows = history.map((entry) => {
    const done = entry.outcome === null ? `${entry.decision}: ${entry.reason}` : `restarted: ${entry.outcome}`;
    return `  ${entry.container.padEnd(9)} ${(entry.diagnosis?.severity ?? '').padEnd(7)} seen ${String(entry.occurrences).padStart(2)}x  ${done}\n            ${entry.diagnosis?.root_cause ?? ''}`;
  });
  return `
── What the doctor did (web is not in the list: nothing was wrong with it)
${rows.join('\n')}

Still running; open
  ${url}/health    is everything well
  ${url}/history   every diagnosis, what was done and why
  ${url}/metrics   for Prometheus
Next: ANTHROPIC_API_KEY=… and SLACK_WEBHOOK_URL=… with "npm start" on a machine with Docker. Ctrl-C ends the demo.
`;
}
