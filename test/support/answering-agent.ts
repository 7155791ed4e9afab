/**
 * The agent with a person beside it: on SIGUSR2 somebody answers the first request that waits, as ANSWER says (`approve`,
 * `deny`, or `twice` for two approvals at once).
 */
import { loadSettings, startAgent } from '../../src/commands/agent.ts';
import type { Actor } from '../../src/pipeline/ports/people.ts';

const JANE: Actor = { via: 'slack', who: 'U0JANE', from: '#ops' };
const JOE: Actor = { via: 'page', who: 'token', from: '10.0.0.7' };

const print = (text: string) => void process.stdout.write(text);
const settings = loadSettings(process.env, { print, printError: print });
if (settings === undefined) process.exit(78);
const agent = await startAgent(settings, process.env);
const { actions, store } = agent.people;

async function answer(): Promise<void> {
  const [request] = await store.waitingRequests();
  if (request === undefined) {
    agent.logger.info('nothing to answer');
    return;
  }
  const { ANSWER } = process.env;
  const results =
    ANSWER === 'twice'
      ? await Promise.all([actions.approve(request.id, JANE), actions.approve(request.id, JOE)])
      : [ANSWER === 'deny' ? await actions.deny(request.id, JANE) : await actions.approve(request.id, JANE)];
  agent.logger.info('answered', { request: request.id, results });
}

process.on('SIGUSR2', () => void answer());
process.on('SIGTERM', () => void agent.stop().then(() => process.exit(0)));
