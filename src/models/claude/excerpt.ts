import type { Incident } from '../../domain.ts';
import { cutMiddle, plainText } from '../../lib/text.ts';

/** Characters; some 6,000 to 8,000 tokens: less than a tenth of a cent, and all that 50 lines with traces need. */
const BUDGET = 24_000;
/** A longer line is one JSON object or a base64 blob: its ends tell. */
const LONGEST_LINE = 2_000;
/** The newest lines' share of the budget; the rest is for older lines that told the trouble. */
const NEWEST_SHARE = 0.6;
/** Lines kept around a telling line. */
const AROUND = 2;

type Telling = Pick<Incident, 'summary' | 'patterns'>;

/**
 * The lines worth a question, in order: all of them where they fit, else the newest and those that told the
 * trouble, with a note wherever some are left out.
 */
export function selectLines(logLines: readonly string[], incident: Telling, budget: number = BUDGET): string[] {
  const lines = logLines.flatMap((text) =>
    plainText(text)
      .split('\n')
      .map((line) => cutMiddle(line, LONGEST_LINE)),
  );
  const cost = (index: number) => (lines[index] as string).length + 1;
  const kept = new Set<number>();
  let spent = 0;
  const keep = (index: number, limit: number): boolean => {
    if (kept.has(index)) return true;
    if (spent + cost(index) > limit) return false;
    kept.add(index);
    spent += cost(index);
    return true;
  };

  let newest = lines.length - 1;
  while (newest >= 0 && keep(newest, budget * NEWEST_SHARE)) newest--;
  for (let index = newest; index >= 0; index--) {
    if (!tells(lines[index] as string, incident)) continue;
    for (let near = Math.min(lines.length - 1, index + AROUND); near >= Math.max(0, index - AROUND); near--) {
      keep(near, budget);
    }
  }
  for (let index = newest; index >= 0 && keep(index, budget); index--);
  return withGaps(lines, kept);
}

function withGaps(lines: readonly string[], kept: ReadonlySet<number>): string[] {
  const shown: string[] = [];
  let missing = 0;
  for (const [index, line] of lines.entries()) {
    if (!kept.has(index)) {
      missing++;
      continue;
    }
    if (missing > 0) shown.push(`[${missing} lines left out]`);
    missing = 0;
    shown.push(line);
  }
  if (missing > 0) shown.push(`[${missing} lines left out]`);
  return shown;
}

const TELLING =
  /\b(?:error|fatal|panic|critical|emerg|alert|exception|traceback|caused by|killed|segfault|segmentation fault|out of memory|oom|no space left|refused|denied|timed? ?out|exhausted|unhealthy|failed|failure)\b/i;

function tells(line: string, { summary, patterns }: Telling): boolean {
  if (TELLING.test(line)) return true;
  const lower = line.toLowerCase();
  const telling = plainText(summary).split('\n')[0]?.trim().toLowerCase() ?? '';
  if (telling.length >= 8 && lower.includes(telling)) return true;
  return patterns.some((pattern) => pattern.length >= 3 && lower.includes(pattern.toLowerCase()));
}
