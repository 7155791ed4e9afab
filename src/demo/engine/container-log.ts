import type { Writable } from 'node:stream';
import type { StreamName } from '../../domain/containers.ts';

/** The engine splits longer lines into fragments of this size, all with the timestamp of the first. */
const FRAGMENT_BYTES = 16 * 1024;

interface Fragment {
  readonly at: string;
  readonly stream: StreamName;
  /** Ends with `\n` in the last fragment of a terminated line. */
  readonly bytes: Buffer;
}

interface LogQuery {
  readonly since?: string;
  readonly tail?: number;
  readonly follow: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly timestamps: boolean;
  /** Breaks the connection after this many bytes. */
  readonly cutAfterBytes?: number;
}

/** The output of one container and the streams that follow it. */
export interface ContainerLog {
  append(at: string, stream: StreamName, text: string, terminated: boolean): void;
  /** Writes the requested lines to `out`. With `follow`, the stream stays open until `endFollowers`. */
  read(query: LogQuery, out: Writable): void;
  endFollowers(): void;
  /** Open streams stay open and deliver nothing more. */
  muteFollowers(): void;
}

export function createContainerLog(tty: boolean): ContainerLog {
  const fragments: Fragment[] = [];
  const followers = new Set<{ pump(): void; finish(): void }>();

  return {
    append(at, stream, text, terminated) {
      // A terminal has one stream, and its lines end with a carriage return and a newline.
      const end = terminated ? (tty ? '\r\n' : '\n') : '';
      const bytes = Buffer.from(text + end);
      for (let from = 0; from < bytes.length; from += FRAGMENT_BYTES) {
        fragments.push({ at, stream: tty ? 'stdout' : stream, bytes: bytes.subarray(from, from + FRAGMENT_BYTES) });
      }
      for (const follower of followers) follower.pump();
    },

    read(query, out) {
      const wanted = (fragment: Fragment) =>
        query[fragment.stream] && (query.since === undefined || fragment.at >= query.since);
      let next = query.tail === undefined ? 0 : tailStart(fragments, query.tail);
      let written = 0;
      let finishing = !query.follow;

      const follower = {
        pump() {
          while (next < fragments.length) {
            if (out.destroyed || out.writableNeedDrain) return;
            const fragment = fragments[next++];
            if (fragment === undefined || !wanted(fragment)) continue;
            const encoded = encode(fragment, query.timestamps, tty);
            const room = (query.cutAfterBytes ?? Number.POSITIVE_INFINITY) - written;
            if (encoded.length > room) {
              out.write(encoded.subarray(0, room), () => out.destroy());
              return;
            }
            written += encoded.length;
            out.write(encoded);
          }
          if (finishing) {
            followers.delete(follower);
            out.end();
          }
        },
        finish() {
          finishing = true;
          follower.pump();
        },
      };

      out.on('drain', follower.pump);
      out.on('close', () => followers.delete(follower));
      followers.add(follower);
      follower.pump();
    },

    muteFollowers: () => followers.clear(),

    endFollowers() {
      for (const follower of [...followers]) follower.finish();
    },
  };
}

/** Index of the first fragment of the last `lines` lines. */
function tailStart(fragments: readonly Fragment[], lines: number): number {
  let found = 0;
  for (let index = fragments.length - 1; index >= 0; index--) {
    if (fragments[index]?.bytes.at(-1) === 0x0a && ++found > lines) return index + 1;
  }
  return lines === 0 ? fragments.length : 0;
}

function encode(fragment: Fragment, timestamps: boolean, tty: boolean): Buffer {
  const payload = timestamps ? Buffer.concat([Buffer.from(`${fragment.at} `), fragment.bytes]) : fragment.bytes;
  if (tty) return payload;
  const header = Buffer.alloc(8);
  header[0] = fragment.stream === 'stdout' ? 1 : 2;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}
