/** Whether a complete record is trouble, and what told it. docs/detection.md has the tiers. */
import { anatomyOf, telling } from './anatomy.ts';
import { parseJsonLine } from './json-parts.ts';
import { ERROR, levelName } from './levels.ts';
import { type OpenRecord, recordOf, recordText } from './open-record.ts';
import type { CompiledRules } from './rules.ts';
import type { Trouble } from './trouble.ts';
import { type Evidence, evidenceIn, shownWords } from './words.ts';

/** `quiet`: its level is below ERROR; only the rules can make trouble of it. */
export function judge(open: OpenRecord, quiet: boolean, rules: CompiledRules | undefined): Trouble | undefined {
  if (rules !== undefined) {
    const text = recordText(open);
    if (rules.ignores(text)) return undefined;
    if (rules.matches(text)) return troubleOf(open, 'rule', ['rule']);
  }
  if (quiet) return undefined;
  if (open.level >= ERROR) return troubleOf(open, 'level', [`level=${levelName(open.level)}`]);
  if (open.traced) return troubleOf(open, 'trace', []);
  if (open.json) return judgeJson(open);
  const evidence = evidenceIn(open.bodyAt === 0 ? open.text : open.text.slice(open.bodyAt)) ?? evidenceBelow(open);
  return evidence === undefined ? undefined : troubleOf(open, evidence.tier, [evidence.word]);
}

/** Indented lines below a line without a level: only what is a signature there too. */
function evidenceBelow(open: OpenRecord): Evidence | undefined {
  if (open.headed) return undefined;
  for (const line of open.more) {
    const evidence = evidenceIn(line.trimStart());
    if (evidence?.tier === 'signature') return evidence;
  }
  return undefined;
}

function judgeJson(open: OpenRecord): Trouble | undefined {
  const parts = parseJsonLine(open.text, open.bodyAt);
  if (parts === undefined) {
    const evidence = evidenceIn(open.text.slice(open.bodyAt));
    return evidence === undefined ? undefined : troubleOf(open, evidence.tier, [evidence.word]);
  }
  if (parts.status >= 100 && parts.status < 500) return undefined;
  if (parts.hasError) return troubleOf(open, 'signature', ['error field']);
  const evidence = parts.message === '' ? undefined : evidenceIn(parts.message);
  if (evidence !== undefined) return troubleOf(open, evidence.tier, [evidence.word]);
  return parts.status >= 500 && parts.status < 600 ? troubleOf(open, 'http', ['http 5xx']) : undefined;
}

function troubleOf(open: OpenRecord, tier: string, first: string[]): Trouble {
  const record = recordOf(open);
  const patterns = new Set(first);
  const anatomy = anatomyOf(record.text);
  const summary = telling(anatomy);
  if (open.traced) patterns.add('stack trace');
  for (const word of shownWords(record.text)) patterns.add(word);
  return { record, tier, patterns: [...patterns], summary };
}
