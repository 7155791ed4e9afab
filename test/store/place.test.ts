import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import { StoreError } from '../../src/errors.ts';
import {
  alert,
  attempt,
  diagnosis,
  HOUR,
  incident,
  NOON,
  open,
  recordingLogger,
  request,
  SECOND,
  temporaryDirectory,
} from './support.ts';

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe('the data directory', () => {
  test('is created for its owner alone, and so is every file in it', async () => {
    const dataDir = join(await temporaryDirectory(), 'var', 'doctor');
    const store = await open(dataDir);
    await store.saveIncident(incident());
    expect(modeOf(dataDir)).toBe('700');
    const files = readdirSync(dataDir);
    expect(files).toEqual(expect.arrayContaining(['doctor.db', 'doctor.db-shm', 'doctor.db-wal', 'doctor.lock']));
    expect(files.map((file) => modeOf(join(dataDir, file)))).toEqual(files.map(() => '600'));
  });

  test('keeps its mode where it exists; a file that others could read becomes private', async () => {
    const dataDir = join(await temporaryDirectory(), 'shared');
    mkdirSync(dataDir, { mode: 0o755 });
    writeFileSync(join(dataDir, 'doctor.db'), '', { mode: 0o644 });
    await open(dataDir);
    expect(modeOf(dataDir)).toBe('755');
    expect(modeOf(join(dataDir, 'doctor.db'))).toBe('600');
  });

  test('belongs to one agent at a time', async () => {
    const dataDir = await temporaryDirectory();
    const first = await open(dataDir);
    await expect(open(dataDir)).rejects.toMatchObject({
      name: 'StoreError',
      reason: 'locked',
      message: `DATA_DIR ${dataDir} is in use by another container-doctor: stop that one, or give this one a directory of its own`,
    });
    // The refused attempt has not loosened the lock.
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
    ['is no database at all', () => Buffer.from('hello, world\n'.repeat(400))],
    [
      'has garbage in its pages',
      (whole) => Buffer.concat([whole.subarray(0, 4096), Buffer.alloc(whole.length - 4096, 0xa5)]),
    ],
    ['was cut short', (whole) => whole.subarray(0, whole.length / 2)],
  ];

  test.each(cases)('that %s is set aside and a new one begun', async (_, damage) => {
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

    const aside = `${path}.corrupt-2026-11-23T12-00-00.000Z`;
    expect(readFileSync(aside).equals(damaged)).toBe(true);
    expect(logger.lines).toMatchObject([{ level: 'error', fields: { setAside: aside } }]);
    await store.close();

    writeFileSync(path, damaged);
    await open(dataDir, { clock });
    expect(readdirSync(dataDir)).toContain('doctor.db.corrupt-2026-11-23T12-00-00.000Z-1');
  });

  test('leaves restart limits unknown for an hour, across restarts of the agent', async () => {
    const dataDir = await temporaryDirectory();
    writeFileSync(join(dataDir, 'doctor.db'), 'hello, world\n'.repeat(400));
    const clock = { time: NOON };
    const store = await open(dataDir, { clock });
    expect(store.healthy()).toBe(false);
    expect(await store.probe()).toBe(false);
    expect(store.problem()).toMatch(/was damaged and begun anew.*until 2026-11-23T13:00:00.000Z/);
    await store.close();

    clock.time = NOON + HOUR - 1;
    const reopened = await open(dataDir, { clock });
    expect(reopened.healthy()).toBe(false);
    clock.time = NOON + HOUR;
    expect(reopened.healthy()).toBe(true);
    expect(reopened.problem()).toBeUndefined();
  });
});

describe('the schema', () => {
  test('of a newer program is refused, and left as it was', async () => {
    const dataDir = await temporaryDirectory();
    const store = await open(dataDir);
    await store.saveIncident(incident());
    await store.close();
    const newer = new DatabaseSync(join(dataDir, 'doctor.db'));
    newer.exec(`INSERT INTO schema_version VALUES (99, 'from the future', 0)`);
    newer.close();

    await expect(open(dataDir)).rejects.toMatchObject({
      name: 'StoreError',
      reason: 'newer_schema',
      retryable: false,
      message: expect.stringMatching(/schema is version 99 \(from the future\), this program knows up to \d+/),
    });
    expect(readdirSync(dataDir).filter((file) => file.includes('corrupt'))).toEqual([]);
    // Nor is the lock kept: the newer program can be started again.
    await expect(open(dataDir)).rejects.toMatchObject({ reason: 'newer_schema' });
  });
});

describe('a directory that cannot be used', () => {
  test('leaves a store that works in memory and says that it is not well', async () => {
    const file = join(await temporaryDirectory(), 'file');
    writeFileSync(file, '');
    const logger = recordingLogger();
    const store = await open(join(file, 'data'), { logger });
    expect(store.healthy()).toBe(false);
    expect(store.problem()).toMatch(/^DATA_DIR .*\/file\/data cannot be used: ENOTDIR/);
    expect(logger.lines).toMatchObject([{ level: 'error', message: expect.stringContaining('kept in memory') }]);

    await store.saveIncident(incident());
    await store.saveDiagnosis('incident-1', diagnosis());
    expect(await store.enqueue(alert(), ['slack'])).toBe(true);
    expect(await store.enqueue(alert(), ['slack'])).toBe(false);
    expect(await store.due('slack', NOON, 10)).toHaveLength(1);
    expect(await store.openCases()).toHaveLength(1);
    expect(await store.probe()).toBe(false);
  });

  test('the database’s name being taken by a directory is such a case', async () => {
    const dataDir = await temporaryDirectory();
    mkdirSync(join(dataDir, 'doctor.db'));
    const store = await open(dataDir);
    expect(store.problem()).toContain('cannot be used');
    expect((await store.pending()).get('slack') ?? 0).toBe(0);
  });
});

describe('a directory that can be used again', () => {
  test('is gone back to at the next probe, with what was kept in memory meanwhile', async () => {
    const dataDir = join(await temporaryDirectory(), 'data');
    writeFileSync(dataDir, 'a file where the directory should be');
    const logger = recordingLogger();
    const store = await open(dataDir, { logger });
    await store.saveIncident(incident());
    await store.saveDiagnosis('incident-1', diagnosis());
    await store.recordRequests([request()]);
    await store.enqueue(alert(), ['slack']);
    await store.saveCursors(new Map([['one', { at: 'then', seen: 1 }]]));
    expect(await store.probe()).toBe(false);

    rmSync(dataDir);
    expect(await store.probe()).toBe(true);
    expect(store.problem()).toBeUndefined();
    await store.saveDecision('incident-1', { kind: 'notify', reason: 'auto_fix_off' });
    await store.close();
    expect(logger.lines.map(({ level }) => level)).toEqual(['error', 'debug', 'info']);

    const reopened = await open(dataDir);
    expect(reopened.healthy()).toBe(true);
    expect(await reopened.openCases()).toMatchObject([
      { incident: incident(), diagnosis: diagnosis(), decision: { kind: 'notify' } },
    ]);
    expect(await reopened.spendSince(0)).toBeCloseTo(0.00038, 9);
    expect((await reopened.pending()).get('slack') ?? 0).toBe(1);
    expect((await reopened.loadCursors()).size).toBe(1);
  });

  test('calls that come while the store moves wait, and find all that there was', async () => {
    const dataDir = join(await temporaryDirectory(), 'data');
    writeFileSync(dataDir, '');
    const store = await open(dataDir);
    const save = (n: number) => store.saveIncident(incident({ id: `i-${n}` }));
    await Promise.all(Array.from({ length: 50 }, (_, n) => save(n)));
    rmSync(dataDir);
    const moved = store.probe();
    await Promise.all(Array.from({ length: 50 }, (_, n) => save(50 + n)));
    expect(await moved).toBe(true);
    expect(await store.openCases()).toHaveLength(100);
  });

  test('a disk that was full: what waited in the file goes out, what went out from memory does not again', async ({
    skip,
  }) => {
    const disk = await temporaryDirectory();
    if (!smallDisk(disk)) skip('needs the right to mount a tmpfs');
    const dataDir = join(disk, 'data');
    const before = await open(dataDir);
    await before.saveIncident(incident());
    await before.enqueue(alert({ id: 'waiting' }), ['slack']);
    await before.enqueue(alert({ id: 'told-again' }), ['slack']);
    await before.close();
    fill(disk);

    const store = await open(dataDir);
    expect(store.healthy()).toBe(false);
    expect(await store.enqueue(alert({ id: 'told-again' }), ['slack'])).toBe(true);
    await store.markSent({ alertId: 'told-again', receiver: 'slack' }, NOON);
    rmSync(join(disk, 'ballast'));
    expect(await store.probe()).toBe(true);
    expect((await store.due('slack', NOON, 9)).map((row) => row.alert.id)).toEqual(['waiting']);
    expect(await store.openCases()).toHaveLength(1);
  });
});

test('a file that is found damaged while the agent runs is set aside at the next probe', async () => {
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
  // Closing it here would drop the process's locks on the file.
  onTestFinished(() => closeSync(file));

  await expect(store.history({ limit: 500 }).then(() => store.openCases())).rejects.toMatchObject({
    reason: 'unavailable',
  });
  expect(store.healthy()).toBe(false);
  expect(await store.probe()).toBe(false);
  expect(store.problem()).toMatch(/damaged and begun anew/);
  expect(readdirSync(dataDir).some((name) => name.startsWith('doctor.db.corrupt-'))).toBe(true);
  await store.saveIncident(incident());
  expect(await store.openCases()).toHaveLength(1);
  // Budgets hold: this process knows what it has used.
  expect([await store.asksSince(0), await store.spendSince(0)]).toEqual([1, 0.5]);
});

function fill(disk: string): void {
  try {
    writeFileSync(join(disk, 'ballast'), Buffer.alloc(8 * 1024 * 1024));
  } catch {
    // Full is what it was to become.
  }
}

/** A small file system of its own, so that it can be filled. False where this user may not mount. */
function smallDisk(path: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'doctor-test', path], { stdio: 'ignore' });
  } catch {
    return false;
  }
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', path]);
  });
  return true;
}

