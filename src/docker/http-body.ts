/** The parts of an HTTP/1.1 response: its head, and the framing of its body. */
import { EngineError } from '../errors.ts';

/** Where the body ends: after the last chunk, after this many bytes, or with the connection. */
type Framing = 'chunked' | number | 'connection';

interface ResponseHead {
  readonly status: number;
  readonly framing: Framing;
}

/** `[start, end)` is part of the body, and valid only during the call. */
export type OnBytes = (buffer: Buffer, start: number, end: number) => void;

export interface BodyReader {
  /**
   * Takes the next bytes of the connection. Returns true once the body is complete; bytes after it are ignored. Throws
   * an EngineError if they are not the framing.
   */
  write(buffer: Buffer, start: number, end: number): boolean;
  /** The connection has ended: returns whether the body is complete. */
  end(): boolean;
}

/** Hexadecimal digits of the length of a chunk. More are not a number of bytes. */
const MAX_LENGTH_DIGITS = 8;
const NEWLINE = 0x0a;

/** Throws an EngineError if the text is not the head of an HTTP response. */
export function parseHead(text: string): ResponseHead {
  const [first = '', ...fields] = text.split('\r\n');
  const status = /^HTTP\/1\.\d (\d{3})(?: |$)/.exec(first)?.[1];
  if (status === undefined) throw new EngineError('the server that answers does not speak HTTP', 'protocol');
  const fieldOf = (name: string): string | undefined => {
    const field = fields.find((one) => one.toLowerCase().startsWith(`${name}:`));
    return field
      ?.slice(name.length + 1)
      .trim()
      .toLowerCase();
  };
  const isChunked = fieldOf('transfer-encoding')?.endsWith('chunked') ?? false;
  const length = /^\d{1,15}$/.exec(fieldOf('content-length') ?? '')?.[0];
  return {
    status: Number(status),
    framing: isChunked ? 'chunked' : length === undefined ? 'connection' : Number(length),
  };
}

export function createBodyReader(framing: Framing, onBytes: OnBytes): BodyReader {
  if (framing === 'chunked') return createChunkReader(onBytes);
  if (framing === 'connection') {
    return {
      write(buffer, start, end) {
        if (end > start) onBytes(buffer, start, end);
        return false;
      },
      end: () => true,
    };
  }
  let left = framing;
  return {
    write(buffer, start, end) {
      const to = Math.min(end, start + left);
      left -= to - start;
      if (to > start) onBytes(buffer, start, to);
      return left === 0;
    },
    end: () => left === 0,
  };
}

/** What the next byte of a chunked body belongs to. */
type Part = 'length' | 'extension' | 'data' | 'after-data' | 'trailer' | 'over';

function createChunkReader(onBytes: OnBytes): BodyReader {
  let part: Part = 'length';
  let digits = 0;
  let length = 0;
  /** The current line of the trailer has no bytes so far. */
  let emptyLine = true;

  const refuse = () => new EngineError('invalid chunk of an HTTP response', 'protocol');

  function lineEnded(): void {
    if (digits === 0) throw refuse();
    digits = 0;
    emptyLine = true;
    part = length === 0 ? 'trailer' : 'data';
  }

  /** Reads a byte outside the data. */
  function readByte(byte: number): void {
    switch (part) {
      case 'length': {
        const digit = hexDigit(byte);
        if (digit >= 0) {
          length = (digits === 0 ? 0 : length * 16) + digit;
          digits += 1;
          if (digits > MAX_LENGTH_DIGITS) throw refuse();
        } else if (byte === NEWLINE) lineEnded();
        else if (byte === 0x3b || byte === 0x20) part = 'extension';
        else if (byte !== 0x0d) throw refuse();
        return;
      }
      case 'extension':
        if (byte === NEWLINE) lineEnded();
        return;
      case 'after-data':
        if (byte === NEWLINE) part = 'length';
        else if (byte !== 0x0d) throw refuse();
        return;
      case 'trailer':
        if (byte === NEWLINE) {
          if (emptyLine) part = 'over';
          emptyLine = true;
        } else if (byte !== 0x0d) emptyLine = false;
        return;
    }
  }

  return {
    write(buffer, start, end) {
      let at = start;
      while (at < end && part !== 'over') {
        if (part === 'data') {
          const to = Math.min(end, at + length);
          onBytes(buffer, at, to);
          length -= to - at;
          at = to;
          if (length === 0) part = 'after-data';
        } else {
          readByte(buffer[at] as number);
          at += 1;
        }
      }
      return part === 'over';
    },
    end: () => part === 'over',
  };
}

/** -1 if the byte is not a hexadecimal digit. */
function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
