import { expect, test } from 'vitest';
import type { LogCursor } from '../../src/pipeline/ports/engine.ts';
import { onEveryEngine, open } from './support.ts';

onEveryEngine(({ newLocation }) => {
  const stamp = (second: number) => `2026-11-23T12:00:${String(second).padStart(2, '0')}.123456789Z`;

  test('the last saved cursor is loaded, with nanoseconds and streams', async () => {
    const where = await newLocation();
    const store = await open(where);
    const split: LogCursor = {
      at: stamp(3),
      seen: 1,
      streams: { stdout: { at: stamp(2), seen: 1 }, stderr: { at: stamp(3), seen: 2 } },
    };
    await store.saveCursors(
      new Map([
        ['one', { at: stamp(1), seen: 3 }],
        ['two', { at: stamp(1), seen: 1 }],
      ]),
    );
    await store.saveCursors(new Map([['one', split]]));
    await store.close();
    expect(await (await open(where)).loadCursors()).toEqual(
      new Map([
        ['one', split],
        ['two', { at: stamp(1), seen: 1 }],
      ]),
    );
  });

  test('more cursors than fit into one statement are saved and deleted', async () => {
    const store = await open(await newLocation());
    const ids = Array.from({ length: 1_201 }, (_, n) => `container-${n}`);
    await store.saveCursors(new Map(ids.map((id, n) => [id, { at: stamp(0), seen: n }])));
    expect((await store.loadCursors()).size).toBe(1_201);
    await store.forgetCursors(ids.slice(1));
    expect(await store.loadCursors()).toEqual(new Map([['container-0', { at: stamp(0), seen: 0 }]]));
    await store.saveCursors(new Map());
    await store.forgetCursors([]);
  });

  test('the time of the last run is kept', async () => {
    const where = await newLocation();
    const store = await open(where);
    expect(await store.loadLastRun()).toBeUndefined();
    await store.saveLastRun(1_795_450_732_107);
    await store.saveLastRun(1_795_450_742_107);
    await store.close();
    expect(await (await open(where)).loadLastRun()).toBe(1_795_450_742_107);
  });
});
