import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import { StoreError } from '../../../src/errors.ts';
import { HOUR, incident, NOON, open, recordingLogger, request, smallDisk, temporaryDirectory } from '../support.ts';

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe('the data directory', () => {
  test('is created with permissions for its owner only, as is every file in it', async () => {
    const dataDir = join(await temporaryDirectory(), 'var', 'doctor');
    const store = await open(dataDir);
    await store.saveIncident(incident());
    expect(modeOf(dataDir)).toBe('700');
    const files = readdirSync(dataDir);
    expect(files).toEqual(expect.arrayContaining(['doctor.db', 'doctor.db-shm', 'doctor.db-wal', 'doctor.lock']));
    expect(files.map((file) => modeOf(join(dataDir, file)))).toEqual(files.map(() => '600'));
  });

  test('keeps its mode if it exists; a database file that others could read becomes private', async () => {
    const dataDir = join(await temporaryDirectory(), 'shared');
    mkdirSync(dataDir, { mode: 0o755 });
    writeFileSync(join(dataDir, 'doctor.db'), '', { mode: 0o644 });
    await open(dataDir);
    expect(modeOf(dataDir)).toBe('755');
    expect(modeOf(join(dataDir, 'doctor.db'))).toBe('600');
  });

  test('does not change the mode of files elsewhere, whether by a symbolic or a hard link', async () => {
    for (const link of [symlinkSync, linkSync]) {
      for (const name of ['doctor.db', 'doctor.lock']) {
        const dataDir = await temporaryDirectory();
        const elsewhere = join(await temporaryDirectory(), 'file-of-others');
        writeFileSync(elsewhere, '', { mode: 0o644 });
        link(elsewhere, join(dataDir, name));
        await open(dataDir).catch(() => undefined);
        expect([name, modeOf(elsewhere)]).toEqual([name, '644']);
      }
    }
  });

  test('is used by one agent at a time', async () => {
    const dataDir = await temporaryDirectory();
    const first = await open(dataDir);
    await expect(open(dataDir)).rejects.toMatchObject({
      name: 'StoreError',
      reason: 'locked',
      message: `DATA_DIR ${dataDir} is in use by another container-doctor: stop that one, or give this one a directory of its own`,
    });
    // The refused agent did not release the lock.
    await expect(open(dataDir)).rejects.toMatchObject({ reason: 'locked' });
    await first.close();
    await expect(open(dataDir)).resolves.toBeDefined();
  });

  test('can be read by another program while the agent writes', async () => {
    const dataDir = await temporaryDirectory();
    const store = await open(dataDir);
    await store.saveIncident(incident());
    const reader = new DatabaseSync(join(dataDir, 'doctor.db'), { readOnly: true });
    onTestFinished(() => reader.close());
    const cursor = reader.prepare('SELECT id FROM incidents').iterate();
    expect(cursor.next().value).toEqual({ id: 'incident-1' });
    await store.saveIncident(incident({ id: 'incident-2' }));
    expect(store.healthy()).toBe(true);
  });
});

describe('a damaged database', () => {
  const cases: readonly [string, (whole: Buffer) => Buffer][] = [
    ['is not a database', () => Buffer.from('hello, world\n'.repeat(400))],
    [
      'has garbage in its pages',
      (whole) => Buffer.concat([whole.subarray(0, 4096), Buffer.alloc(whole.length - 4096, 0xa5)]),
    ],
    ['was cut short', (whole) => whole.subarray(0, whole.length / 2)],
  ];

  test.each(cases)('that %s is renamed and replaced by a new one', async (_, damage) => {
    const dataDir = await temporaryDirectory();
    const path = join(dataDir, 'doctor.db');
    const before = await open(dataDir);
    await before.saveIncident(incident());
    await before.close();
    const damaged = damage(readFileSync(path));
    writeFileSync(path, damaged);

    const logger = recordingLogger();
    const clock = { time: NOON };
    const store = await open(dataDir, { logger, clock });
    expect(await store.openCases()).toEqual([]);
    await store.saveIncident(incident({ id: 'after' }));

    const renamed = `${path}.corrupt-2026-11-23T12-00-00.000Z`;
    expect(readFileSync(renamed).equals(damaged)).toBe(true);
    expect(logger.lines).toMatchObject([{ level: 'error', fields: { renamed_to: renamed } }]);
    await store.close();

    writeFileSync(path, damaged);
    await open(dataDir, { clock });
    expect(readdirSync(dataDir)).toContain('doctor.db.corrupt-2026-11-23T12-00-00.000Z-1');
  });

  test('makes the store unhealthy for an hour, across restarts of the agent', async () => {
    const dataDir = await temporaryDirectory();
    writeFileSync(join(dataDir, 'doctor.db'), 'hello, world\n'.repeat(400));
    const clock = { time: NOON };
    const store = await open(dataDir, { clock });
    expect(store.healthy()).toBe(false);
    expect(await store.probe()).toBe(false);
    expect(store.problem()).toMatch(/was damaged and replaced.*until 2026-11-23T13:00:00.000Z/);
    await store.close();

    clock.time = NOON + HOUR - 1;
    const reopened = await open(dataDir, { clock });
    expect(reopened.healthy()).toBe(false);
    clock.time = NOON + HOUR;
    expect(reopened.healthy()).toBe(true);
    expect(reopened.problem()).toBeUndefined();
  });
});

