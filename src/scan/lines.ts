/** Splits bytes into lines. How the bytes are divided into chunks makes no difference. */

import { isAscii } from 'node:buffer';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** Bytes that are decoded at once. Most are ASCII, which needs no decoder. */
const BLOCK = 8_192;
/** Characters. A longer line keeps its beginning and its end. */
const MAX_LINE = 1 << 20;

export interface LineSplitter {
  push(chunk: Uint8Array): void;
  /** Emits the last line if the input does not end with a line break. */
  end(): void;
}

/** Decodes UTF-8; invalid bytes become U+FFFD. A `\r` before the line break is removed. */
export function createLineSplitter(onLine: (text: string) => void): LineSplitter {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: false });
  let rest = '';
  /** The decoder has no incomplete character and is past a possible byte order mark. */
  let complete = false;
  let cut = '';

  function take(text: string): void {
    let from = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
      emit(rest === '' ? text.slice(from, end) : rest + text.slice(from, end));
      rest = '';
      from = end + 1;
    }
    rest += text.slice(from);
    if (rest.length > MAX_LINE) {
      if (cut === '') cut = rest.slice(0, MAX_LINE / 4);
      rest = rest.slice(-MAX_LINE / 4);
    }
  }

  function emit(line: string): void {
    const text = cut === '' ? line : `${cut} … ${line}`;
    cut = '';
    onLine(text.charCodeAt(text.length - 1) === 0x0d ? text.slice(0, -1) : text);
  }

  return {
    push(chunk) {
      for (let from = 0; from < chunk.length; from += BLOCK) {
        const block = chunk.subarray(from, from + BLOCK);
        if (complete && isAscii(block)) take(asBuffer(block).toString('latin1'));
        else {
          take(decoder.decode(block, { stream: true }));
          complete = ((block[block.length - 1] as number) & 0x80) === 0;
        }
      }
    },
    end() {
      take(decoder.decode());
      if (rest !== '' || cut !== '') emit(rest);
      rest = '';
    },
  };
}

/** Yields the chunks of a source, decompressed if it begins like gzip. */
export async function* chunksOf(source: AsyncIterable<Buffer | string>): AsyncGenerator<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < 2) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, asBuffer(next.value)]);
  }
  const all = rejoin(head, chunks);
  if (head[0] === 0x1f && head[1] === 0x8b) {
    const gunzip = createGunzip({ chunkSize: 1 << 18 });
    const input = Readable.from(all);
    input.on('error', (error) => gunzip.destroy(error));
    yield* input.pipe(gunzip) as AsyncIterable<Buffer>;
  } else yield* all;
}

async function* rejoin(head: Buffer, rest: AsyncIterator<Buffer | string>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield asBuffer(next.value);
}

function asBuffer(chunk: Uint8Array | string): Buffer {
  if (typeof chunk === 'string') return Buffer.from(chunk);
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
