import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBodyReader } from '../../src/docker/http-body.ts';
import { createStreamOpener, type EngineStream } from '../../src/docker/http-stream.ts';

const OK = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

function chunked(parts: readonly Buffer[]): Buffer {
  const chunks = parts
    .filter((part) => part.length > 0)
    .map((part) => Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]));
  return Buffer.concat([...chunks, Buffer.from('0\r\n\r\n')]);
}

describe('the body of a response', () => {
  it('in chunks is the same however the bytes arrive', () => {
    const parts = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 20 });
    const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 });
    fc.assert(
      fc.property(parts, sizes, (bodies, cuts) => {
        const sent = bodies.map((body) => Buffer.from(body));
        const wire = chunked(sent);
        const got: Buffer[] = [];
        const reader = createBodyReader('chunked', (buffer, start, end) =>
          got.push(Buffer.from(buffer.subarray(start, end))),
        );
        let complete = false;
        for (let at = 0, turn = 0; at < wire.length; turn++) {
          const to = Math.min(wire.length, at + (cuts[turn % cuts.length] ?? 1));
          expect(complete).toBe(false);
          complete = reader.write(wire, at, to);
          at = to;
        }
        expect(complete).toBe(true);
        expect(Buffer.concat(got)).toEqual(Buffer.concat(sent));
      }),
    );
  });

  it.each(['zz\r\n', '123456789\r\n', '\r\n', '3\r\nabcd\r\n'])('%j is no chunk', (bytes) => {
    const wire = Buffer.from(bytes);
    expect(() => createBodyReader('chunked', () => {}).write(wire, 0, wire.length)).toThrow('invalid chunk');
  });

  it('may have extensions of chunks and a trailer', () => {
    let text = '';
    const wire = Buffer.from('3;name=value\r\nabc\r\n0\r\nExpires: never\r\n\r\n');
    const reader = createBodyReader('chunked', (buffer, start, end) => {
      text += buffer.toString('utf8', start, end);
    });
    expect(reader.write(wire, 0, wire.length)).toBe(true);
    expect(text).toBe('abc');
  });
});

describe('a stream of the engine', () => {
  let folder: string;
  let server: Server;
  let answer: (socket: Socket, request: string) => void;
  let open: (abort?: AbortSignal) => Promise<EngineStream>;

  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'cd-stream-'));
    const socketPath = path.join(folder, 'engine.sock');
    server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', (data) => answer(socket, data.toString()));
    });
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    const opener = createStreamOpener({ kind: 'socket', socketPath }, undefined);
    open = (signal = new AbortController().signal) => opener('/containers/x/logs?follow=true', signal);
  });

  afterEach(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function read(stream: EngineStream): Promise<string> {
    let text = '';
    await stream.read(
      (buffer, start, end) => {
        text += buffer.toString('utf8', start, end);
      },
      () => {},
    );
    return text;
  }

  it('is requested with its path, and read to its end', async () => {
    let asked = '';
    answer = (socket, request) => {
      asked = request;
      // Bytes that arrive with the head wait until the stream is read.
      socket.write(`${OK}5\r\nhello\r\n`);
      setTimeout(() => socket.write('6\r\n world\r\n0\r\n\r\n'), 20);
    };
    const stream = await open();
    await new Promise((resolve) => setImmediate(resolve));
    expect(await read(stream)).toBe('hello world');
    expect(asked).toMatch(/^GET \/containers\/x\/logs\?follow=true HTTP\/1\.1\r\nHost: docker\r\n/);
  });

  it.each([
    ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'],
    ['the end of the connection', 'HTTP/1.0 200 OK\r\n\r\nhello'],
  ])('may end with %s', async (_, text) => {
    answer = (socket) => socket.end(text);
    expect(await read(await open())).toBe('hello');
  });

  /** Writes each line by itself until `lines`, as an engine does. */
  async function writeOneByOne(socket: Socket, lines: number): Promise<void> {
    socket.write(OK);
    for (let n = 0; n < lines && !socket.destroyed; n++) {
      const line = `line ${n}\n`;
      socket.write(`${line.length.toString(16)}\r\n${line}\r\n`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.end('0\r\n\r\n');
  }

  it('whose lines come one by one and fast is read completely, in fewer reads, beside others', async () => {
    answer = (socket) => void writeOneByOne(socket, 2_000);
    const streams = await Promise.all([open(), open()]);
    const read = streams.map(async (stream) => {
      let text = '';
      let reads = 0;
      await stream.read(
        (buffer, start, end) => {
          text += buffer.toString('utf8', start, end);
        },
        () => {
          reads += 1;
        },
      );
      return { text, reads };
    });
    for (const { text, reads } of await Promise.all(read)) {
      expect(text).toBe(Array.from({ length: 2_000 }, (_, n) => `line ${n}\n`).join(''));
      expect(reads).toBeLessThan(2_000);
    }
  });

  it('that is aborted in a flood ends, and is not read again', async () => {
    answer = (socket) => void writeOneByOne(socket, 100_000);
    const abort = new AbortController();
    let reads = 0;
    const reading = (await open(abort.signal)).read(
      () => {},
      () => {
        reads += 1;
        if (reads === 40) abort.abort();
      },
    );
    await expect(reading).rejects.toThrow('aborted');
    expect(reads).toBe(40);
  });

  it.each([
    ['before its head', ''],
    ['within its head', 'HTTP/1.1 200 OK\r\nTransf'],
  ])('that is lost %s is refused', async (_, text) => {
    answer = (socket) => socket.end(text);
    await expect(open()).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it.each([
    ['within a chunk', `${OK}5\r\nhel`],
    ['before its last chunk', `${OK}5\r\nhello\r\n`],
    ['before its length', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello'],
  ])('that is lost %s ends with an error, because lines may be missing', async (_, text) => {
    answer = (socket) => socket.end(text);
    await expect(read(await open())).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('that is refused has the status and the reason', async () => {
    answer = (socket) => socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 23\r\n\r\n{"message":"no such x"}');
    await expect(open()).rejects.toMatchObject({ statusCode: 404, json: { message: 'no such x' } });
    answer = (socket) => socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
    await expect(open()).rejects.toMatchObject({ statusCode: 403 });
  });

  it('of a server that does not speak HTTP is refused', async () => {
    answer = (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n\r\n');
    await expect(open()).rejects.toMatchObject({ reason: 'protocol' });
  });

  it('closes its connection when it is aborted, or when its reader fails', async () => {
    const closed: Promise<unknown>[] = [];
    answer = (socket) => {
      closed.push(new Promise((resolve) => socket.on('close', resolve)));
      socket.write(`${OK}5\r\nhello\r\n`);
    };
    const abort = new AbortController();
    const reading = read(await open(abort.signal));
    abort.abort();
    await expect(reading).rejects.toThrow('aborted');
    const stream = await open();
    const failing = stream.read(
      () => {
        throw new Error('a bug');
      },
      () => {},
    );
    await expect(failing).rejects.toThrow('a bug');
    await Promise.all(closed);
  });
});
