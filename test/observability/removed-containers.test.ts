/** What `/metrics` shows about removed containers: the whole agent on a fast clock. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type FastWorld, startFastWorld } from '../support/fast-world.ts';

/** One hour of the agent takes six seconds. */
const SPEED = 600;
const MINUTE_MS = 60_000;

let world: FastWorld;
beforeEach(async () => {
  world = await startFastWorld({ speed: SPEED, containers: ['web', 'job', 'stopped'], env: { AUTO_FIX: 'false' } });
});
afterEach(() => world.close());

const fail = (name: string) =>
  world.engine.container(name)?.log('ERROR cannot parse the invoice', { stream: 'stderr' });

/** Names of the containers on the page, sorted. */
async function containersOnPage(): Promise<readonly string[]> {
  const names = (await world.metrics()).matchAll(/container_name="([^"]+)"/g);
  return [...new Set(Array.from(names, ([, name]) => name as string))].sort();
}

const until = <T>(probe: () => Promise<T | undefined>) => eventually(probe, { deadlineMs: 60_000, everyMs: 25 });

describe('a removed container', () => {
  it('leaves the page after an hour, and its counters start again at zero if it comes back', async () => {
    for (const name of ['web', 'job', 'stopped']) fail(name);
    await until(async () => ((await containersOnPage()).length === 3 ? true : undefined));
    world.engine.container('stopped')?.exit(0);
    world.engine.container('job')?.remove();
    const removedAt = world.clock.now();

    const leftAt = await until(async () => {
      const before = world.clock.now();
      return (await containersOnPage()).includes('job') ? undefined : before;
    });
    expect((leftAt - removedAt) / MINUTE_MS).toBeGreaterThan(59);
    expect((leftAt - removedAt) / MINUTE_MS).toBeLessThan(90);
    expect(await containersOnPage()).toEqual(['stopped', 'web']);

    world.engine.addContainer({ name: 'job' });
    fail('job');
    await until(async () => ((await containersOnPage()).includes('job') ? true : undefined));
    await expect.poll(() => world.metric('container_doctor_errors_detected_total', { container_name: 'job' })).toBe(1);
  }, 60_000);

  it('has no open incident once the incident has been quiet long enough', async () => {
    world.engine.container('job')?.oom();
    fail('job');
    await until(async () => ((await world.metric('container_doctor_incidents_open')) > 0 ? true : undefined));
    world.engine.container('job')?.remove();
    const removedAt = world.clock.now();
    await until(async () => ((await world.metric('container_doctor_incidents_open')) === 0 ? true : undefined));
    expect((world.clock.now() - removedAt) / MINUTE_MS).toBeLessThan(60);
  }, 60_000);
});
