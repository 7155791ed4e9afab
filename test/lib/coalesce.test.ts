import { expect, it } from 'vitest';
import { coalesce } from '../../src/lib/coalesce.ts';

/** A coalesced read, and the promise of each underlying read. */
function createReads() {
  const reads: PromiseWithResolvers<string>[] = [];
  const read = () => {
    const one = Promise.withResolvers<string>();
    reads.push(one);
    return one.promise;
  };
  return { reads, read: coalesce(read) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

it('gives all callers that arrive during a read the result of one new read, which begins after it', async () => {
  const { reads, read } = createReads();
  const first = read();
  const later = [read(), read(), read()];
  expect(reads).toHaveLength(1);
  reads[0]?.resolve('old');
  expect(await first).toBe('old');
  await settled();
  expect(reads).toHaveLength(2);
  reads[1]?.resolve('new');
  expect(await Promise.all(later)).toEqual(['new', 'new', 'new']);
});

it('begins a read immediately if none is running', async () => {
  const { reads, read } = createReads();
  const first = read();
  reads[0]?.resolve('one');
  await first;
  await settled();
  const second = read();
  expect(reads).toHaveLength(2);
  reads[1]?.resolve('two');
  expect(await second).toBe('two');
});

it('rejects only for callers of the read that failed', async () => {
  const { reads, read } = createReads();
  const first = read();
  const second = read();
  reads[0]?.reject(new Error('away'));
  await expect(first).rejects.toThrow('away');
  await settled();
  reads[1]?.resolve('back');
  expect(await second).toBe('back');
});
