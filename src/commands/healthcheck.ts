import { agentUrl } from './agent-url.ts';
import { EXIT_FAILED, EXIT_OK } from './exit-codes.ts';

/**
 * Requests `/health` of the running agent, for images without curl, and resolves to the exit code. Fails if the status
 * is 503 (the engine does not answer, or the loop has stalled) or there is no response.
 */
export async function runHealthcheck(env: NodeJS.ProcessEnv): Promise<number> {
  try {
    const response = await fetch(`${agentUrl(env)}/health`, { signal: AbortSignal.timeout(3_000) });
    return response.ok ? EXIT_OK : EXIT_FAILED;
  } catch {
    return EXIT_FAILED;
  }
}
