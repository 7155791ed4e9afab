import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { NOON, open, temporaryDirectory } from './support.ts';
import { STEPS } from './writer-process.ts';

const WRITER = fileURLToPath(new URL('./writer-process.ts', import.meta.url));

function startWriter(dataDir: string, ...more: string[]): ChildProcess {
  const child = spawn(process.execPath, [WRITER, dataDir, ...more], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** Kills the writer after `killAfter` steps. Returns the number of steps that it had acknowledged when it died. */
async function acknowledged(child: ChildProcess, killAfter = Number.POSITIVE_INFINITY): Promise<number> {
  const exited = once(child, 'exit');
  let last = 0;
  if (child.stdout === null) throw new Error('the writer has no standard output');
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line);
    if (last >= killAfter) child.kill('SIGKILL');
  }
  expect(await exited).toEqual([null, 'SIGKILL']);
  return last;
}

/** The number of steps found in the store. */
async function stepsFound(store: Store): Promise<number> {
  const cases = await store.openCases();
  const asks = await store.asksSince(0);
  const spend = await store.spendSince(0);
  const requests = Math.round(spend / 0.00038) / 2;
  const cursors = await store.loadCursors();
  const pending = await store.pending();
  // An alert is enqueued for all of its receivers or for none.
  expect(pending.get('console')).toBe(pending.get('slack'));
  const total = cases.reduce(
    (sum, found) =>
      sum +
      [true, found.diagnosis, found.decision, found.attempt, found.outcome, found.settledAt].filter(
        (step) => step !== undefined,
      ).length,
    0,
  );
  return total + asks + requests + (pending.get('slack') ?? 0) + cursors.size;
}

test('everything written before a SIGKILL is in the store afterwards', async () => {
  const dataDir = await temporaryDirectory();
  const done = await acknowledged(startWriter(dataDir, String(2 * STEPS.length)));
  expect(done).toBe(2 * STEPS.length);

  const store = await open(dataDir);
  expect(store.healthy()).toBe(true);
  expect(await store.openCases()).toMatchObject([
    { incident: { id: 'case-00000' }, attempt: { outcome: 'recovered' }, settledAt: NOON },
    { incident: { id: 'case-00001' }, attempt: { outcome: 'recovered' }, settledAt: NOON },
  ]);
  expect(await stepsFound(store)).toBe(done);
});

test('a process killed at any moment loses no acknowledged step and leaves no partial one', async () => {
  for (const killAfter of [1, 7, 23, 58, 131]) {
    const dataDir = await temporaryDirectory();
    const done = await acknowledged(startWriter(dataDir), killAfter);
    expect(done).toBeGreaterThanOrEqual(killAfter);

    const store = await open(dataDir);
    const found = await stepsFound(store);
    // The process may be killed between a write and its acknowledgement.
    expect(found).toBeGreaterThanOrEqual(done);
    expect(found).toBeLessThanOrEqual(done + 1);
    await store.close();
  }
});
