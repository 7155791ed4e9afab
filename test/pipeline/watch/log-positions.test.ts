import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/lib/time.ts';
import { createLogPositions } from '../../../src/pipeline/watch/log-positions.ts';
import { eventually } from '../../support/eventually.ts';
import { createMemoryCursors, createRecordingLogger } from '../../support/watching.ts';

const CURSOR = { at: '2026-11-23T12:00:00.123456789Z', seen: 1 };
/** Every sleep takes 2 ms. Only `incidentsSaved` delays a save. */
const fastClock = { ...systemClock, sleep: (_ms: number, signal?: AbortSignal) => systemClock.sleep(2, signal) };

function setUp(incidentsSaved: () => Promise<void>) {
  const store = createMemoryCursors();
  const positions = createLogPositions({
    store,
    clock: fastClock,
    logger: createRecordingLogger(),
    incidentsSaved,
    connectedAt: () => undefined,
  });
  const stopping = new AbortController();
  onTestFinished(() => stopping.abort());
  return { store, positions, stopping, running: positions.run(stopping.signal) };
}

it('saves no position before the incidents of its lines are saved', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { store, positions } = setUp(() => promise);
  positions.set('web', CURSOR);
  const saved = positions.saved();
  await systemClock.sleep(30);
  expect(store.saved.size).toBe(0);
  resolve();
  await saved;
  expect(store.saved.get('web')).toEqual(CURSOR);
});

it('resolves `saved` once the positions are saved, also if nothing changed', async () => {
  const { store, positions } = setUp(async () => {});
  positions.set('web', CURSOR);
  await positions.saved();
  expect(store.saved.has('web')).toBe(true);
  await positions.saved();
});

it('saves the remaining positions when it stops, and resolves `saved` after that', async () => {
  const { store, positions, stopping, running } = setUp(() => new Promise(() => {}));
  positions.set('web', CURSOR);
  const saved = positions.saved();
  stopping.abort();
  await running;
  await saved;
  await positions.saved();
  expect(store.saved.has('web')).toBe(true);
});

it('retries a position that could not be saved', async () => {
  const { store, positions } = setUp(async () => {});
  const save = store.saveCursors.bind(store);
  let attempts = 0;
  Object.assign(store, {
    async saveCursors(cursors: Parameters<typeof save>[0]) {
      attempts += 1;
      if (attempts < 3) throw new Error('the disk is full');
      await save(cursors);
    },
  });
  positions.set('web', CURSOR);
  await eventually(() => store.saved.get('web'));
});
