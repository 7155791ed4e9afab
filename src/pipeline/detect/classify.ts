/** Whether a complete record is trouble, and by which evidence. docs/detection.md has the tiers. */
import { isClientError, isFatalClientError } from './client-errors.ts';
import { evidenceIn, evidenceInWarning } from './evidence.ts';
import { statusOf } from './http-status.ts';
import { parseJsonLine } from './json-parts.ts';
import { ERROR, levelName, NO_LEVEL, WARN } from './levels.ts';
import type { LogError } from './log-error.ts';
import { type OpenRecord, recordOf, recordText } from './open-record.ts';
import type { GateName } from './rate-gates.ts';
import { partsOf, summaryOf } from './record-parts.ts';
import type { CompiledRules } from './rules.ts';
import { shownWords } from './shown-words.ts';
import { isSupervisedExit } from './supervisors.ts';
import { isAskedStop, isTransient } from './transitions.ts';

/** What a record was found to be. */
export interface Finding {
  readonly tier: string;
  readonly word: string;
  /** Trouble only when it comes often. */
  readonly gate?: GateName | undefined;
}

/** Undefined where the record is no trouble. `rules` go before everything else. */
export function classify(open: OpenRecord, rules: CompiledRules | undefined): Finding | undefined {
  if (rules !== undefined) {
    const text = recordText(open);
    if (rules.ignores(text)) return undefined;
    if (rules.matches(text)) return { tier: 'rule', word: 'rule' };
  }
  if (open.level >= ERROR) return ofStatedError(open);
  if (open.level === WARN) return ofWarning(open);
  if (open.level !== NO_LEVEL) return open.notable ? ofNotable(open) : undefined;
  if (open.orphan) return undefined;
  if (open.traced) return ofTrace(open);
  if (open.json) return ofJson(open);
  return evidenceIn(messageOf(open)) ?? evidenceBelow(open);
}

function messageOf(open: OpenRecord): string {
  return open.bodyAt === 0 ? open.text : open.text.slice(open.bodyAt);
}

function ofStatedError(open: OpenRecord): Finding | undefined {
  const text = recordText(open);
  if (isAskedStop(text)) return undefined;
  const found = { tier: 'level', word: `level=${levelName(open.level)}` };
  if (isTransient(open.text)) return { ...found, gate: 'transient' };
  // A database that refuses its own application says FATAL.
  const client = open.level === ERROR ? isClientError(open.text) : isFatalClientError(open.text);
  return client ? { ...found, gate: 'client' } : found;
}

function ofWarning(open: OpenRecord): Finding | undefined {
  const message = open.json ? (parseJsonLine(open.text, open.bodyAt)?.message ?? '') : messageOf(open);
  const evidence = evidenceInWarning(message);
  if (evidence !== undefined) return evidence;
  // A failure stated in words and by an exception weighs more than the level; one that is retried does not.
  if (open.traced && !/\b(?:re-?try\w*|try(?:ing)? again|attempt)\b/i.test(message)) {
    const stated = evidenceIn(message);
    if (stated !== undefined) return stated;
  }
  // Plain lines of its message, as far as they are no stack trace.
  for (const line of open.plain) {
    const below = evidenceIn(line);
    if (below !== undefined) return below;
  }
  return undefined;
}

/** A record of INFO or below in which the detector saw something that its level does not say. */
function ofNotable(open: OpenRecord): Finding | undefined {
  const message = messageOf(open);
  if (isSupervisedExit(message, true)) return { tier: 'signature', word: 'process exited' };
  return statusOf(open.text) >= 500 ? { tier: 'http', word: 'http 5xx', gate: 'http' } : undefined;
}

function ofTrace(open: OpenRecord): Finding | undefined {
  // Node's console.trace prints a stack where nothing went wrong.
  if (open.text.startsWith('Trace', open.bodyAt) && /^Trace(?::|$)/.test(messageOf(open))) {
    return evidenceIn(messageOf(open));
  }
  return isAskedStop(recordText(open)) ? undefined : { tier: 'trace', word: 'stack trace' };
}

/** Indented lines below a line without a level: only what is a signature there too. */
function evidenceBelow(open: OpenRecord): Finding | undefined {
  if (open.headed) return undefined;
  for (const line of open.more) {
    const evidence = evidenceIn(line.trimStart());
    if (evidence?.tier === 'signature') return evidence;
  }
  return undefined;
}

function ofJson(open: OpenRecord): Finding | undefined {
  const parts = parseJsonLine(open.text, open.bodyAt);
  if (parts === undefined) return evidenceIn(messageOf(open));
  const status = parts.status || statusOf(open.text);
  if (status >= 100 && status < 500) return undefined;
  if (parts.hasError) {
    return { tier: 'signature', word: 'error field', gate: isClientError(open.text) ? 'client' : undefined };
  }
  const evidence = parts.message === '' ? undefined : evidenceIn(parts.message);
  if (evidence !== undefined) return evidence;
  return status >= 500 && status < 600 ? { tier: 'http', word: 'http 5xx', gate: 'http' } : undefined;
}

export function logErrorOf(open: OpenRecord, { tier, word }: Finding): LogError {
  const record = recordOf(open);
  const patterns = new Set([word]);
  if (open.traced) patterns.add('stack trace');
  for (const shown of shownWords(record.text)) patterns.add(shown);
  return { record, tier, patterns: [...patterns], summary: summaryOf(partsOf(record.text)) };
}
