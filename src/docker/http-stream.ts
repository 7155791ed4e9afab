/**
 * A minimal HTTP/1.1 client for streams of the engine. The engine sends each log line as a chunk of its own, and Node's
 * client runs JavaScript for each chunk: to receive two million lines takes it 4.7 s of CPU, this one 1.7 s, curl 2.4 s.
 */
import { isIP, connect as openSocket, type Socket } from 'node:net';
import { connect as openTls } from 'node:tls';
import type { Endpoint, TlsOptions } from './connection.ts';
import { type BodyReader, createBodyReader, type OnBytes, parseHead } from './http-body.ts';

export interface EngineStream {
  /** Delivers the body until it ends, and calls `onReceived` after each read. Rejects if the connection is lost before. */
  read(onBytes: OnBytes, onReceived: () => void): Promise<void>;
}

/** Requests `path`, and resolves when the engine has accepted the request. */
export type OpenStream = (path: string, signal: AbortSignal) => Promise<EngineStream>;

const READ_BYTES = 64 * 1024;
/** Shared by all connections, because Node reads from one after the other: 64 KB for each would be 13 MB for 200. */
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);
const MAX_HEAD_BYTES = 64 * 1024;
const MAX_ERROR_BYTES = 16 * 1024;
/** Detects a TCP peer that is gone without having closed the connection. */
const KEEP_ALIVE_MS = 30_000;
const HEAD_END = '\r\n\r\n';
/**
 * The engine writes each line by itself. While it writes faster than this many small reads in `FLOOD_MS`, the stream
 * pauses for a moment after them and then reads what has arrived.
 */
const FLOOD_READS = 8;
const FLOOD_MS = 2;
const SMALL_READ_BYTES = READ_BYTES / 4;
/** Longer would be slower: the socket holds some 280 lines, and an engine writes 150 in a millisecond. */
const PAUSE_MS = 1;

/** Resumes paused streams after `PAUSE_MS`, with one timer for all. */
type ResumeLater = (resume: () => void) => void;

function createResumeLater(): ResumeLater {
  const paused: (() => void)[] = [];
  return (resume) => {
    if (paused.push(resume) > 1) return;
    setTimeout(() => {
      for (const one of paused.splice(0)) one();
    }, PAUSE_MS);
  };
}

export function createStreamOpener(endpoint: Endpoint, tls: TlsOptions | undefined): OpenStream {
  const host = endpoint.kind === 'socket' ? 'docker' : `${endpoint.hostname}:${endpoint.port}`;
  const resumeLater = createResumeLater();
  return (path, signal) => {
    const request = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    return requestStream((onRead) => connectTo(endpoint, tls, onRead), resumeLater, request, signal);
  };
}

/** `onRead` gets the bytes in `[0, length)` of `buffer`, and returns whether to go on reading. */
type OnRead = (buffer: Buffer, length: number) => boolean;

function connectTo(endpoint: Endpoint, tls: TlsOptions | undefined, onRead: OnRead): Socket {
  const onread = {
    buffer: readBuffer,
    callback: (length: number, buffer: Uint8Array) => onRead(buffer as Buffer, length),
  };
  if (endpoint.kind === 'socket') return openSocket({ path: endpoint.socketPath, onread });
  const { port } = endpoint;
  const host = endpoint.hostname.replace(/^\[(.*)\]$/, '$1');
  if (!endpoint.tls) return openSocket({ host, port, onread });
  const socket = openTls({ host, port, ...tls, ...(isIP(host) === 0 ? { servername: host } : {}) });
  socket.on('data', (chunk: Buffer) => {
    if (!onRead(chunk, chunk.length)) socket.pause();
  });
  return socket;
}

