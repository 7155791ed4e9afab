import type { RequestListener, Server, ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createLimitedServer, HTTP_LIMITS, type HttpLimits } from '../../src/http/limits.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { eventually } from '../support/eventually.ts';
import { recordingLogger } from '../telemetry/collector.ts';

const ended: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

async function serve(handle: RequestListener, limits: Partial<HttpLimits> = {}) {
  const server: Server = createLimitedServer(handle, { ...HTTP_LIMITS, checkEveryMs: 20, ...limits });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ended.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function open(port: number): Promise<{ socket: Socket; received: () => string; closed: () => boolean }> {
  let text = '';
  let closed = false;
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.on('data', (data) => {
    text += data.toString();
  });
  socket.on('close', () => {
    closed = true;
  });
  ended.push(() => socket.destroy());
  await new Promise((resolve) => socket.once('connect', resolve));
  return { socket, received: () => text, closed: () => closed };
}

const ok: RequestListener = (_request, response) => void response.end('ok');
const until = (probe: () => boolean) =>
  eventually(() => (probe() ? true : undefined), { deadlineMs: 60_000, everyMs: 5 });

describe('a client that', () => {
  it('sends its headers slowly is cut off in time, not up to 30 s later', async () => {
    const port = await serve(ok, { headersMs: 100 });
    const slow = await open(port);
    slow.socket.write('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    const start = performance.now();
    await until(slow.closed);
    expect(performance.now() - start).toBeLessThan(20_000);
    expect(slow.received()).toContain('408');
  });

  it('sends nothing, or its body slowly, is cut off too', async () => {
    const port = await serve(ok, { headersMs: 100, requestMs: 200, keepAliveMs: 100 });
    const mute = await open(port);
    const body = await open(port);
    body.socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx');
    await until(() => mute.closed() && body.closed());
  });

  it('does not read its response does not keep its connection', async () => {
    let cutOff = false;
    const port = await serve(
      (_request, response) => {
        response.on('close', () => {
          cutOff = !response.writableFinished;
        });
        response.end('x'.repeat(50_000_000));
      },
      { idleMs: 200 },
    );
    const client = await open(port);
    client.socket.pause();
    client.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => cutOff);
  });

  it('opens many connections does not lock out others', async () => {
    const port = await serve(ok, { connectionsPerAddress: 5 });
    const clients = await Promise.all(Array.from({ length: 20 }, () => open(port)));
    await until(() => clients.filter((client) => client.closed()).length === 15);
    // Another address of this machine.
    const other = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
    ended.push(() => other.destroy());
    const answer = await new Promise<string>((resolve, reject) => {
      other.once('error', reject);
      other.once('data', (data) => resolve(data.toString()));
      other.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    });
    expect(answer).toContain('200 OK');
    for (const { socket } of clients) socket.destroy();
    await eventually(async () => expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200));
  });

  it('opens more connections than the server has is refused', async () => {
    const port = await serve(ok, { connections: 3 });
    const clients = await Promise.all(Array.from({ length: 6 }, () => open(port)));
    await until(() => clients.filter((client) => client.closed()).length === 3);
  });

  it('sends many requests without waiting is cut off', async () => {
    const waiting: ServerResponse[] = [];
    const port = await serve((_request, response) => void waiting.push(response), { pipelined: 4 });
    const client = await open(port);
    client.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1_000));
    await until(client.closed);
    expect(waiting.length).toBeLessThanOrEqual(4);
  });

  it('sends some requests without waiting gets all responses', async () => {
    const port = await serve(ok);
    const client = await open(port);
    client.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(4));
    await until(() => client.received().split('200 OK').length === 5);
  });

  it('uses one connection for many requests has to open another', async () => {
    const port = await serve(ok, { requestsPerConnection: 3 });
    const client = await open(port);
    for (let i = 1; i <= 3; i++) {
      client.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      await until(() => client.received().split('200 OK').length === i + 1);
    }
    expect(client.received()).toMatch(/connection: close/i);
    client.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => client.received().includes('503'));
  });
});

it("the agent's server has these limits", async () => {
  let renders = 0;
  const server = await createHttpServer({
    host: '127.0.0.1',
    port: 0,
    health: () => Promise.reject(new Error('not needed')),
    history: async () => [],
    scorecard: () => Promise.reject(new Error('not needed')),
    metrics: async () => `up ${++renders}\n`,
    version: '1.2.3',
    logger: recordingLogger(),
  });
  ended.push(() => server.close());
  const pages = await Promise.all(
    Array.from({ length: 50 }, async () =>
      (await fetch(`${server.url}/metrics`, { headers: { connection: 'close' } })).text(),
    ),
  );
  // Once a second, and a busy machine may take some seconds for all.
  expect(new Set(pages).size).toBeLessThan(25);
  const clients = await Promise.all(
    Array.from({ length: HTTP_LIMITS.connectionsPerAddress + 5 }, () => open(server.port)),
  );
  await until(() => clients.filter((client) => client.closed()).length >= 5);
});
