import { expect, it } from 'vitest';
import { createLimit, createSemaphore } from '../../src/lib/limit.ts';

it('grants permits in order up to the limit, and reports which caller waited', async () => {
  const take = createSemaphore(2);
  const [first, second] = [await take(), await take()];
  expect([first.waited, second.waited]).toEqual([false, false]);

  const order: string[] = [];
  const third = take().then((permit) => {
    order.push('third');
    return permit;
  });
  const fourth = take().then((permit) => {
    order.push('fourth');
    return permit;
  });
  first.release();
  first.release();
  expect((await third).waited).toBe(true);
  expect(order).toEqual(['third']);
  second.release();
  await fourth;
  expect(order).toEqual(['third', 'fourth']);
});

it('grants a released permit again', async () => {
  const take = createSemaphore(1);
  (await take()).release();
  expect((await take()).waited).toBe(false);
});

it('runs the next task after one has failed', async () => {
  const run = createLimit(1);
  const failed = run(() => Promise.reject(new Error('no')));
  const next = run(() => Promise.resolve('yes'));
  await expect(failed).rejects.toThrow('no');
  expect(await next).toBe('yes');
});
