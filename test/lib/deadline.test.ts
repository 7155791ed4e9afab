import { expect, it } from 'vitest';
import { within } from '../../src/lib/deadline.ts';

it('settles as the work does if that is in time', async () => {
  expect(await within(60_000, Promise.resolve('done'))).toBe('done');
  await expect(within(60_000, Promise.reject(new Error('failed')))).rejects.toThrow('failed');
});

it('rejects if the work takes too long', async () => {
  await expect(within(1, new Promise(() => {}))).rejects.toThrow('no answer within 1 ms');
});