describe('a disk that fills up', () => {
  test('makes writes fail by name and the store unhealthy, until there is room again', async ({ skip }) => {
    const disk = await temporaryDirectory();
    if (!smallDisk(disk)) skip('needs the right to mount a tmpfs');
    const logger = recordingLogger();
    const store = await open(join(disk, 'data'), { logger });
    await store.saveIncident(incident());
    fill(disk);

    const big = Array.from({ length: 2_000 }, () => request());
    const failure = await store.recordRequests(big).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(StoreError);
    expect(failure).toMatchObject({ reason: 'unavailable', retryable: true });
    expect(String(failure)).toMatch(/could not write down requests to Claude: .*(full|I\/O)/);
    expect(store.healthy()).toBe(false);
    expect(store.problem()).toContain('could not write down requests');
    // What was written can still be read, and nothing of the failed step is there.
    expect(await store.openCases()).toHaveLength(1);
    expect(await store.spendSince(0)).toBe(0);
    await expect(store.recordRequests(big)).rejects.toMatchObject({ reason: 'unavailable' });

    rmSync(join(disk, 'ballast'));
    expect(await store.probe()).toBe(true);
    expect(store.healthy()).toBe(true);
    await store.recordRequests(big);
    expect(await store.spendSince(0)).toBeCloseTo(2_000 * 0.00038, 9);
    expect(logger.lines.map(({ level }) => level)).toEqual(['error', 'info']);
  });

  test('before the agent starts leaves a store in memory', async ({ skip }) => {
    const disk = await temporaryDirectory();
    if (!smallDisk(disk)) skip('needs the right to mount a tmpfs');
    fill(disk);
    const store = await open(join(disk, 'data'));
    expect(store.healthy()).toBe(false);
    await store.saveIncident(incident());
    expect(await store.openCases()).toHaveLength(1);
  });
});

