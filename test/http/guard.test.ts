import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { HttpServerOptions } from '../../src/http/server.ts';
import { startServer } from '../support/api-server.ts';
import { recordingLogger } from '../telemetry/collector.ts';

const ended: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0)) await end();
});

async function serve(change: Partial<HttpServerOptions> = {}) {
  const logger = recordingLogger();
  const server = await startServer({
    health: () => Promise.reject(new Error('not needed')),
    scorecard: () => Promise.reject(new Error('not needed')),
    metrics: async () => 'up 1\n',
    logger,
    ...change,
  });
  ended.push(server.close);
  return { port: server.port, logger };
}

interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Sends a request as written, since no client lets its caller set each header. */
function send(port: number, requestLine: string, ...headers: string[]): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(`${[requestLine, ...headers, 'Connection: close'].join('\r\n')}\r\n\r\n`);
    });
    let text = '';
    socket.setTimeout(5_000, () => socket.destroy(new Error('no answer')));
    socket.on('data', (data) => {
      text += data.toString();
    });
    socket.on('error', reject);
    socket.on('close', () => {
      const [head = '', body = ''] = text.split('\r\n\r\n');
      resolve({ status: Number(head.split(' ')[1]), head, body });
    });
  });
}

const get = (port: number, path: string, ...headers: string[]) =>
  send(
    port,
    `GET ${path} HTTP/1.1`,
    ...(headers.some((h) => /^host:/i.test(h)) ? [] : ['Host: localhost']),
    ...headers,
  );

describe.each(['127.0.0.1', '0.0.0.0', '::'])('without HTTP_TOKEN on %s', (host) => {
  it.each(['/', '/history', '/metrics', '/health', '/livez', '/nowhere'])(
    '%s is refused under a name that is not of this server',
    async (path) => {
      const { port } = await serve({ host });
      const { status, body } = await get(port, path, `Host: rebound.evil.example:${port}`);
      expect(status).toBe(403);
      expect(body).toContain('ALLOWED_HOSTS');
    },
  );

  it.each(['localhost', '127.0.0.1', '[::1]', '192.168.1.20', 'container-doctor', 'Doctor.Example.'])(
    'a request to %s is answered',
    async (name) => {
      const { port } = await serve({ host, allowedHosts: ['container-doctor', 'doctor.example'] });
      expect((await get(port, '/history', `Host: ${name}:${port}`)).status).toBe(200);
    },
  );

  it('a request without a Host header is refused', async () => {
    const { port } = await serve({ host });
    expect((await send(port, 'GET /history HTTP/1.0')).status).toBe(403);
    expect((await send(port, 'GET /history HTTP/1.1')).status).toBe(400);
    expect((await get(port, '/history', 'Host:')).status).toBe(403);
  });
});

describe('the Host header', () => {
  it('may name the host that the server listens on', async () => {
    const { port } = await serve({ host: 'localhost', allowedHosts: ['published.example'] });
    expect((await get(port, '/history', 'Host: published.example')).status).toBe(200);
  });

  it('is not checked with a token', async () => {
    const { port } = await serve({ token: 't' });
    expect((await get(port, '/livez', 'Host: doctor.example')).status).toBe(200);
    expect((await get(port, '/history', 'Host: doctor.example')).status).toBe(401);
    expect((await get(port, '/history', 'Host: doctor.example', 'Authorization: Bearer t')).status).toBe(200);
  });

  it('cannot be given twice, nor replaced in the request line', async () => {
    const { port } = await serve();
    expect((await get(port, '/history', 'Host: localhost', 'Host: evil.example')).status).toBe(400);
    expect((await get(port, '/history', 'Host: evil.example', 'Host: localhost')).status).toBe(400);
    expect((await get(port, 'http://evil.example/history', 'Host: localhost')).status).toBe(400);
  });

  it('of refused requests is logged, each name once and at most ten names', async () => {
    const { port, logger } = await serve();
    for (let i = 0; i < 15; i++) await get(port, '/history', `Host: h${i}.example`);
    await get(port, '/history', 'Host: h1.example');
    expect(logger.shown()).toHaveLength(10);
    expect(JSON.stringify(logger.shown()[0])).toContain('h0.example');
  });
});

