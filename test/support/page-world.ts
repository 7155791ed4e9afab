/** The real agent with a shop on the simulated engine, for tests and pictures of the page. */
import path from 'node:path';
import type { SimulatedContainerOptions } from '../../src/demo/engine/simulated-container.ts';
import { answer } from './claude-server.ts';
import type { Doctor } from './doctor.ts';
import { fillHistory } from './page-history.ts';
import { startWorld, type World } from './world.ts';

export const TOKEN = 'a-token-of-the-tests-only';

export interface PageWorld extends World {
  /** Starts the agent with the history in its store. */
  open(over?: Record<string, string>): Promise<Doctor>;
}

const MIB = 1024 * 1024;

/** `incidents`: in the store from before the agent starts, over the last 30 days. */
export async function startPageWorld(incidents = 60): Promise<PageWorld> {
  const world = await startWorld((prompt) => {
    if (prompt.includes('No space left')) {
      return answer({
        root_cause: 'The disk that holds the write-ahead log is full.',
        severity: 'high',
        suggested_fix: 'Free space on the volume, then restart the database by hand.',
        auto_restart_safe: false,
        config_suggestions: ['max_wal_size = 2GB'],
        likely_recurring: true,
        estimated_impact: 'The database accepts no writes: every order fails.',
      });
    }
    return answer({
      root_cause: 'Two requests wait for each other in the session cache, and every later request waits for them.',
      severity: prompt.includes('timed out after 3000') ? 'low' : 'high',
      suggested_fix: 'Always lock sessions in the order of their ids; a restart helps until then.',
      auto_restart_safe: true,
      config_suggestions: ['SESSION_LOCK_TIMEOUT_MS=2000', 'SESSION_CACHE_SHARDS=16'],
      likely_recurring: true,
      estimated_impact: 'About a third of the requests fail after 30 seconds.',
    });
  });
  addShop(world);
  if (incidents > 0) {
    await fillHistory({ dataDir: path.join(world.folder, 'data'), now: Date.now(), days: 30, incidents });
  }
  return {
    ...world,
    open: (over) => world.start({ AGENT_NAME: 'box-1', ...over }),
  };
}

function addShop({ engine }: World): void {
  const add = (options: SimulatedContainerOptions) => engine.addContainer({ networks: ['shop'], ...options });
  add({ name: 'db', image: 'postgres:17', health: 'healthy' });
  add({ name: 'redis', image: 'redis:8' });
  add({ name: 'api', image: 'shop/api:5.1', env: ['DATABASE_HOST=db', 'REDIS_URL=redis://redis:6379'] });
  add({ name: 'worker', image: 'shop/worker:2.3', memoryLimit: 256 * MIB, env: ['QUEUE_URL=redis://redis:6379'] });
  add({ name: 'mailer', image: 'shop/mailer:1.4', env: ['QUEUE_URL=redis://redis:6379'] });
  add({ name: 'search', image: 'shop/search:0.8', env: ['DATABASE_HOST=db'] });
  add({ name: 'gateway', image: 'shop/gateway:1.9', env: ['UPSTREAM_URL=http://api:8000'] });
  add({ name: 'web', image: 'nginx:1.27', health: 'healthy', env: ['UPSTREAM_URL=http://gateway:8000'] });
}

/** A database that must not be restarted. */
export function fillDisk({ engine }: World): void {
  engine
    .container('db')
    ?.log('PANIC:  could not write to file "pg_wal/xlogtemp.29": No space left on device', { stream: 'stderr' });
}

/** An error that a restart solves. */
export function deadlock({ engine }: World): void {
  const api = engine.container('api');
  for (let n = 0; n < 12; n++) {
    api?.log(`INFO  request ${1000 + n} served in ${20 + n} ms, ${n} sessions in the cache`);
  }
  for (let n = 0; n < 8; n++) {
    api?.log(`ERROR request ${1012 + n} failed: deadlock in the session cache, giving up`, {
      stream: 'stderr',
    });
  }
}
