/**
 * Parses the engine's timestamps at the start of every log line without a Date for each: the format is fixed
 * (`2006-01-02T15:04:05.000000000Z `), and consecutive lines mostly share their second.
 */

/** Length of the fixed format, including the space after it. */
export const FIXED_LENGTH = 31;
const SECOND_LENGTH = '2006-01-02T15:04:05'.length;
/** Longer than any timestamp with its offset and the space after it. */
const MAX_LENGTH = 40;

export interface Instant {
  /** Epoch seconds. */
  readonly seconds: number;
  /** Within the second. */
  readonly nanos: number;
}

interface TimestampReader {
  /**
   * Parses the timestamp at `buffer[start]` into `seconds` and `nanos`. Returns its length including the space after it,
   * or 0 if there is none.
   */
  read(buffer: Buffer, start: number, end: number): number;
  seconds: number;
  nanos: number;
}

export function createTimestampReader(): TimestampReader {
  const cachedSecond = Buffer.alloc(SECOND_LENGTH);
  let cachedSeconds = Number.NaN;

  const reader: TimestampReader = {
    seconds: 0,
    nanos: 0,
    read(buffer, start, end) {
      const fixed = end - start >= FIXED_LENGTH && buffer[start + 30] === 0x20 && buffer[start + 29] === 0x5a;
      if (!fixed || buffer[start + SECOND_LENGTH] !== 0x2e) return readAnyFormat(buffer, start, end);
      let nanos = 0;
      for (let index = start + 20; index < start + 29; index++) {
        const digit = (buffer[index] as number) - 0x30;
        if (digit < 0 || digit > 9) return readAnyFormat(buffer, start, end);
        nanos = nanos * 10 + digit;
      }
      // Compared from the end, because the last digits change first.
      let index = SECOND_LENGTH - 1;
      while (index >= 0 && buffer[start + index] === cachedSecond[index]) index--;
      if (index >= 0) {
        const seconds = Date.parse(`${buffer.toString('latin1', start, start + SECOND_LENGTH)}Z`) / 1000;
        if (Number.isNaN(seconds)) return 0;
        buffer.copy(cachedSecond, 0, start, start + SECOND_LENGTH);
        cachedSeconds = seconds;
      }
      reader.seconds = cachedSeconds;
      reader.nanos = nanos;
      return FIXED_LENGTH;
    },
  };

  /** For log drivers and engines that print a UTC offset, or fewer fraction digits. */
  function readAnyFormat(buffer: Buffer, start: number, end: number): number {
    const head = buffer.toString('latin1', start, Math.min(end, start + MAX_LENGTH));
    const match = ANY_FORMAT.exec(head);
    if (match === null) return 0;
    const [all, second = '', fraction = '', offset = ''] = match;
    const ms = Date.parse(second + offset);
    if (Number.isNaN(ms)) return 0;
    reader.seconds = ms / 1000;
    reader.nanos = Number(fraction.padEnd(9, '0'));
    return all.length;
  }
  return reader;
}

const ANY_FORMAT = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) /;

/** The texts of the seconds formatted last, by their lowest bit: a position has two, one second apart. */
const formatted: [FormattedSecond, FormattedSecond] = [
  { seconds: Number.NaN, text: '' },
  { seconds: Number.NaN, text: '' },
];

interface FormattedSecond {
  seconds: number;
  text: string;
}

function formatSecond(seconds: number): string {
  const last = formatted[(seconds & 1) as 0 | 1];
  if (last.seconds !== seconds) {
    last.seconds = seconds;
    last.text = new Date(seconds * 1000).toISOString().slice(0, SECOND_LENGTH);
  }
  return last.text;
}

/** In the engine's fixed format, in UTC. Called for each read of a log: a Date for each would take most of its time. */
export function formatInstant({ seconds, nanos }: Instant): string {
  return `${formatSecond(seconds)}.${String(nanos).padStart(9, '0')}Z`;
}

/** Parses a timestamp of a LogCursor. Throws a RangeError on any other text. */
export function parseInstant(text: string): Instant {
  const match = ANY_FORMAT.exec(`${text} `);
  const ms = match === null ? Number.NaN : Date.parse(`${match[1]}${match[3]}`);
  if (match === null || Number.isNaN(ms)) throw new RangeError(`not a timestamp of a log position: "${text}"`);
  return { seconds: ms / 1000, nanos: Number((match[2] ?? '').padEnd(9, '0')) };
}

export function fromEpochMs(ms: number): Instant {
  const whole = Math.max(0, Math.floor(ms));
  return { seconds: Math.floor(whole / 1000), nanos: (whole % 1000) * 1_000_000 };
}

export function compareInstants(a: Instant, b: Instant): number {
  return a.seconds - b.seconds || a.nanos - b.nanos;
}

/** In the format of the API parameter `since`. */
export function toSince({ seconds, nanos }: Instant): string {
  return `${seconds}.${String(nanos).padStart(9, '0')}`;
}

/** `ms` may be negative. The result is never before the epoch. */
export function addMs(instant: Instant, ms: number): Instant {
  const nanos = instant.nanos + (ms % 1000) * 1_000_000;
  const carry = Math.floor(nanos / 1_000_000_000);
  const seconds = instant.seconds + Math.trunc(ms / 1000) + carry;
  return seconds < 0 ? { seconds: 0, nanos: 0 } : { seconds, nanos: nanos - carry * 1_000_000_000 };
}