describe('a disk that can only be read', () => {
  async function leaveCase(dataDir: string): Promise<void> {
    const store = await open(dataDir);
    await store.saveIncident(incident());
    await store.saveDiagnosis('incident-1', diagnosis());
    await store.recordAsk({ at: NOON, incidentId: 'incident-1' });
    await store.saveCursors(new Map([['one', { at: 'then', seen: 1 }]]));
    await store.enqueue(alert(), ['slack']);
    await store.enqueue(alert({ id: 'sent' }), ['slack']);
    await store.markSent({ alertId: 'sent', receiver: 'slack' }, NOON);
    await store.close();
  }

  test.for<[string, (disk: string) => unknown]>([
    ['because it is full', (disk) => fill(disk)],
    ['because it is mounted so', (disk) => execFileSync('mount', ['-o', 'remount,ro', disk])],
  ])('%s still tells what was known; its pending alerts wait where they are', async ([, spoil], { skip }) => {
    const disk = await temporaryDirectory();
    if (!smallDisk(disk)) skip('needs the right to mount a tmpfs');
    const dataDir = join(disk, 'data');
    await leaveCase(dataDir);
    spoil(disk);

    const store = await open(dataDir);
    expect(store.healthy()).toBe(false);
    expect(await store.openCases()).toMatchObject([{ incident: incident(), diagnosis: diagnosis() }]);
    expect(await store.asksSince(NOON)).toBe(1);
    expect((await store.loadCursors()).size).toBe(1);
    expect((await store.pending()).get('slack') ?? 0).toBe(0);
    expect(await store.enqueue(alert({ id: 'sent' }), ['slack'])).toBe(false);
    await store.saveIncident(incident({ id: 'incident-2' }));
    expect(await store.openCases()).toHaveLength(2);
  });

  test('and is damaged leaves an empty store in memory', async ({ skip }) => {
    const disk = await temporaryDirectory();
    if (!smallDisk(disk)) skip('needs the right to mount a tmpfs');
    const dataDir = join(disk, 'data');
    await leaveCase(dataDir);
    const path = join(dataDir, 'doctor.db');
    const whole = readFileSync(path);
    writeFileSync(path, whole.fill(0xa5, 4096));
    execFileSync('mount', ['-o', 'remount,ro', disk]);

    const store = await open(dataDir);
    expect(store.healthy()).toBe(false);
    expect(await store.openCases()).toEqual([]);
    await store.saveIncident(incident());
    expect(await store.openCases()).toHaveLength(1);
  });
});

