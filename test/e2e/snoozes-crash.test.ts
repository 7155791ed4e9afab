/** A real agent process is killed around the end of a snooze. What it held back is handled, and reported once. */
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createLimit } from '../../src/lib/limit.ts';
import { answer, delay } from '../support/claude-server.ts';
import { type Doctor, startDoctor } from '../support/doctor.ts';
import { eventually } from '../support/eventually.ts';
import { SAFE, startWorld } from '../support/world.ts';

const PROGRAM = fileURLToPath(new URL('../support/answering-agent.ts', import.meta.url));
const CLAUDE_TAKES_MS = 40;
/** A scene mostly waits. */
const threeAtATime = createLimit(3);

describe.concurrent('the end of a snooze', { timeout: 240_000 }, () => {
  it.each([0, 100, 200, 300, 500, 900, 1_500])('is not lost if the agent is killed %d ms after it', async (ms) =>
    threeAtATime(() => killAfterEnd(ms)),
  );
});

async function killAfterEnd(ms: number): Promise<void> {
  const world = await startWorld(() => delay(CLAUDE_TAKES_MS, answer(SAFE)), { slack: { answersAfterMs: 40 } });
  const doctors: Doctor[] = [];
  const start = async () => {
    const doctor = await startDoctor(world.environment({ ANSWER: 'snooze' }), { program: [PROGRAM] });
    doctors.push(doctor);
    return doctor;
  };
  const kill = async (doctor: Doctor) => {
    doctor.signal('SIGKILL');
    await doctor.exited;
  };
  const dataDir = path.join(world.folder, 'data');
  try {
    const web = world.engine.addContainer({ name: 'web', stopTimeout: 1 });
    const first = await start();
    first.signal('SIGUSR2');
    await eventually(async () => ((await first.health()).snoozes === 1 ? true : undefined), { deadlineMs: 60_000 });
    web.log('ERROR cannot serve: deadlock', { stream: 'stderr' });
    const held = `SELECT count(*) AS n FROM incidents WHERE decision_reason = 'snoozed' AND settled_at IS NOT NULL`;
    await eventually(() => (number(dataDir, held) === 1 ? true : undefined), { deadlineMs: 60_000 });
    await kill(first);
    expect(world.slack.posts).toEqual([]);
    expect(world.claude.requests).toEqual([]);

    endSoon(dataDir);
    const second = await start();
    await sleep(ms);
    await kill(second);
    await Promise.all([world.claude.drained(), world.slack.drained()]);
    const seen = world.slack.posts.length;
    const sent = number(dataDir, `SELECT count(*) AS n FROM outbox WHERE state = 'sent'`);

    const third = await start();
    await eventually(
      async () => {
        const entry = (await third.history()).at(-1);
        const { outbox_pending, snoozes } = await third.health();
        if (entry?.outcome === 'recovered' && outbox_pending === 0 && snoozes === 0) return true;
        throw new Error(JSON.stringify({ entry, outbox_pending, snoozes }));
      },
      { deadlineMs: 60_000, everyMs: 50 },
    );
    await third.stop();
    const attempts = number(dataDir, 'SELECT count(*) AS n FROM attempts');
    expect(web.starts).toBe(2);
    expect(number(dataDir, 'SELECT count(*) AS n FROM incidents')).toBe(1);
    expect(number(dataDir, 'SELECT count(*) AS n FROM snoozes WHERE ended_at IS NULL')).toBe(0);
    // A restart that was stored and never reached the engine is reported and made again.
    expect(attempts).toBeLessThanOrEqual(2);
    const unrecorded = seen > sent ? 1 : 0;
    expect(world.slack.posts.length).toBeGreaterThanOrEqual(1);
    expect(world.slack.posts.length).toBeLessThanOrEqual(attempts + unrecorded);
  } catch (error) {
    throw new Error(doctors.map((doctor, n) => `agent ${n + 1}:\n${doctor.output()}`).join('\n\n'), { cause: error });
  } finally {
    await Promise.all(doctors.map((doctor) => doctor.stop()));
    await world.close();
  }
}

function number(dataDir: string, sql: string): number {
  const database = new DatabaseSync(path.join(dataDir, 'doctor.db'), { readOnly: true });
  try {
    return Number(database.prepare(sql).get()?.n ?? 0);
  } finally {
    database.close();
  }
}

/** A snooze lasts at least a minute. No agent may be running. */
function endSoon(dataDir: string): void {
  const database = new DatabaseSync(path.join(dataDir, 'doctor.db'));
  try {
    database.prepare('UPDATE snoozes SET until_at = ?').run(Date.now());
  } finally {
    database.close();
  }
}
