import { connect } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createChangeFeed, type Frame } from '../../../src/http/api/changes.ts';
import { eventually } from '../../support/eventually.ts';
import { serveApi } from './support.ts';

function reader(feed: ReturnType<typeof createChangeFeed>, lastId?: string) {
  const frames: Frame[] = [];
  const end = feed.subscribe(lastId, (frame) => frames.push(frame));
  const next = (count: number) =>
    eventually(async () => (frames.length >= count ? frames.at(count - 1) : undefined), { deadlineMs: 60_000 });
  return { frames, next, end };
}

describe('the change feed', () => {
  it('collects changes into at most four frames a second', async () => {
    const feed = createChangeFeed();
    const { next, frames } = reader(feed);
    expect(frames).toMatchObject([{ event: 'ready' }]);
    for (let i = 0; i < 50; i++) feed.note('incidents', `i${i % 3}`);
    feed.note('people');
    const begun = performance.now();
    expect(await next(2)).toMatchObject({
      event: 'changed',
      data: { incidents: ['i0', 'i1', 'i2'], areas: ['incidents', 'people'], is_complete: true },
    });
    feed.note('status');
    await next(3);
    expect(performance.now() - begun).toBeGreaterThan(400);
  });

  it('says so if more incidents changed than a frame can name', async () => {
    const feed = createChangeFeed();
    const { next } = reader(feed);
    for (let i = 0; i < 150; i++) feed.note('incidents', `i${i}`);
    const frame = await next(2);
    expect([frame.data.incidents.length, frame.data.is_complete]).toEqual([100, false]);
  });

  it('gives a reader that was away what it missed', async () => {
    const feed = createChangeFeed();
    const first = reader(feed);
    feed.note('incidents', 'a');
    const seen = await first.next(2);
    first.end();
    feed.note('incidents', 'b');
    const other = reader(feed);
    await other.next(2);
    expect(reader(feed, seen.id).frames).toMatchObject([{ event: 'changed', data: { incidents: ['b'] } }]);
    expect(reader(feed, other.frames[1]?.id).frames).toMatchObject([{ event: 'ready' }]);
    expect(first.frames).toHaveLength(2);
  });

  it.each(['other-run', '000000000000-1', 'x'.repeat(5_000)])('resets a reader with the unknown id %#', (id) => {
    expect(reader(createChangeFeed(), id).frames).toMatchObject([{ event: 'reset' }]);
  });
});

/** The text of a stream so far, and the part of it up to a text that is to come. */
function readFrames(response: Response) {
  let text = '';
  const decoder = new TextDecoder();
  void (async () => {
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true });
  })().catch(() => undefined);
  const isWhole = (wanted: string) => text.includes(wanted) && text.endsWith('\n\n');
  return {
    text: () => text,
    next: (wanted: string) => eventually(async () => (isWhole(wanted) ? text : undefined), { deadlineMs: 60_000 }),
  };
}

describe('the event stream', () => {
  it('drops a client that does not read, and serves the others', async () => {
    const { port, changes, url, requests } = await serveApi();
    const slow = connect({ port, host: '127.0.0.1' });
    onTestFinished(() => void slow.destroy());
    slow.on('error', () => undefined);
    slow.write('GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await eventually(async () => (slow.bytesRead > 0 ? true : undefined), { deadlineMs: 60_000 });
    slow.pause();
    const wide = Array.from({ length: 100 }, (_, i) => `${i}-${'x'.repeat(60_000)}`);
    await eventually(
      async () => {
        for (const id of wide) changes.note('incidents', id);
        return requests.includes('/api/v1/events') ? true : undefined;
      },
      { deadlineMs: 60_000, everyMs: 250 },
    );
    const response = await fetch(`${url}/api/v1/events`, { signal: AbortSignal.timeout(60_000) });
    expect(response.status).toBe(200);
    await response.body?.cancel();
  }, 120_000);

  it('resumes after the last frame, but not from an earlier run of the agent', async () => {
    const open = async (server: Awaited<ReturnType<typeof serveApi>>, lastId?: string) => {
      const stop = new AbortController();
      onTestFinished(() => stop.abort());
      const headers = lastId === undefined ? {} : { 'last-event-id': lastId };
      return readFrames(await fetch(`${server.url}/api/v1/events`, { headers, signal: stop.signal }));
    };
    const first = await serveApi();
    const before = await open(first);
    expect(await before.next('ready')).toContain('event: ready');
    first.changes.note('incidents', 'a');
    const [, id = ''] = /id: (\S+)\nevent: changed/.exec(await before.next('changed')) ?? [];
    expect(await (await open(first, id)).next('event')).toContain('event: ready');
    first.changes.note('incidents', 'b');
    await before.next('"b"');
    expect(await (await open(first, id)).next('event')).toMatch(/event: changed\n.*"incidents":\["b"\]/);

    const second = await serveApi();
    const reset = await (await open(second, id)).next('event');
    expect(reset).toMatch(/event: reset\n.*"is_complete":false/);
    expect(reset).not.toContain(`id: ${id.split('-')[0]}`);
  });

  it('sends a comment every 15 seconds, so that proxies keep it open', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    const server = await serveApi();
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    const frames = readFrames(await fetch(`${server.url}/api/v1/events`, { signal: stop.signal }));
    await frames.next('ready');
    vi.advanceTimersByTime(14_999);
    expect(frames.text()).not.toContain('ping');
    vi.advanceTimersByTime(1);
    await frames.next(': ping\n\n');
    vi.advanceTimersByTime(15_000);
    await frames.next(': ping\n\n: ping\n\n');
  });

  it('ends when the server closes', async () => {
    const server = await serveApi();
    const response = await fetch(`${server.url}/api/v1/events`);
    const text = response.text();
    await server.close();
    expect(await text).toContain('event: ready');
  });

  it('serves at most 64 pages', async () => {
    const { url } = await serveApi();
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    const open = (signal: AbortSignal) => fetch(`${url}/api/v1/events`, { signal });
    const statuses: number[] = [];
    for (let i = 0; i < 65; i++) statuses.push((await open(stop.signal)).status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(64);
    expect(statuses.at(-1)).toBe(503);
  });
});
