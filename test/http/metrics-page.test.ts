import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createMetricsPage } from '../../src/http/metrics-page.ts';

function pageOf(render: (n: number) => Promise<string>) {
  let now = 0;
  let renders = 0;
  const page = createMetricsPage(
    () => {
      renders += 1;
      return render(renders);
    },
    () => now,
  );
  return {
    page,
    renders: () => renders,
    pass: (ms: number) => {
      now += ms;
    },
  };
}

describe('the metrics page', () => {
  it('is rendered once for all clients within a second, compressed or not', async () => {
    const { page, renders, pass } = pageOf(async (n) => `up ${n}\n`);
    const all = await Promise.all(Array.from({ length: 100 }, () => page.text()));
    for (let i = 0; i < 100; i++) all.push(await page.text());
    const compressed = await Promise.all(Array.from({ length: 100 }, () => page.compressed()));
    expect(new Set(all)).toEqual(new Set(['up 1\n']));
    expect(new Set(compressed).size).toBe(1);
    expect(gunzipSync(compressed[0] as Buffer).toString()).toBe('up 1\n');
    pass(999);
    expect(await page.text()).toBe('up 1\n');
    expect(renders()).toBe(1);
  });

  it('is rendered again after a second', async () => {
    const { page, pass } = pageOf(async (n) => `up ${n}\n`);
    await page.compressed();
    pass(1_000);
    expect(gunzipSync(await page.compressed()).toString()).toBe('up 2\n');
    expect(await page.text()).toBe('up 2\n');
  });

  it('that is slow to render is not rendered a second time meanwhile', async () => {
    const slow = Promise.withResolvers<string>();
    const { page, renders, pass } = pageOf(() => slow.promise);
    const first = page.text();
    pass(60_000);
    const second = page.text();
    slow.resolve('up 1\n');
    expect(await Promise.all([first, second])).toEqual(['up 1\n', 'up 1\n']);
    expect(renders()).toBe(1);
  });

  it('that could not be rendered is tried again after a second, not earlier', async () => {
    const { page, renders, pass } = pageOf((n) =>
      n === 1 ? Promise.reject(new Error('boom')) : Promise.resolve('up'),
    );
    await expect(page.compressed()).rejects.toThrow('boom');
    await expect(page.text()).rejects.toThrow('boom');
    expect(renders()).toBe(1);
    pass(1_000);
    expect(await page.text()).toBe('up');
  });
});