test('a file whose damage is found while the agent runs is replaced at the next probe', async () => {
  const dataDir = await temporaryDirectory();
  const path = join(dataDir, 'doctor.db');
  const store = await open(dataDir);
  await store.recordAsk({ at: NOON, incidentId: 'i-0' });
  await store.recordRequests([request({ costUsd: 0.5 })]);
  for (let n = 0; n < 300; n++) await store.saveIncident(incident({ id: `i-${n}`, summary: 'x'.repeat(500) }));
  const other = new DatabaseSync(path);
  other.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  other.close();
  const file = openSync(path, 'r+');
  const size = statSync(path).size;
  writeSync(file, Buffer.alloc(size - 4096, 0xa5), 0, size - 4096, 4096);
  // Close it at the end, because closing releases this process's locks on the file.
  onTestFinished(() => closeSync(file));

  await expect(store.history({ limit: 500 }).then(() => store.openCases())).rejects.toMatchObject({
    reason: 'unavailable',
  });
  expect(store.healthy()).toBe(false);
  expect(await store.probe()).toBe(false);
  expect(store.problem()).toMatch(/damaged and replaced/);
  expect(readdirSync(dataDir).some((name) => name.startsWith('doctor.db.corrupt-'))).toBe(true);
  await store.saveIncident(incident());
  expect(await store.openCases()).toHaveLength(1);
  // The cap and the budget still hold: the process remembers its usage.
  expect([await store.asksSince(0), await store.spendSince(0)]).toEqual([1, 0.5]);
});

describe('a disk that fills up', () => {
  test('makes writes fail and the store unhealthy until there is space again', async ({ skip }) => {
    const disk = (await smallDisk()) ?? skip('needs the right to mount a tmpfs');
    const logger = recordingLogger();
    const store = await open(join(disk.path, 'data'), { logger });
    await store.saveIncident(incident());
    disk.fill();

    const big = Array.from({ length: 2_000 }, () => request());
    const failure = await store.recordRequests(big).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(StoreError);
    expect(failure).toMatchObject({ reason: 'unavailable', retryable: true });
    expect(String(failure)).toMatch(/could not save requests to Claude: .*(full|I\/O)/);
    expect(store.healthy()).toBe(false);
    expect(store.problem()).toContain('could not save requests');
    // Saved rows can still be read, and the failed transaction left nothing behind.
    expect(await store.openCases()).toHaveLength(1);
    expect(await store.spendSince(0)).toBe(0);
    await expect(store.recordRequests(big)).rejects.toMatchObject({ reason: 'unavailable' });

    disk.free();
    expect(await store.probe()).toBe(true);
    expect(store.healthy()).toBe(true);
    await store.recordRequests(big);
    expect(await store.spendSince(0)).toBeCloseTo(2_000 * 0.00038, 9);
    expect(logger.lines.map(({ level }) => level)).toEqual(['error', 'info']);
  });

  test('makes the store use memory if it is full when the agent starts', async ({ skip }) => {
    const disk = (await smallDisk()) ?? skip('needs the right to mount a tmpfs');
    disk.fill();
    const store = await open(join(disk.path, 'data'));
    expect(store.healthy()).toBe(false);
    await store.saveIncident(incident());
    expect(await store.openCases()).toHaveLength(1);
  });
});

test('the removal of the database file while the agent runs is a problem until the file is back', async () => {
  const dataDir = await temporaryDirectory();
  const store = await open(dataDir);
  const path = join(dataDir, 'doctor.db');
  renameSync(path, `${path}.moved`);
  expect(await store.probe()).toBe(false);
  expect(store.problem()).toContain('was removed or replaced');
  renameSync(`${path}.moved`, path);
  expect(await store.probe()).toBe(true);
});
