import { isLoopback } from '../lib/loopback.ts';

/** The address of the agent that has the same settings, on this machine. */
export function agentUrl(env: NodeJS.ProcessEnv): string {
  const host = env.HOST?.trim() || '127.0.0.1';
  // An agent that listens on all addresses also listens on loopback.
  const target = host === '0.0.0.0' || host === '::' || isLoopback(host) ? '127.0.0.1' : host;
  const authority = target.includes(':') && !target.startsWith('[') ? `[${target}]` : target;
  return `http://${authority}:${env.PORT?.trim() || '8080'}`;
}