test('a database file that is taken away while the agent runs is noticed', async () => {
  const dataDir = await temporaryDirectory();
  const store = await open(dataDir);
  const path = join(dataDir, 'doctor.db');
  renameSync(path, `${path}.moved`);
  expect(await store.probe()).toBe(false);
  expect(store.problem()).toContain('was removed or replaced');
  renameSync(`${path}.moved`, path);
  expect(await store.probe()).toBe(true);
});

describe('many at once', () => {
  test('statements and transactions that overlap keep out of each other’s way', async () => {
    const store = await open(await temporaryDirectory());
    const numbers = Array.from({ length: 100 }, (_, n) => n);
    const reads: Promise<unknown>[] = [];
    await Promise.all(
      numbers.flatMap((n) => {
        reads.push(store.openCases(), store.totals(), store.spendSince(0));
        return [
          store.saveIncident(incident({ id: `i-${n}` })),
          store.recordRequests([request({ costUsd: 0.5 }), request({ costUsd: 0.5 })]),
          store.saveCursors(new Map([['same', { at: String(n), seen: n }]])),
          store.beginAttempt(attempt({ id: `a-${n}`, startedAt: NOON + n * SECOND })),
          store.enqueue(alert({ id: `alert-${n % 10}` }), ['slack']),
        ];
      }),
    );
    await Promise.all(reads);
    expect(await store.openCases()).toHaveLength(100);
    expect(await store.spendSince(0)).toBe(100);
    expect((await store.attemptsSince({ project: 'shop', service: 'api' }, NOON)).map(({ id }) => id)).toEqual(
      numbers.map((n) => `a-${n}`),
    );
    expect((await store.pending()).get('slack') ?? 0).toBe(10);
    expect(await store.loadCursors()).toEqual(new Map([['same', { at: '99', seen: 99 }]]));
  });

  test('of many that enqueue one alert, one is told that it is theirs', async () => {
    const store = await open(await temporaryDirectory());
    const answers = await Promise.all(Array.from({ length: 20 }, () => store.enqueue(alert(), ['slack'])));
    expect(answers.filter(Boolean)).toHaveLength(1);
  });
});

describe('closing', () => {
  test('waits for what is under way, and what comes later is refused by name', async () => {
    const dataDir = await temporaryDirectory();
    const store = await open(dataDir);
    const writes = Array.from({ length: 20 }, (_, n) => store.saveIncident(incident({ id: `i-${n}` })));
    await store.close();
    await Promise.all(writes);
    await store.close();
    await expect(store.saveIncident(incident())).rejects.toMatchObject({
      reason: 'unavailable',
      message: 'could not save an incident: the store is closed',
    });
    expect(await (await open(dataDir)).openCases()).toHaveLength(20);
  });
});