function requestStream(
  connectSocket: (onRead: OnRead) => Socket,
  resumeLater: ResumeLater,
  request: string,
  signal: AbortSignal,
) {
  const opened = Promise.withResolvers<EngineStream>();
  const done = Promise.withResolvers<void>();
  // The stream may fail before it is read; `read` returns the same promise.
  done.promise.catch(() => {});
  let head = Buffer.alloc(0);
  let body: BodyReader | undefined;
  /** The status, unless it is 200, and the body that explains it. */
  let refused: { readonly status: number; text: string } | undefined;
  /** Bytes of the body that arrived with the head. */
  let early: Buffer | undefined;
  let onBytes: OnBytes = () => {};
  let onReceived = () => {};
  let finished = false;
  let smallReads = 0;
  let smallReadsSince = 0;

  function finish(error?: Error): void {
    if (finished) return;
    finished = true;
    signal.removeEventListener('abort', abort);
    socket.destroy();
    if (error === undefined) done.resolve();
    else done.reject(error);
    opened.reject(error);
  }

  function bodyEnded(): void {
    finish(refused === undefined ? undefined : statusError(refused.status, refused.text));
  }

  function take(buffer: Buffer, start: number, end: number): void {
    const isComplete = body?.write(buffer, start, end) ?? false;
    onReceived();
    if (isComplete) bodyEnded();
  }

  /** Returns whether to go on reading: after the head, only once `read` is called. */
  function readHead(buffer: Buffer, length: number): boolean {
    head = Buffer.concat([head, buffer.subarray(0, length)]);
    const end = head.indexOf(HEAD_END);
    if (end === -1) {
      if (head.length > MAX_HEAD_BYTES) throw lost('sent a head that is too long', 'HPE_HEADER_OVERFLOW');
      return true;
    }
    const { status, framing } = parseHead(head.toString('latin1', 0, end));
    const rest = head.subarray(end + HEAD_END.length);
    head = Buffer.alloc(0);
    body = createBodyReader(framing, (bytes, from, to) => onBytes(bytes, from, to));
    if (status === 200) {
      early = rest;
      opened.resolve(stream);
      return false;
    }
    const refusal = { status, text: '' };
    refused = refusal;
    onBytes = (bytes, from, to) => {
      refusal.text += bytes.toString('utf8', from, to);
      if (refusal.text.length > MAX_ERROR_BYTES) bodyEnded();
    };
    // Without a body, no end of it follows.
    if (framing === 0) bodyEnded();
    else take(rest, 0, rest.length);
    return true;
  }

  function onRead(buffer: Buffer, length: number): boolean {
    if (finished) return false;
    try {
      if (body === undefined) return readHead(buffer, length);
      take(buffer, 0, length);
    } catch (error) {
      finish(error as Error);
    }
    if (finished) return false;
    if (length > SMALL_READ_BYTES || !isFlood()) return true;
    resumeLater(() => {
      if (!finished) socket.resume();
    });
    return false;
  }

  /** Call for each small read. */
  function isFlood(): boolean {
    const now = performance.now();
    if (now - smallReadsSince > FLOOD_MS) {
      smallReadsSince = now;
      smallReads = 0;
    }
    smallReads += 1;
    if (smallReads < FLOOD_READS) return false;
    smallReads = 0;
    return true;
  }

  const stream: EngineStream = {
    read(deliver, received) {
      onBytes = deliver;
      onReceived = received;
      const first = early;
      early = undefined;
      if (first !== undefined && first.length > 0) onRead(first, first.length);
      if (!finished) socket.resume();
      return done.promise;
    },
  };

  const abort = () => finish(new Error('the request was aborted'));
  const socket = connectSocket(onRead);
  socket.on('error', finish);
  socket.on('end', () => {
    if (body?.end()) bodyEnded();
    else finish(lost('closed the connection'));
  });
  socket.on('close', () => finish(lost('closed the connection')));
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  else socket.write(request);
  return opened.promise;
}

/** Like an error of Node's client. */
function lost(what: string, code = 'ECONNRESET'): Error {
  return Object.assign(new Error(`the engine ${what}`), { code });
}

/** Like an error of dockerode. */
function statusError(statusCode: number, text: string): Error {
  return Object.assign(new Error(text), { statusCode, json: parsed(text) });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
