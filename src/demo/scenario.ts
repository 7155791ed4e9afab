import type { Clock } from '../lib/time.ts';
import type { SimulatedContainer } from './engine/simulated-container.ts';
import type { SimulatedEngine } from './simulated-engine.ts';

const MIB = 1024 * 1024;

export interface Act {
  /** Shown to the user before it happens. */
  readonly title: string;
  /** What the agent should do about it. */
  readonly expect: string;
  /** Absent if nothing should be diagnosed. */
  readonly container?: string;
  play(): void;
}

/** Four common incidents and one healthy container, on a simulated engine. */
export function createScenario(engine: SimulatedEngine, clock: Clock): { readonly acts: readonly Act[]; stop(): void } {
  const stopped = new AbortController();

  const web = engine.addContainer({
    name: 'web',
    image: 'nginx:1.27',
    health: 'healthy',
    onStart: (c) => void logRegularly(c, accessLog(clock), clock, stopped.signal),
  });
  const worker = engine.addContainer({
    name: 'worker',
    image: 'shop/worker:2.3',
    memoryLimit: 256 * MIB,
    onStart: (c) => c.log('INFO  worker ready, queue=mail'),
  });
  const api = engine.addContainer({
    name: 'api',
    image: 'shop/api:5.1',
    env: ['DATABASE_PASSWORD=hunter2-for-the-demo'],
    onStart: (c) => c.log('INFO  api listening on :8000'),
  });
  const gateway = engine.addContainer({
    name: 'gateway',
    image: 'shop/gateway:1.9',
    onStart: (c) => c.log('INFO  gateway ready'),
  });
  const db = engine.addContainer({
    name: 'db',
    image: 'postgres:17',
    onStart: (c) => c.log('LOG:  database system is ready to accept connections', { stream: 'stderr' }),
  });

  const acts: readonly Act[] = [
    {
      title: 'web logs a lot, and some lines contain words like "error"',
      expect: 'nothing: no request, no alert',
      play: () => web.log('INFO  0 errors, 0 failed checks, error_rate=0.00, retry after timeout succeeded'),
    },
    {
      title: 'worker is killed for using too much memory, without a line in its log',
      expect: 'diagnosed from the engine event, restarted, recovered',
      container: 'worker',
      play: () => worker.oom(),
    },
    {
      title: 'api runs out of database connections and logs 40 errors',
      expect: 'one diagnosis, restarted, recovered',
      container: 'api',
      play: () => exhaustPool(api),
    },
    {
      title: 'gateway has one timeout',
      expect: 'low severity: recorded, no alert',
      container: 'gateway',
      play: () =>
        gateway.log('ERROR upstream request to pricing timed out after 3000 ms, retrying', { stream: 'stderr' }),
    },
    {
      title: 'db has a full disk',
      expect: 'high severity: alert, never restarted',
      container: 'db',
      play: () =>
        db.log('PANIC:  could not write to file "pg_wal/xlogtemp.29": No space left on device', { stream: 'stderr' }),
    },
  ];
  return { acts, stop: () => stopped.abort() };
}

function exhaustPool(api: SimulatedContainer): void {
  for (let i = 0; i < 40; i++) {
    api.log(`ERROR request ${1000 + i} failed: QueuePool limit of size 5 overflow 10 reached, connection timed out`, {
      stream: 'stderr',
    });
  }
}

async function logRegularly(
  container: SimulatedContainer,
  nextLine: () => string,
  clock: Clock,
  stopped: AbortSignal,
): Promise<void> {
  while (container.running && !stopped.aborted) {
    container.log(nextLine());
    await clock.sleep(500, stopped);
  }
}

function accessLog(clock: Clock): () => string {
  let served = 0;
  return () => {
    served += 1;
    const path = served % 7 === 0 ? '/errors/timeout-help.html' : '/';
    const time = new Date(clock.now()).toISOString();
    return `172.18.0.1 - - [${time}] "GET ${path} HTTP/1.1" 200 ${500 + served} "-" "curl/8.5.0"`;
  };
}
