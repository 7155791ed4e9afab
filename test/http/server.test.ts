import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { toHistoryEntry } from '../../src/http/history.ts';
import type { HttpServerOptions } from '../../src/http/server.ts';
import { aHealth, startServer } from '../support/api-server.ts';
import { eventually } from '../support/eventually.ts';
import { recordingLogger } from '../telemetry/collector.ts';
import { diagnosis, incident } from '../telemetry/samples.ts';

const ended: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0)) await end();
});

async function serve(change: Partial<HttpServerOptions> = {}) {
  const logger = recordingLogger();
  const server = await startServer({
    history: async () => [toHistoryEntry({ incident, diagnosis })],
    metrics: async () => '# TYPE up gauge\nup 1\n',
    logger,
    ...change,
  });
  ended.push(server.close);
  const get = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(server.url + path, { signal: AbortSignal.timeout(60_000), ...init });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) };
  };
  return { ...server, get, logger };
}

describe('/health', () => {
  it('is 200 with all fields if there is no problem', async () => {
    const { get } = await serve();
    const { status, json } = await get('/health');
    expect(status).toBe(200);
    expect(json()).toEqual(aHealth());
  });

  it('is 503 if the engine does not answer, 200 with other problems', async () => {
    const blind = await serve({ health: async () => aHealth({ dockerConnected: false }) });
    const missing = await serve({ health: async () => aHealth({ missingTargets: ['api'] }) });
    expect(await blind.get('/health')).toMatchObject({ status: 503 });
    const { status, json } = await missing.get('/health');
    expect(status).toBe(200);
    expect(json()).toMatchObject({ status: 'degraded', missing_targets: ['api'] });
  });

  it('is 503 if it cannot be determined, and the error is logged', async () => {
    const { get, logger } = await serve({ health: () => Promise.reject(new Error('database is locked')) });
    const { status, text } = await get('/health');
    expect(status).toBe(503);
    expect(text).not.toContain('database');
    expect(logger.shown()).toMatchObject([{ level: 'error', message: 'health could not be determined' }]);
  });
});

