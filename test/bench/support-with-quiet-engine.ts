import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const QUIET_ENGINE = fileURLToPath(new URL('support-quiet-engine.ts', import.meta.url));

/**
 * Runs `use` while support-quiet-engine.ts runs as a process, with its socket in `folder`. `everyMs`, `failMs`: how often
 * each container prints a line, and one of them an error; 0: never.
 */
export async function withQuietEngine<T>(
  folder: string,
  {
    containers,
    everyMs,
    failMs = 0,
  }: { readonly containers: number; readonly everyMs: number; readonly failMs?: number },
  use: (dockerHost: string) => Promise<T>,
): Promise<T> {
  const args = [QUIET_ENGINE, path.join(folder, 'engine.sock'), ...[containers, everyMs, failMs].map(String)];
  const engine = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(engine, 'exit');
  try {
    const dockerHost = await Promise.race([
      once(createInterface({ input: engine.stdout }), 'line').then(([line]) => String(line)),
      exited.then(() => Promise.reject(new Error('the simulated engine did not start'))),
    ]);
    return await use(dockerHost);
  } finally {
    engine.kill();
    await exited;
  }
}
