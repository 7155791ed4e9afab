import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/lib/time.ts';
import { createCursorBook } from '../../../src/pipeline/watch/cursor-book.ts';
import { eventually } from '../../support/eventually.ts';
import { createMemoryCursors, createRecordingLogger } from '../../support/watching.ts';

const CURSOR = { at: '2026-11-23T12:00:00.123456789Z', seen: 1 };
/** A second takes no time here; that nothing is due yet is said by `written` alone. */
const quick = { ...systemClock, sleep: (_ms: number, signal?: AbortSignal) => systemClock.sleep(2, signal) };

function setUp(written: () => Promise<void>) {
  const store = createMemoryCursors();
  const book = createCursorBook({ store, clock: quick, logger: createRecordingLogger(), written });
  const stopping = new AbortController();
  onTestFinished(() => stopping.abort());
  return { store, book, stopping, running: book.run(stopping.signal) };
}

it('saves no position before what came of its lines is written down', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { store, book } = setUp(() => promise);
  book.set('web', CURSOR);
  const saved = book.saved();
  await systemClock.sleep(30);
  expect(store.saved.size).toBe(0);
  resolve();
  await saved;
  expect(store.saved.get('web')).toEqual(CURSOR);
});

it('says that a position is saved only once it is, also where there is nothing new to save', async () => {
  const { store, book } = setUp(async () => {});
  book.set('web', CURSOR);
  await book.saved();
  expect(store.saved.has('web')).toBe(true);
  await book.saved();
});

it('saves at the end what is left, and keeps nobody waiting after it', async () => {
  const { store, book, stopping, running } = setUp(() => new Promise(() => {}));
  book.set('web', CURSOR);
  const saved = book.saved();
  stopping.abort();
  await running;
  await saved;
  await book.saved();
  expect(store.saved.has('web')).toBe(true);
});

it('tries a position again that could not be saved', async () => {
  const { store, book } = setUp(async () => {});
  const save = store.saveCursors.bind(store);
  let tries = 0;
  Object.assign(store, {
    async saveCursors(cursors: Parameters<typeof save>[0]) {
      tries += 1;
      if (tries < 3) throw new Error('the disk is full');
      await save(cursors);
    },
  });
  book.set('web', CURSOR);
  await eventually(() => store.saved.get('web'));
});
