/**
 * Reading the engine's timestamps at the head of every log line without a Date for each: the form is
 * fixed (`2006-01-02T15:04:05.000000000Z `), and neighbouring lines share their second.
 */

/** Of the fixed form, the space behind it included. */
export const FIXED_LENGTH = 31;
const SECOND_LENGTH = '2006-01-02T15:04:05'.length;
/** No engine prints a longer one, its offset and space included. */
const MAX_LENGTH = 40;

export interface Instant {
  /** Epoch seconds. */
  readonly seconds: number;
  /** Within the second. */
  readonly nanos: number;
}

export interface TimestampReader {
  /**
   * Reads the timestamp at `buffer[start]`. Returns its length with the space behind it, and leaves the
   * value in `seconds` and `nanos`; 0 where there is none.
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
      if (!fixed || buffer[start + SECOND_LENGTH] !== 0x2e) return readAnyForm(buffer, start, end);
      let nanos = 0;
      for (let index = start + 20; index < start + 29; index++) {
        const digit = (buffer[index] as number) - 0x30;
        if (digit < 0 || digit > 9) return readAnyForm(buffer, start, end);
        nanos = nanos * 10 + digit;
      }
      // From the back: the last digits differ first.
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

  /** Other log drivers and engines print local offsets, or as many digits as there are. */
  function readAnyForm(buffer: Buffer, start: number, end: number): number {
    const head = buffer.toString('latin1', start, Math.min(end, start + MAX_LENGTH));
    const match = ANY_FORM.exec(head);
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

const ANY_FORM = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) /;

/** As the engine prints it, in UTC. */
export function formatInstant({ seconds, nanos }: Instant): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, SECOND_LENGTH)}.${String(nanos).padStart(9, '0')}Z`;
}

/** Throws a RangeError where the text is no timestamp of ours. */
export function parseInstant(text: string): Instant {
  const match = ANY_FORM.exec(`${text} `);
  const ms = match === null ? Number.NaN : Date.parse(`${match[1]}${match[3]}`);
  if (match === null || Number.isNaN(ms)) throw new RangeError(`not a log cursor's timestamp: "${text}"`);
  return { seconds: ms / 1000, nanos: Number((match[2] ?? '').padEnd(9, '0')) };
}

export function fromEpochMs(ms: number): Instant {
  const whole = Math.max(0, Math.floor(ms));
  return { seconds: Math.floor(whole / 1000), nanos: (whole % 1000) * 1_000_000 };
}

export function compareInstants(a: Instant, b: Instant): number {
  return a.seconds - b.seconds || a.nanos - b.nanos;
}

/** As the API's `since` takes it. */
export function toSince({ seconds, nanos }: Instant): string {
  return `${seconds}.${String(nanos).padStart(9, '0')}`;
}

/** `ms` may be negative; the result is none before the epoch. */
export function addMs(instant: Instant, ms: number): Instant {
  const nanos = instant.nanos + (ms % 1000) * 1_000_000;
  const carry = Math.floor(nanos / 1_000_000_000);
  const seconds = instant.seconds + Math.trunc(ms / 1000) + carry;
  return seconds < 0 ? { seconds: 0, nanos: 0 } : { seconds, nanos: nanos - carry * 1_000_000_000 };
}
