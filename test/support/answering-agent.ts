/**
 * The agent with a person beside it: on SIGUSR2 somebody answers the first request that waits, as ANSWER says (`approve`,
 * `deny`, or `twice` for two approvals at once), or snoozes the service `web` (`snooze`).
 */
import { loadSettings, type RunningAgent, startAgent } from '../../src/commands/agent.ts';
import type { Actor } from '../../src/pipeline/ports/people.ts';

const JANE: Actor = { via: 'slack', who: 'U0JANE', from: '#ops' };
const JOE: Actor = { via: 'page', who: 'token', from: '10.0.0.7' };

const print = (text: string) => void process.stdout.write(text);
const settings = loadSettings(process.env, { print, printError: print });
if (settings === undefined) process.exit(78);
// The handlers are there before the log says that the agent runs: a signal without one would end the process.
const running = Promise.resolve().then(() => startAgent(settings, process.env));
process.on('SIGUSR2', () => void running.then(answer));
process.on('SIGTERM', () => void running.then(({ stop }) => stop()).then(() => process.exit(0)));

async function answer({ people: { actions, store }, logger }: RunningAgent): Promise<void> {
  if (process.env.ANSWER === 'snooze') {
    await actions.snooze({ service: { service: 'web' }, forMs: 3_600_000 }, JANE);
    return;
  }
  const [request] = await store.waitingRequests();
  if (request === undefined) {
    logger.info('nothing to answer');
    return;
  }
  const { ANSWER } = process.env;
  const results =
    ANSWER === 'twice'
      ? await Promise.all([actions.approve(request.id, JANE), actions.approve(request.id, JOE)])
      : [ANSWER === 'deny' ? await actions.deny(request.id, JANE) : await actions.approve(request.id, JANE)];
  logger.info('answered', { request: request.id, results });
}
