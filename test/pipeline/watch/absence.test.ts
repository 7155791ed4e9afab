/** What was printed while the agent was not running. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSimulatedEngine, type SimulatedEngine } from '../../../src/demo/simulated-engine.ts';
import { eventually } from '../../support/eventually.ts';
import { createJumpingClock, type JumpingClock } from '../../support/jumping-clock.ts';
import { createMemoryCursors, createWatching, type Watching } from '../../support/watching.ts';

const HOUR = 3_600_000;

let folder: string;
let clock: JumpingClock;
let engine: SimulatedEngine;
let dockerHost: string;
let cursors: ReturnType<typeof createMemoryCursors>;
let running: Watching[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'cd-absence-'));
  clock = createJumpingClock();
  engine = createSimulatedEngine({ socketPath: path.join(folder, 'engine.sock'), clock });
  dockerHost = await engine.listen();
  cursors = createMemoryCursors();
});

afterEach(async () => {
  await Promise.all(running.map(({ watch }) => watch.stop()));
  running = [];
  await engine.close();
  await rm(folder, { recursive: true, force: true });
});

async function watching(options: Parameters<typeof createWatching>[1] = {}): Promise<Watching> {
  const created = createWatching(dockerHost, { clock, cursors, reconcileEveryMs: 50, ...options });
  running.push(created);
  await created.watch.start();
  return created;
}

async function runOnce(): Promise<void> {
  const first = await watching();
  await eventually(() => (first.watch.status().connected ? true : undefined));
  await first.watch.stop();
}

const awaitTexts = (w: Watching, name: string, texts: readonly string[]) =>
  eventually(() => {
    expect(w.texts(name)).toEqual(texts);
    return true;
  });
const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, n) => `line ${n + from}`);

describe('after an absence of an hour, reading starts', () => {
  it('at the end of the last run for a container that had printed nothing before', async () => {
    const quiet = engine.addContainer({ name: 'quiet' });
    await runOnce();
    clock.pass(HOUR / 2);
    quiet.log('ERROR: half an hour ago');
    clock.pass(HOUR / 2);
    await awaitTexts(await watching(), 'quiet', ['ERROR: half an hour ago']);
  });

  it('at its creation for a container that was created during the absence, running or not', async () => {
    await runOnce();
    clock.pass(HOUR / 2);
    engine.addContainer({ name: 'service', onStart: (c) => c.log('starting') });
    engine.addContainer({
      name: 'job',
      onStart(c) {
        c.log('working');
        c.exit(1);
      },
    });
    clock.pass(HOUR / 2);
    const second = await watching();
    await awaitTexts(second, 'service', ['starting']);
    await awaitTexts(second, 'job', ['working']);
  });

  it('at its saved position for a container that had printed before', async () => {
    const web = engine.addContainer({ name: 'web' });
    const first = await watching();
    web.log('before');
    await awaitTexts(first, 'web', ['before']);
    await first.watch.stop();
    clock.pass(HOUR / 2);
    web.log('during');
    clock.pass(HOUR / 2);
    await awaitTexts(await watching(), 'web', ['during']);
  });

  it('before the engine was lost, if it had been lost before the last run ended', async () => {
    const quiet = engine.addContainer({ name: 'quiet' });
    const first = await watching();
    await eventually(() => (first.watch.status().connected ? true : undefined));
    engine.faults.refuseConnections();
    await eventually(() => (first.watch.status().connected ? undefined : true));
    clock.pass(HOUR / 2);
    quiet.log('ERROR: nobody could read this');
    clock.pass(HOUR / 2);
    await first.watch.stop();
    engine.faults.clear();
    await awaitTexts(await watching(), 'quiet', ['ERROR: nobody could read this']);
  });

  it('where the last run was killed, within seconds', async () => {
    const quiet = engine.addContainer({ name: 'quiet' });
    const first = await watching();
    const killedWith = await eventually(() => cursors.lastRun, { deadlineMs: 60_000 });
    quiet.log('ERROR: the agent was killed before it read this');
    clock.pass(HOUR);
    // The state that a killed run leaves: what was saved up to then.
    await first.watch.stop();
    cursors.saved.clear();
    cursors.lastRun = killedWith;
    await awaitTexts(await watching(), 'quiet', ['ERROR: the agent was killed before it read this']);
  });

  it('one minute back if the clock has stepped back to before the end of the last run', async () => {
    const quiet = engine.addContainer({ name: 'quiet' });
    await runOnce();
    clock.jump(-2 * HOUR);
    quiet.log('old');
    clock.pass(HOUR);
    quiet.log('recent');
    await awaitTexts(await watching(), 'quiet', ['recent']);
  });
});

describe('a log with more lines than are read after an absence', () => {
  it.each([false, true])(
    'is read from the newest of them, and the watch reports what it skipped (tty: %s)',
    async (tty) => {
      const web = engine.addContainer({ name: 'web', tty });
      const first = await watching();
      web.log('before');
      await awaitTexts(first, 'web', ['before']);
      await first.watch.stop();
      clock.pass(2_000);
      web.log(numbered(100).join('\n'));
      const silent = engine.addContainer({ name: 'silent', tty });
      silent.log(numbered(20).join('\n'));
      clock.pass(HOUR);
      const second = await watching({ maxBacklogLines: 50 });
      await awaitTexts(second, 'web', numbered(50, 50));
      await awaitTexts(second, 'silent', numbered(20));
      web.log('now');
      await awaitTexts(second, 'web', [...numbered(50, 50), 'now']);
      const [skipped, ...others] = second.watch.status().skippedLogs;
      expect(others).toEqual([]);
      expect(skipped).toMatchObject({ container: 'web' });
      expect(skipped?.before).toBe(second.lines.find(({ text }) => text === 'line 50')?.time);
      clock.pass(HOUR + 1);
      expect(second.watch.status().skippedLogs).toEqual([]);
    },
  );

  it('is read completely if the limit is exceeded only later', async () => {
    const web = engine.addContainer({ name: 'web' });
    await runOnce();
    web.log(numbered(40).join('\n'));
    const second = await watching({ maxBacklogLines: 50 });
    await awaitTexts(second, 'web', numbered(40));
    web.log(numbered(40, 40).join('\n'));
    engine.faults.dropConnections();
    web.log(numbered(100, 80).join('\n'));
    await awaitTexts(second, 'web', numbered(180));
    expect(second.watch.status().skippedLogs).toEqual([]);
  });
});