describe('/history', () => {
  it('passes the query on and ignores unknown parameters', async () => {
    const asked: unknown[] = [];
    const { get } = await serve({
      history: async (query) => {
        asked.push(query);
        return [toHistoryEntry({ incident, diagnosis })];
      },
    });
    const { status, json } = await get('/history?limit=3&container=web&colour=red');
    expect(status).toBe(200);
    expect(json()).toMatchObject([{ id: 'inc-1', container: 'shop-web-1' }]);
    expect(asked).toEqual([{ limit: 3, container: 'web' }]);
  });

  it.each(['limit=0', 'limit=ten', 'limit=1&limit=2', 'container=', 'container=%00', 'limit[]=5&limit='])(
    'rejects ?%s with 400 and says what is allowed',
    async (query) => {
      const { get } = await serve();
      const { status, json } = await get(`/history?${query}`);
      expect(status).toBe(400);
      expect(json().error).toMatch(/^(limit|container) is .*; allowed is /);
    },
  );

  it('is 503 without details of the error if the store fails', async () => {
    const { get, logger } = await serve({ history: () => Promise.reject(new Error('SQLITE_CORRUPT at /data/x')) });
    const { status, text } = await get('/history');
    expect(status).toBe(503);
    expect(text).not.toMatch(/SQLITE|at \//);
    expect(logger.shown()).toHaveLength(1);
  });
});

describe('/metrics', () => {
  it('is Prometheus text', async () => {
    const { get } = await serve();
    const { status, headers, text } = await get('/metrics');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(text).toBe('# TYPE up gauge\nup 1\n');
  });

  it('is compressed if the client accepts gzip', async () => {
    const { get } = await serve();
    const compressed = await get('/metrics', { headers: { 'accept-encoding': 'gzip' } });
    const plain = await get('/metrics', { headers: { 'accept-encoding': 'identity' } });
    expect([compressed.headers.get('content-encoding'), plain.headers.get('content-encoding')]).toEqual(['gzip', null]);
    expect(compressed.text).toBe(plain.text);
  });

  it('is 503 if the collection failed, never an empty 200', async () => {
    const { get } = await serve({ metrics: () => Promise.reject(new Error('boom')) });
    expect(await get('/metrics')).toMatchObject({ status: 503, text: 'metrics could not be collected\n' });
  });

  it('is 404 with the reason if metrics are off', async () => {
    const { get } = await serve({ metrics: undefined });
    expect(await get('/metrics')).toMatchObject({
      status: 404,
      text: expect.stringContaining('OTEL_METRICS_EXPORTER'),
    });
  });
});

describe('every response', () => {
  it('has security headers and does not name the framework', async () => {
    const { get } = await serve();
    for (const path of ['/', '/health', '/history', '/metrics', '/livez', '/nowhere', '/%E0%A4%A']) {
      const { headers } = await get(path);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(headers.get('x-powered-by')).toBeNull();
      expect(headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  it('is 404 for an unknown page and 405 for a method other than GET and HEAD', async () => {
    const { get } = await serve();
    expect(await get('/nowhere')).toMatchObject({ status: 404, text: expect.stringContaining('/history') });
    expect(await get('/health/')).toMatchObject({ status: 404 });
    const post = await get('/history', { method: 'POST', body: '{}' });
    expect(post.status).toBe(405);
    expect(post.headers.get('allow')).toBe('GET, HEAD');
    expect(await get('/health', { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
    expect(await get('/', { method: 'OPTIONS' })).toMatchObject({ status: 405 });
  });

  it('is 400 without a stack trace for a path that cannot be decoded', async () => {
    const { get } = await serve();
    const { status, text } = await get('/%E0%A4%A');
    expect([400, 404]).toContain(status);
    expect(text).not.toMatch(/node_modules|\n\s+at /);
  });

  it('is reported with its method, route and status', async () => {
    const seen: unknown[] = [];
    const { get } = await serve({ onRequest: (...args) => seen.push(args) });
    await get('/health?x=1');
    await get('/who/knows');
    await get('/livez', { method: 'DELETE' });
    await eventually(() => expect(seen).toHaveLength(3));
    expect(seen).toEqual([
      ['GET', '/health', 200, expect.any(Number)],
      ['GET', undefined, 404, expect.any(Number)],
      ['DELETE', '/livez', 405, expect.any(Number)],
    ]);
  });

  it('to / lists the pages', async () => {
    const { get } = await serve();
    expect((await get('/')).text).toContain('/history');
  });
});

describe('with HTTP_TOKEN', () => {
  const token = 's3cret-token';
  const withToken = { headers: { authorization: `Bearer ${token}` } };

  it.each(['/', '/history', '/api/scorecard', '/metrics', '/nowhere'])('%s requires the token', async (path) => {
    const { get } = await serve({ token });
    const refused = await get(path);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect(refused.text).not.toContain(token);
    for (const authorization of ['Bearer wrong', `Basic ${token}`, token, `Bearer ${token}x`, 'Bearer ']) {
      expect((await get(path, { headers: { authorization } })).status).toBe(401);
    }
    expect((await get(path, withToken)).status).toBe(path === '/nowhere' ? 404 : 200);
  });

  it('/livez and a /health without details need no token', async () => {
    const healthy = await serve({ token });
    const blind = await serve({ token, health: async () => aHealth({ dockerConnected: false }) });
    expect((await healthy.get('/livez')).json()).toEqual({ status: 'ok' });
    expect((await healthy.get('/health')).json()).toEqual({ status: 'healthy' });
    expect((await healthy.get('/health', withToken)).json()).toEqual(aHealth());
    const refused = await blind.get('/health');
    expect(refused.status).toBe(503);
    expect(refused.json()).toEqual({ status: 'degraded' });
  });
});

describe('the server', () => {
  it('closes although a connection is idle and a request hangs', async () => {
    const { port, close, get } = await serve({ history: () => new Promise(() => {}) });
    await get('/livez');
    const idle = connect(port, '127.0.0.1');
    const cut = new Promise((resolve) => idle.on('close', resolve));
    idle.on('error', () => {});
    await new Promise((resolve) => idle.on('connect', resolve));
    const hanging = get('/history').catch(() => 'cut off');
    await close();
    expect(await hanging).toBe('cut off');
    await cut;
    await close();
  });

  it('rejects with the number of the port if that is in use', async () => {
    const { port } = await serve();
    await expect(serve({ port })).rejects.toMatchObject({ code: 'EADDRINUSE', port });
  });
});
