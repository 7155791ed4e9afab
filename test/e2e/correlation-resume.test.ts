/** The agent stops in the middle of a cascade, and the next run continues: no alert is repeated, no container forgotten. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { SimulatedContainer } from '../../src/demo/engine/simulated-container.ts';
import { createSimulatedEngine, type SimulatedEngine } from '../../src/demo/simulated-engine.ts';
import { answer } from '../support/claude-server.ts';
import { composeProject } from '../support/compose-project.ts';
import { eventually } from '../support/eventually.ts';
import { createAdjustableClock } from '../support/fast-clock.ts';
import { startFastWorld } from '../support/fast-world.ts';
import { SAFE, soon, startWorld } from '../support/world.ts';

const PROJECT = composeProject('shop', {
  db: { image: 'postgres:17' },
  api: { dependsOn: ['db'] },
  worker: { env: ['DATABASE_URL=postgres://app:secret@db:5432/app'] },
});

function fail(engine: SimulatedEngine): void {
  engine.container('shop-api-1')?.log('ERROR Error: connect ECONNREFUSED 172.18.0.2:5432', { stream: 'stderr' });
  engine
    .container('shop-worker-1')
    ?.log('ERROR could not translate host name "db" to address: Name or service not known', { stream: 'stderr' });
}

describe('an agent that is killed in the middle of a cascade', () => {
  it.each([0, 150, 350, 600, 1_500])(
    '%i ms after a database died reports it once',
    { timeout: 180_000 },
    async (ms) => {
      const world = await startWorld(() => answer(SAFE));
      try {
        for (const options of PROJECT) world.engine.addContainer(options);
        const first = await world.start();
        await soon(async () => ((await first.health()).monitoring.length === 3 ? true : undefined));
        world.engine.container('shop-db-1')?.exit(1);
        fail(world.engine);
        await sleep(ms);
        first.signal('SIGKILL');
        await first.exited;
        const second = await world.start();
        fail(world.engine);
        await soon(async () => {
          const roots = (await second.history()).filter(({ cause }) => cause?.kind !== 'incident');
          expect(
            roots.map(({ container, members }) => [container, members.map((one) => one.container).sort()]),
          ).toEqual([['shop-db-1', ['shop-api-1', 'shop-worker-1']]]);
          return true;
        });
        // The same text may arrive twice, if the agent was killed after Slack accepted it and before that was stored.
        const alerts = () => new Set(world.slack.posts.map(({ text }) => text));
        await soon(() => alerts().size > 0 || undefined);
        await sleep(1_500);
        expect([...alerts()]).toHaveLength(1);
        expect(world.engine.count('restart')).toBe(0);
      } finally {
        await world.close();
      }
    },
  );
});

describe('an agent that starts again', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'doctor-resume-'));
  let engine: SimulatedEngine | undefined;
  afterEach(async () => {
    await engine?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('releases the members of an incident from its earlier run', async () => {
    const clock = createAdjustableClock(6);
    const simulated = createSimulatedEngine({ socketPath: path.join(folder, 'engine.sock'), clock });
    engine = simulated;
    const host = await simulated.listen();
    for (const options of PROJECT) simulated.addContainer(options);
    const start = () =>
      startFastWorld({
        clock,
        containers: [],
        dataDir: path.join(folder, 'data'),
        engine: { simulated, host },
        claude: () => answer(SAFE),
        env: { CHECK_INTERVAL: '5', VERIFY_STABLE_SECONDS: '3', VERIFY_DEADLINE_SECONDS: '20' },
      });

    const first = await start();
    await clock.sleep(3_000);
    simulated.container('shop-db-1')?.exit(1);
    fail(simulated);
    await eventually(async () => {
      expect((await first.history())[0]?.members).toHaveLength(2);
      return true;
    });
    await clock.sleep(3_000);
    await first.close();

    const second = await start();
    try {
      await clock.sleep(3_000);
      fail(simulated);
      await clock.sleep(5_000);
      expect(second.slack.posts).toEqual([]);
      const db = simulated.container('shop-db-1') as SimulatedContainer;
      db.start();
      clock.speed = 30;
      for (let i = 0; i < 8; i++) {
        await clock.sleep(10_000);
        simulated
          .container('shop-api-1')
          ?.log('ERROR Error: connect ECONNREFUSED 172.18.0.2:5432', { stream: 'stderr' });
      }
      await clock.sleep(30_000);
      const entries = await second.history();
      const own = entries.filter(({ container, cause }) => container === 'shop-api-1' && cause?.kind !== 'incident');
      expect(own).toHaveLength(1);
      expect(entries.filter(({ container }) => container === 'shop-worker-1')).toEqual([]);
    } finally {
      await second.close();
    }
  });
});
