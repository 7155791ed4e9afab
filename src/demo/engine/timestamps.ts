/**
 * The engine's timestamps: RFC 3339 in UTC with nine fraction digits. Milliseconds cannot tell two lines apart, so times
 * are kept as text, which sorts chronologically.
 */

/** Returns a source of distinct, increasing timestamps. They go back only when the clock does. */
export function createTimestamps(now: () => number): () => string {
  let lastMs = 0;
  let nanos = 0;
  return () => {
    const ms = Math.floor(now());
    nanos = ms === lastMs ? Math.min(nanos + 1_000, 999_999) : 0;
    lastMs = ms;
    return formatTimestamp(ms, nanos);
  };
}

/** `nanos`: within the millisecond. */
export function formatTimestamp(ms: number, nanos = 0): string {
  return `${new Date(ms).toISOString().slice(0, -1)}${String(nanos).padStart(6, '0')}Z`;
}

/** Parses the API parameters `since` and `until`: seconds, with or without a fraction. */
export function parseUnixSeconds(text: string): string {
  const [seconds = '0', fraction = ''] = text.split('.');
  const nanos = fraction.padEnd(9, '0').slice(0, 9);
  return formatTimestamp(Number(seconds) * 1000 + Number(nanos.slice(0, 3)), Number(nanos.slice(3)));
}

export function toUnix(timestamp: string): { seconds: number; nanoText: string } {
  const seconds = Math.floor(Date.parse(timestamp) / 1000);
  return { seconds, nanoText: `${seconds}${timestamp.slice(20, 29)}` };
}
