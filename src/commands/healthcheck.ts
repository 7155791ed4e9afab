import { isLoopback } from '../lib/loopback.ts';
import { EXIT_FAILED, EXIT_OK } from './exit-codes.ts';

/**
 * Requests `/health` of the running agent, for images without curl, and resolves to the exit code. Fails if the status
 * is 503 (the engine does not answer, or the loop has stalled) or there is no response.
 */
export async function runHealthcheck(env: NodeJS.ProcessEnv): Promise<number> {
  const host = env.HOST?.trim() || '127.0.0.1';
  // An agent that listens on all addresses also listens on loopback.
  const target = host === '0.0.0.0' || host === '::' || isLoopback(host) ? '127.0.0.1' : host;
  const authority = target.includes(':') && !target.startsWith('[') ? `[${target}]` : target;
  try {
    const response = await fetch(`http://${authority}:${env.PORT?.trim() || '8080'}/health`, {
      signal: AbortSignal.timeout(3_000),
    });
    return response.ok ? EXIT_OK : EXIT_FAILED;
  } catch {
    return EXIT_FAILED;
  }
}
