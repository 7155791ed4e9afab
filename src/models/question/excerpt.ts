import type { Incident } from '../../domain/incident.ts';
import { cutMiddle, plainText } from '../../lib/text.ts';
import { FULL_BUDGET } from './budget.ts';

/** Characters. Longer lines are JSON objects or base64 data, of which both ends are enough. */
const LONGEST_LINE = 2_000;
/** The share of the budget for the newest lines. The rest is for older lines that concern the problem. */
const NEWEST_SHARE = 0.6;
/** Lines of context on each side of a relevant line. */
const CONTEXT_LINES = 2;

type Problem = Pick<Incident, 'summary' | 'patterns'>;

/**
 * Selects the lines for the prompt, in order: all if they fit, otherwise the newest ones and those that concern the
 * problem. A note replaces the lines of each gap. `budget`: characters.
 */
export function selectLines(logLines: readonly string[], incident: Problem, budget = FULL_BUDGET.log): string[] {
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
    if (!isRelevant(lines[index] as string, incident)) continue;
    for (
      let near = Math.min(lines.length - 1, index + CONTEXT_LINES);
      near >= Math.max(0, index - CONTEXT_LINES);
      near--
    ) {
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

const ERROR_TERM =
  /\b(?:error|fatal|panic|critical|emerg|alert|exception|traceback|caused by|killed|segfault|segmentation fault|out of memory|oom|no space left|refused|denied|timed? ?out|exhausted|unhealthy|failed|failure)\b/i;

function isRelevant(line: string, { summary, patterns }: Problem): boolean {
  if (ERROR_TERM.test(line)) return true;
  const lower = line.toLowerCase();
  const firstLine = plainText(summary).split('\n')[0]?.trim().toLowerCase() ?? '';
  if (firstLine.length >= 8 && lower.includes(firstLine)) return true;
  return patterns.some((pattern) => pattern.length >= 3 && lower.includes(pattern.toLowerCase()));
}
