import type { Writable } from 'node:stream';
import type { StreamName } from '../../domain.ts';

/** The engine cuts longer lines into fragments of this many bytes, all with the first one's timestamp. */
const FRAGMENT_BYTES = 16 * 1024;

interface Fragment {
  readonly at: string;
  readonly stream: StreamName;
  /** Ends with `\n` but for the fragments that a longer line goes on after. */
  readonly bytes: Buffer;
}

export interface LogQuery {
  readonly since?: string;
  readonly tail?: number;
  readonly follow: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly timestamps: boolean;
  /** Ends the connection in mid-stream after so many bytes. */
  readonly cutAfterBytes?: number;
}

/** What one container printed, with those who follow it. */
export interface LogBook {
  append(at: string, stream: StreamName, text: string, terminated: boolean): void;
  /** Writes what the query asks for; a follower is ended by `endFollowers`. */
  read(query: LogQuery, out: Writable): void;
  endFollowers(): void;
  /** Those who follow now get nothing more, and are not told. */
  muteFollowers(): void;
}

export function createLogBook(tty: boolean): LogBook {
  const fragments: Fragment[] = [];
  const followers = new Set<{ pump(): void; finish(): void }>();

  return {
    append(at, stream, text, terminated) {
      // A terminal has one stream and ends lines with a carriage return too.
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

/** Index of the fragment that begins the last `lines` lines. */
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
