/**
 * The store keeps its data in memory while its database cannot be used, and copies it there when it can be used again.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  alert,
  diagnosis,
  incident,
  NOON,
  open,
  recordingLogger,
  request,
  type SmallDisk,
  smallDisk,
  temporaryDirectory,
} from '../support.ts';

describe('a directory that cannot be used', () => {
  test('makes the store use memory and report a problem', async () => {
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

  test('can be one in which a directory has the name of the database', async () => {
    const dataDir = await temporaryDirectory();
    mkdirSync(join(dataDir, 'doctor.db'));
    const store = await open(dataDir);
    expect(store.problem()).toContain('cannot be used');
    expect(await store.pending()).toEqual(new Map());
  });
});

describe('a directory that can be used again', () => {
  test('is used after the next probe, with the data that was kept in memory', async () => {
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
    expect(await reopened.pending()).toEqual(new Map([['slack', 1]]));
    expect((await reopened.loadCursors()).size).toBe(1);
  });

  test('makes calls wait until all data is copied', async () => {
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

  test('still has the alerts that were pending before the disk was full, except those sent from memory', async ({
    skip,
  }) => {
    const disk = (await smallDisk()) ?? skip('needs the right to mount a tmpfs');
    const dataDir = join(disk.path, 'data');
    const before = await open(dataDir);
    await before.saveIncident(incident());
    await before.enqueue(alert({ id: 'waiting' }), ['slack']);
    await before.enqueue(alert({ id: 'sent-from-memory' }), ['slack']);
    await before.close();
    disk.fill();

    const store = await open(dataDir);
    expect(store.healthy()).toBe(false);
    expect(await store.enqueue(alert({ id: 'sent-from-memory' }), ['slack'])).toBe(true);
    await store.markSent({ alertId: 'sent-from-memory', receiver: 'slack' }, NOON);
    disk.free();
    expect(await store.probe()).toBe(true);
    expect((await store.due('slack', NOON, 9)).map((row) => row.alert.id)).toEqual(['waiting']);
    expect(await store.openCases()).toHaveLength(1);
  });
});

describe('a disk that cannot be written', () => {
  async function saveCase(dataDir: string): Promise<void> {
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

  test.for<[string, (disk: SmallDisk) => unknown]>([
    ['full', (disk) => disk.fill()],
    ['mounted read-only', (disk) => execFileSync('mount', ['-o', 'remount,ro', disk.path])],
  ])('can still be read if it is %s; its pending alerts stay in the file', async ([, makeReadOnly], { skip }) => {
    const disk = (await smallDisk()) ?? skip('needs the right to mount a tmpfs');
    const dataDir = join(disk.path, 'data');
    await saveCase(dataDir);
    makeReadOnly(disk);

    const store = await open(dataDir);
    expect(store.healthy()).toBe(false);
    expect(await store.openCases()).toMatchObject([{ incident: incident(), diagnosis: diagnosis() }]);
    expect(await store.asksSince(NOON)).toBe(1);
    expect((await store.loadCursors()).size).toBe(1);
    expect(await store.pending()).toEqual(new Map());
    expect(await store.enqueue(alert({ id: 'sent' }), ['slack'])).toBe(false);
    await store.saveIncident(incident({ id: 'incident-2' }));
    expect(await store.openCases()).toHaveLength(2);
  });

  test('makes the store start empty in memory if its database is damaged', async ({ skip }) => {
    const disk = (await smallDisk()) ?? skip('needs the right to mount a tmpfs');
    const dataDir = join(disk.path, 'data');
    await saveCase(dataDir);
    const path = join(dataDir, 'doctor.db');
    const whole = readFileSync(path);
    writeFileSync(path, whole.fill(0xa5, 4096));
    execFileSync('mount', ['-o', 'remount,ro', disk.path]);

    const store = await open(dataDir);
    expect(store.healthy()).toBe(false);
    expect(await store.openCases()).toEqual([]);
    await store.saveIncident(incident());
    expect(await store.openCases()).toHaveLength(1);
  });
});

describe('an alert to several receivers', () => {
  const slack = { alertId: 'alert-1', receiver: 'slack' };
  const receivers = ['slack', 'console'];

  test('is pending only for those that did not get it from memory, once the directory can be used', async () => {
    const dataDir = join(await temporaryDirectory(), 'data');
    writeFileSync(dataDir, 'a file where the directory should be');
    const store = await open(dataDir, { receivers });
    await store.enqueue(alert(), receivers);
    await store.markSent(slack, NOON);
    rmSync(dataDir);
    expect(await store.probe()).toBe(true);
    expect(await store.pending()).toEqual(new Map([['console', 1]]));
    expect(await store.due('console', NOON, 9)).toMatchObject([{ alert: { id: 'alert-1' }, tries: 0 }]);
    expect(await store.enqueue(alert(), receivers)).toBe(false);
  });

  test('is pending after a full disk only for those that did not get it before', async ({ skip }) => {
    const disk = (await smallDisk()) ?? skip('needs the right to mount a tmpfs');
    const dataDir = join(disk.path, 'data');
    const before = await open(dataDir, { receivers });
    await before.enqueue(alert(), receivers);
    await before.markSent(slack, NOON);
    await before.close();
    disk.fill();

    const store = await open(dataDir, { receivers });
    expect(store.healthy()).toBe(false);
    expect(await store.enqueue(alert(), receivers)).toBe(false);
    expect(await store.pending()).toEqual(new Map());
    disk.free();
    expect(await store.probe()).toBe(true);
    expect(await store.pending()).toEqual(new Map([['console', 1]]));
  });
});
