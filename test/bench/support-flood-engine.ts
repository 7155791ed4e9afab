/**
 * Runs as a process: the simulated engine with one container that floods its log, and twenty others that print a line per
 * second. One of them fails repeatedly, each time with another error.
 *
 * As on a real engine with log files, the flood does not wait for readers: the number of lines depends on the time, and
 * slow readers fall behind. Lines are not stored; each is computed from its number.
 *
 *     node test/bench/support-flood-engine.ts SOCKET SECONDS KIND
 *
 * Prints its DOCKER_HOST when it listens, starts the flood at the first line of standard input, and prints a `FloodMessage`
 * per line. Exits when standard input ends.
 */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { ContainerLog } from '../../src/demo/engine/container-log.ts';
import { createSimulatedEngine } from '../../src/demo/simulated-engine.ts';

/** `repeated`: one line in a hundred is the same error. `storm`: one line in a hundred is a new error. */
export type Flood = 'repeated' | 'storm';

export type FloodMessage =
  /** Lines of the flood that have been written so far, and those that the agent has read. */
  | { readonly kind: 'progress'; readonly written: number; readonly taken: number }
  /** Another container printed this error. */
  | { readonly kind: 'error'; readonly text: string; readonly at: number }
  /** The flood is over. */
  | { readonly kind: 'over'; readonly flood: number; readonly floodErrors: number; readonly others: number };

export const FLOOD = 'flooding';
export const LINES_PER_MS = 50;
const OTHERS = 20;
const ERRORS = 15;
const ONE_ERROR_IN = 100;
const WORDS =
  'anchor bottle candle dragon engine falcon garden harbor island jacket kettle ladder magnet needle orchid'.split(' ');
const PUMP_EVERY_MS = 5;
const MAX_BYTES_PER_WRITE = 64 * 1024;

/** A flood of `seconds` that starts at `begun()`; undefined: it has not started. */
function createFlood(kind: Flood, seconds: number, begun: () => number | undefined) {
  const most = seconds * 1_000 * LINES_PER_MS;
  const written = () => {
    const start = begun();
    return start === undefined ? 0 : Math.min(most, Math.max(0, (Date.now() - start) * LINES_PER_MS));
  };
  let taken = 0;

  const textOf = (n: number): string => {
    if (n % ONE_ERROR_IN === 0) {
      return kind === 'repeated' ? `ERROR cannot reserve stock for order ${n}: deadlock detected` : newError(n);
    }
    if (n % 25 === 1) return `WARN slow query: ${n % 900} ms for customer ${n}`;
    if (n % 3 === 0) return `{"level":"info","msg":"order stored","order":${n},"took_ms":${n % 97}}`;
    return `172.18.0.1 - - "GET /orders/${n} HTTP/1.1" 200 ${500 + (n % 900)} "-" "curl/8.5.0" took=${n % 97}ms`;
  };

  let prefix = '';
  let prefixOf = Number.NaN;
  /** Writes a frame of the engine's log stream at offset `at`. Returns its end. */
  const encode = (n: number, start: number, into: Buffer, at: number): number => {
    const ms = start + Math.floor(n / LINES_PER_MS);
    if (ms !== prefixOf) {
      prefix = new Date(ms).toISOString().slice(0, -1);
      prefixOf = ms;
    }
    const nanos = String((n % LINES_PER_MS) * (1_000_000 / LINES_PER_MS)).padStart(6, '0');
    const length = into.write(`${prefix}${nanos}Z ${textOf(n)}\n`, at + 8, 'latin1');
    into.writeUInt32BE(n % ONE_ERROR_IN === 0 ? 0x02000000 : 0x01000000, at);
    into.writeUInt32BE(length, at + 4);
    return at + 8 + length;
  };

  const numberAt = (since: string | undefined): number => {
    const start = begun();
    if (since === undefined || start === undefined) return 0;
    const nanos = (Date.parse(`${since.slice(0, 23)}Z`) - start) * 1e6 + Number(since.slice(23, 29));
    return Math.max(0, Math.ceil((nanos * LINES_PER_MS) / 1e6));
  };

  const followers = new Set<() => void>();
  setInterval(() => {
    for (const pump of followers) pump();
  }, PUMP_EVERY_MS);

  const log: ContainerLog = {
    append() {},
    read({ since, tail, follow }, out: Writable) {
      let next = tail === undefined ? numberAt(since) : Math.max(0, written() - tail);
      const pump = () => {
        const [start, until] = [begun(), written()];
        while (start !== undefined && next < until && !out.destroyed && !out.writableNeedDrain) {
          const bytes = Buffer.allocUnsafe(MAX_BYTES_PER_WRITE);
          let end = 0;
          for (; next < until && end < MAX_BYTES_PER_WRITE - 512; next++) end = encode(next, start, bytes, end);
          out.write(bytes.subarray(0, end));
          if (follow) taken = Math.max(taken, next);
        }
        if (!follow && next >= until) out.end();
      };
      followers.add(pump);
      out.on('drain', pump);
      out.on('close', () => followers.delete(pump));
      pump();
    },
    endFollowers() {},
    muteFollowers: () => followers.clear(),
  };
  return { log, written, taken: () => taken, isOver: () => written() === most };
}

/** Each error has different words. */
function newError(n: number): string {
  let state = n;
  const word = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Array.from({ length: 5 }, (_, i) => String.fromCharCode(97 + ((state >> (6 * i)) % 26))).join('');
  };
  return `ERROR cannot ${word()} the ${word()} of ${word()} ${word()}`;
}

/** Most words of two errors differ: otherwise they are one kind, and only the first is asked about. */
function errorOf(n: number): string {
  const [one, other, third] = [n, n + 4, n + 9].map((at) => WORDS[at % WORDS.length]);
  return `${one} lost its ${other} and ${third}`;
}

async function main([socketPath = '', seconds = '0', kind = 'repeated']: readonly string[]): Promise<void> {
  let begun: number | undefined;
  const flood = createFlood(kind as Flood, Number(seconds), () => begun);
  const engine = createSimulatedEngine({ socketPath });
  engine.addContainer({ name: FLOOD, output: flood.log });
  const others = Array.from({ length: OTHERS }, (_, i) => engine.addContainer({ name: `calm-${WORDS[i % 15]}${i}x` }));
  const send = (message: FloodMessage) => console.log(JSON.stringify(message));
  console.log(await engine.listen());

  await once(process.stdin, 'data');
  begun = Date.now();
  let ticks = 0;
  let failures = 0;
  let printed = 0;
  const errorEveryMs = (Number(seconds) * 1_000) / ERRORS;
  const ticking = setInterval(() => {
    const elapsed = Date.now() - (begun as number);
    for (const other of others) other.log(`INFO served ${++ticks} requests, 0 errors`);
    printed += others.length;
    if (failures < ERRORS && elapsed >= (failures + 0.5) * errorEveryMs) {
      const text = errorOf(failures++);
      others[0]?.log(`ERROR ${text}`, { stream: 'stderr' });
      printed += 1;
      send({ kind: 'error', text, at: Date.now() });
    }
    send({ kind: 'progress', written: flood.written(), taken: flood.taken() });
    if (!flood.isOver()) return;
    clearInterval(ticking);
    send({ kind: 'over', flood: flood.written(), floodErrors: flood.written() / ONE_ERROR_IN, others: printed });
  }, 1_000);
  process.stdin.on('end', () => process.exit(0)).resume();
}

if (import.meta.main) await main(process.argv.slice(2));
