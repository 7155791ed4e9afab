import { expect, it } from 'vitest';
import { coalesce } from '../../src/lib/coalesce.ts';

/** Reads that end when they are told to. */
function aSource() {
  const reads: PromiseWithResolvers<string>[] = [];
  const read = () => {
    const one = Promise.withResolvers<string>();
    reads.push(one);
    return one.promise;
  };
  return { reads, read: coalesce(read) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

it('is one read for all who ask while another is under way, begun after they asked', async () => {
  const { reads, read } = aSource();
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

it('is a read of its own for who asks when none is under way', async () => {
  const { reads, read } = aSource();
  const first = read();
  reads[0]?.resolve('one');
  await first;
  await settled();
  const second = read();
  expect(reads).toHaveLength(2);
  reads[1]?.resolve('two');
  expect(await second).toBe('two');
});

it('fails those who asked for the read that failed, and nobody else', async () => {
  const { reads, read } = aSource();
  const first = read();
  const second = read();
  reads[0]?.reject(new Error('away'));
  await expect(first).rejects.toThrow('away');
  await settled();
  reads[1]?.resolve('back');
  expect(await second).toBe('back');
});
