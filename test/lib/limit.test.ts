import { expect, it } from 'vitest';
import { atMost, createPlaces } from '../../src/lib/limit.ts';

it('lets in so many at once and the others in their order, and tells who had to wait', async () => {
  const take = createPlaces(2);
  const [first, second] = [await take(), await take()];
  expect([first.waited, second.waited]).toEqual([false, false]);

  const order: string[] = [];
  const third = take().then((place) => {
    order.push('third');
    return place;
  });
  const fourth = take().then((place) => {
    order.push('fourth');
    return place;
  });
  first.leave();
  first.leave();
  expect((await third).waited).toBe(true);
  expect(order).toEqual(['third']);
  second.leave();
  await fourth;
  expect(order).toEqual(['third', 'fourth']);
});

it('has its places again when all have left', async () => {
  const take = createPlaces(1);
  (await take()).leave();
  expect((await take()).waited).toBe(false);
});

it('runs so many at once, also after one of them failed', async () => {
  const run = atMost(1);
  const failed = run(() => Promise.reject(new Error('no')));
  const next = run(() => Promise.resolve('yes'));
  await expect(failed).rejects.toThrow('no');
  expect(await next).toBe('yes');
});
