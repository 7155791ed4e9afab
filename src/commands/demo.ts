import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Act, createScenario } from '../demo/scenario.ts';
import { createSimulatedEngine } from '../demo/simulated-engine.ts';
import type { HistoryEntry } from '../http/history.ts';
import { systemClock } from '../lib/time.ts';
import { loadSettings, type RunningAgent, startAgent } from './agent.ts';
import type { Output } from './output.ts';

const STEP_TIMEOUT_MS = 60_000;
const BETWEEN_STEPS_MS = 1_500;
/** How long to wait in a step without a problem, to show that nothing is reported. */
const NO_PROBLEM_MS = 4_000;
const POLL_MS = 200;

/**
 * Runs the real agent with the simulated engine, plays the incidents of the scenario, and prints what the agent did
 * and which pages to open. Runs until it is stopped. The user's settings (key, webhook, port, …) apply.
 */
export async function runDemo(env: NodeJS.ProcessEnv, { print }: Output): Promise<RunningAgent> {
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
    let problems = '';
    const settings = loadSettings(demoEnv, {
      print,
      printError: (text) => {
        problems += text;
      },
    });
    if (!settings) throw new Error(problems.trim());
    print('Demo: the agent is real, the Docker engine is simulated.\n');
    const agent = await startAgent(settings, demoEnv, { pretty: true });
    print(`\nOpen ${agent.url}/ in a browser and watch.\n`);
    const stopping = new AbortController();
    const stop = async (): Promise<void> => {
      stopping.abort();
      await agent.stop();
      await cleanUp();
    };
    const readHistory = () => fetchHistory(agent.url, settings.config.http.token);
    void play(scenario.acts, readHistory, print, stopping.signal)
      .then(async () => print(summary(await readHistory(), agent.url)))
      .catch((error: unknown) => {
        if (!stopping.signal.aborted) print(`demo: ${error}\n`);
      });
    return { ...agent, stop };
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

type ReadHistory = () => Promise<readonly HistoryEntry[]>;

/** Rejects when `signal` aborts. */
async function play(
  steps: readonly Act[],
  readHistory: ReadHistory,
  print: Output['print'],
  signal: AbortSignal,
): Promise<void> {
  for (const [i, step] of steps.entries()) {
    await wait(BETWEEN_STEPS_MS, undefined, { signal });
    print(`\n── ${i + 1}/${steps.length}  ${step.title}\n   expected: ${step.expect}\n`);
    step.play();
    if (step.container === undefined) await wait(NO_PROBLEM_MS, undefined, { signal });
    else await untilHandled(step.container, readHistory, signal);
  }
  await wait(BETWEEN_STEPS_MS, undefined, { signal });
}

async function untilHandled(container: string, readHistory: ReadHistory, signal: AbortSignal): Promise<void> {
  const deadline = systemClock.now() + STEP_TIMEOUT_MS;
  while (systemClock.now() < deadline) {
    const entry = (await readHistory()).find((candidate) => candidate.container === container);
    const isVerifying = entry?.decision === 'restart' && entry.outcome === null;
    if (entry?.decision && !isVerifying) return;
    await wait(POLL_MS, undefined, { signal });
  }
}

async function fetchHistory(url: string, token: string | undefined): Promise<readonly HistoryEntry[]> {
  const headers = token === undefined ? undefined : { authorization: `Bearer ${token}` };
  const response = await fetch(`${url}/history`, { headers, signal: AbortSignal.timeout(5_000) });
  return response.ok ? ((await response.json()) as HistoryEntry[]) : [];
}

function summary(history: readonly HistoryEntry[], url: string): string {
  const rows = history.map((entry) => {
    const result = entry.outcome === null ? `${entry.decision}: ${entry.reason}` : `restarted: ${entry.outcome}`;
    return `  ${entry.container.padEnd(9)} ${(entry.diagnosis?.severity ?? '').padEnd(7)} seen ${String(entry.occurrences).padStart(2)}x  ${result}\n            ${entry.diagnosis?.root_cause ?? ''}`;
  });
  return `
── What the agent did (web is not listed: it had no problem)
${rows.join('\n')}

The agent is still running. Open
  ${url}/          the page: what happened, why, and what it cost
  ${url}/health    whether everything works, and what does not
  ${url}/history   every diagnosis, what was done and why
  ${url}/metrics   for Prometheus
Next: ANTHROPIC_API_KEY=… and SLACK_WEBHOOK_URL=… with "npm start" on a machine with Docker. Ctrl-C ends the demo.
`;
}
