import { isLoopback } from '../lib/loopback.ts';

/** Asks the agent's bare health page (503 when it is blind or stands still), for images without curl. Resolves to the exit code. */
export async function runHealthcheck(env: NodeJS.ProcessEnv): Promise<number> {
  const host = env.HOST?.trim() || '127.0.0.1';
  // Bound to every address, it answers on loopback too; bound to one, only there.
  const target = host === '0.0.0.0' || host === '::' || isLoopback(host) ? '127.0.0.1' : host;
  const authority = target.includes(':') && !target.startsWith('[') ? `[${target}]` : target;
  try {
    const answer = await fetch(`http://${authority}:${env.PORT?.trim() || '8080'}/health`, {
      signal: AbortSignal.timeout(3_000),
    });
    return answer.ok ? 0 : 1;
  } catch {
    return 1;
  }
}