describe.each([undefined, 't'])('requests of browsers (token: %s)', (token) => {
  const authorization = token === undefined ? [] : [`Authorization: Bearer ${token}`];
  const pages = ['/', '/history', '/metrics', '/health', '/api/scorecard', '/nowhere'];

  it.each(pages.flatMap((path) => ['cross-site', 'same-site', 'cross-site, same-origin', ''].map((s) => [path, s])))(
    '%s is refused with Sec-Fetch-Site: %s',
    async (path, site) => {
      const { port } = await serve({ token });
      const { status } = await get(port, path as string, ...authorization, `Sec-Fetch-Site: ${site}`);
      expect(status).toBe(403);
    },
  );

  it('are answered if the user or a page of this server made them', async () => {
    const { port } = await serve({ token });
    for (const site of ['none', 'same-origin']) {
      expect((await get(port, '/history', ...authorization, `Sec-Fetch-Site: ${site}`)).status).toBe(200);
    }
  });

  it('/livez is answered for any site', async () => {
    const { port } = await serve({ token });
    const { status, head } = await get(port, '/livez', 'Sec-Fetch-Site: cross-site', 'Origin: https://evil.example');
    expect(status).toBe(200);
    expect(head).not.toMatch(/access-control/i);
  });

  it('with other methods are refused too', async () => {
    const { port } = await serve({ token });
    for (const method of ['POST', 'OPTIONS', 'DELETE']) {
      const { status } = await send(
        port,
        `${method} /history HTTP/1.1`,
        'Host: localhost',
        'Sec-Fetch-Site: cross-site',
      );
      expect(status).toBe(403);
    }
  });

  it.each(['https://evil.example', 'http://localhost:3000', 'http://localhost', 'null', 'file://', ''])(
    'without Sec-Fetch-Site are refused if Origin is %j',
    async (origin) => {
      const { port } = await serve({ token });
      const host = `Host: localhost:${port}`;
      expect((await get(port, '/history', host, ...authorization, `Origin: ${origin}`)).status).toBe(403);
      expect((await get(port, '/history', host, ...authorization, `Origin: http://localhost:${port}`)).status).toBe(
        200,
      );
    },
  );
});

describe('a link on another site', () => {
  const followed = ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document'];

  it('leads to a page that only links to the requested one', async () => {
    const { port } = await serve();
    const { status, head, body } = await get(port, '/history?limit=3&container=web', ...followed);
    expect(status).toBe(403);
    expect(head).toMatch(/content-type: text\/html/i);
    expect(body).toContain('<a href="/history?limit=3&#38;container=web">');
    expect(body).not.toMatch(/refresh|<script/i);
  });

  it.each(['//evil.example/x', '/\\evil.example', '/"><script>alert(1)</script>', '/health?a=<b>'])(
    'cannot make that page link elsewhere or contain markup: %s',
    async (path) => {
      const { port } = await serve();
      const { body } = await get(port, path, ...followed);
      expect(body).toMatch(/<a href="\/[^/\\"<>][^"<>]*">/);
      expect(body).not.toMatch(/<script>|<b>/);
    },
  );

  describe('opens the page at once', () => {
    let pageFolder: string;
    beforeAll(() => {
      pageFolder = mkdtempSync(path.join(tmpdir(), 'doctor-page-'));
      mkdirSync(path.join(pageFolder, 'assets'));
      writeFileSync(path.join(pageFolder, 'index.html'), '<!doctype html><title>the page</title>');
    });
    afterAll(() => rmSync(pageFolder, { recursive: true }));
    const views = ['/', '/timeline', '/incidents', '/incidents/some-id', '/trust', '/cost?days=7', '/containers'];
    const sites = ['cross-site', 'same-site'];
    const to = (site: string, ...others: string[]) => [
      `Sec-Fetch-Site: ${site}`,
      ...(others.length > 0 ? others : followed.slice(1)),
      'Accept: text/html',
    ];

    it.each(views.flatMap((view) => sites.map((site) => [view, site] as const)))('%s, %s', async (view, site) => {
      const { port } = await serve({ pageFolder, token: 't' });
      const { status, head, body } = await get(port, view, ...to(site));
      expect([status, body]).toEqual([200, expect.stringContaining('the page')]);
      expect(head).toMatch(/content-security-policy: .*frame-ancestors 'none'/i);
      expect(head).toMatch(/cross-origin-opener-policy: same-origin/i);
      expect(head).not.toMatch(/set-cookie|access-control/i);
    });

    it.each([
      '/history',
      '/health',
      '/metrics',
      '/api/v1/status',
      '/api/v1/incidents',
      '/api/scorecard',
      '/incidents/',
    ])('but not %s', async (path) => {
      const { port } = await serve({ pageFolder });
      expect((await get(port, path, ...to('cross-site'))).status).toBe(403);
    });

    it('but not for a script, a frame, another method or another host name', async () => {
      const { port } = await serve({ pageFolder });
      const mode = 'Sec-Fetch-Mode: navigate';
      for (const dest of ['iframe', 'frame', 'embed', 'object', 'empty', 'script']) {
        expect((await get(port, '/', ...to('cross-site', mode, `Sec-Fetch-Dest: ${dest}`))).status).toBe(403);
      }
      const cors = to('same-site', 'Sec-Fetch-Mode: cors', 'Sec-Fetch-Dest: document');
      expect((await get(port, '/', ...cors)).status).toBe(403);
      for (const method of ['POST', 'HEAD', 'OPTIONS']) {
        const answer = await send(port, `${method} /trust HTTP/1.1`, 'Host: localhost', ...to('cross-site'));
        expect(answer.status).toBe(403);
      }
      expect((await get(port, '/', 'Host: evil.example', ...to('cross-site'))).status).toBe(403);
    });

    it('unless it was not built', async () => {
      const { port } = await serve({ pageFolder: '/nowhere' });
      expect((await get(port, '/', ...to('cross-site'))).status).toBe(403);
    });
  });

  it('does not lead to it in a frame', async () => {
    const { port } = await serve();
    const { head } = await get(port, '/history', ...followed.slice(0, 2), 'Sec-Fetch-Dest: iframe');
    expect(head).toMatch(/application\/json/);
  });
});
