/** Timestamps in the heads of log lines. */

const TIME = new RegExp(
  [
    // 2024-01-31T10:00:00.123456Z, 2024/01/31 10:00:00,123 +0100, 2024-01-31 10:00:00.123 UTC
    String.raw`\d{4}[-/.]\d\d[-/.]\d\d(?:[T _-]\d\d[:.]\d\d(?:[:.]\d\d(?:[.,:]\d{1,9})?)?(?: ?(?:Z|[+-]\d\d:?\d\d|UTC|GMT|(?:[CEWM]|[EW])ES?T|[CEMP][SD]T|MSK|IST|JST|KST|BST|AE[SD]T|NZ[SD]T|SGT|HKT)(?![\w]))?)?`,
    // 31-Jul-2025 10:00:00.123, 31/Jul/2025:10:00:00 +0000, 31 Jul 2025 10:00:00.123
    String.raw`\d{1,2}[-/ ](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*[-/ ]\d{2,4}[: T]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: [+-]\d{4})?`,
    // 31 Jul 10:00:00
    String.raw`\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d\d:\d\d:\d\d(?:[.,]\d+)?`,
    // Jul 31 10:00:00, Jul 31, 2025 3:00:00 PM, Wed Jul 31 10:00:00.123456 2025
    String.raw`(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.? {1,2}\d{1,2},? (?:\d{4},? )?\d{1,2}:\d\d:\d\d(?:[.,]\d+)?(?: [AP]M)?(?: \d{4})?`,
    // Wed, 31 Jul 2025 10:00:00 GMT
    String.raw`(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d(?: [A-Z]{3}| [+-]\d{4})?`,
    // 25/07/31 10:00:00 (Spark), 07/31/2025 10:00:00 AM, 07-31 10:00:00.123 (Android)
    String.raw`\d\d?[/-]\d\d?(?:[/-]\d{2,4})?,? \d\d?:\d\d:\d\d(?:[.,]\d+)?(?: [AP]M)?`,
    // 20240131T100000Z, 20171223-22:15:29:606, 081109 203615
    String.raw`\d{8}[T-]\d\d:?\d\d:?\d\d(?:[.,:]\d+)?Z?`,
    String.raw`\d{6} \d{6}(?= )`,
    // 10:00AM (zerolog's console)
    String.raw`\d\d?:\d\d[AP]M(?!\w)`,
    // 10:00:00.123
    String.raw`\d\d?:\d\d:\d\d(?:[.,]\d{1,9})?(?: [AP]M)?Z?(?![\w:])`,
    // Seconds or milliseconds since 1970
    String.raw`1\d{9}(?:\d{3})?(?:\.\d{1,9})?(?![\w:/.-])`,
  ].join('|'),
  'y',
);

/** Returns the index after the timestamp at `at`, or -1 if there is none. */
export function timestampEnd(text: string, at: number): number {
  const code = text.charCodeAt(at);
  const digit = code >= 0x30 && code <= 0x39;
  if (!digit && !(code >= 0x41 && code <= 0x57)) return -1; // names of months and days begin with A … W
  TIME.lastIndex = at;
  return TIME.test(text) ? TIME.lastIndex : -1;
}
