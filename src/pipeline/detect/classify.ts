/** Decides whether a complete record is an error, and on what evidence. docs/detection.md describes the tiers. */
import { isClientError, isFatalClientError } from './client-errors.ts';
import { evidenceIn, evidenceInWarning, failureIn } from './evidence.ts';
import { statusOf } from './http-status.ts';
import { parseJsonLine } from './json-parts.ts';
import { ERROR, levelName, NO_LEVEL, WARN } from './levels.ts';
import type { LogError } from './log-error.ts';
import { type OpenRecord, recordOf, recordText } from './open-record.ts';
import type { GateName } from './rate-gates.ts';
import { partsOf, summaryOf } from './record-parts.ts';
import type { CompiledRules } from './rules.ts';
import { addShownWords } from './shown-words.ts';
import { isSupervisedExit } from './supervisors.ts';
import { isRequestedStop, isTransient } from './transitions.ts';

/** Why a record is an error. */
export interface Finding {
  readonly tier: string;
  readonly word: string;
  /** Set if the record is an error only at a sufficient rate. */
  readonly gate?: GateName | undefined;
}

/**
 * Returns undefined if the record is not an error. `rules` take precedence over all other evidence. During a `flood`
 * errors arrive so fast that an ERROR is not checked for being harmless.
 */
export function classify(open: OpenRecord, rules: CompiledRules | undefined, flood: boolean): Finding | undefined {
  if (rules !== undefined) {
    const text = recordText(open);
    if (rules.ignores(text)) return undefined;
    if (rules.matches(text)) return { tier: 'rule', word: 'rule' };
  }
  if (open.level >= ERROR) return flood ? statedError(open) : ofStatedError(open);
  if (open.level === WARN) return ofWarning(open);
  if (open.level !== NO_LEVEL) return open.notable ? ofNotable(open) : undefined;
  if (open.orphan) return undefined;
  if (open.traced) return ofTrace(open);
  if (open.json) return ofJson(open);
  return (open.harmless ? undefined : evidenceIn(messageOf(open))) ?? evidenceBelow(open);
}

function messageOf(open: OpenRecord): string {
  return open.bodyAt === 0 ? open.text : open.text.slice(open.bodyAt);
}

function statedError(open: OpenRecord): Finding {
  return { tier: 'level', word: `level=${levelName(open.level)}` };
}

function ofStatedError(open: OpenRecord): Finding | undefined {
  const text = recordText(open);
  if (isRequestedStop(text)) return undefined;
  const found = statedError(open);
  if (isTransient(open.text)) return { ...found, gate: 'transient' };
  // A database logs FATAL when it refuses its own application, so fewer FATAL records count as a client's mistake.
  const client = open.level === ERROR ? isClientError(open.text) : isFatalClientError(open.text);
  return client ? { ...found, gate: 'client' } : found;
}

function ofWarning(open: OpenRecord): Finding | undefined {
  const message = open.json ? (parseJsonLine(open.text, open.bodyAt)?.message ?? '') : messageOf(open);
  const evidence = evidenceInWarning(message);
  if (evidence !== undefined) return evidence;
  // A failure in words with a stack trace outweighs the level WARN, unless the program says that it retries.
  if (open.traced && !/\b(?:re-?try\w*|try(?:ing)? again|attempt)\b/i.test(message)) {
    const stated = evidenceIn(message) ?? failureIn(message);
    if (stated !== undefined) return stated;
  }
  // The unindented lines below the first; frames of a stack trace are not among them.
  for (const line of open.plain) {
    const below = evidenceIn(line);
    if (below !== undefined) return below;
  }
  return undefined;
}

/** Classifies a record at INFO or below that was marked as a possible error. */
function ofNotable(open: OpenRecord): Finding | undefined {
  const message = messageOf(open);
  if (isSupervisedExit(message, true)) return { tier: 'signature', word: 'process exited' };
  return statusOf(open.text) >= 500 ? { tier: 'http', word: 'http 5xx', gate: 'http' } : undefined;
}

function ofTrace(open: OpenRecord): Finding | undefined {
  // Node's console.trace prints a stack although nothing went wrong.
  if (open.text.startsWith('Trace', open.bodyAt) && /^Trace(?::|$)/.test(messageOf(open))) {
    return evidenceIn(messageOf(open));
  }
  if (isThreadDump(open)) return undefined;
  return isRequestedStop(recordText(open)) ? undefined : { tier: 'trace', word: 'stack trace' };
}

/** A thread of a JVM as a thread dump shows it: an operator asked for it. */
function isThreadDump(open: OpenRecord): boolean {
  return /^"[^"\n]{1,200}" (?:#\d|daemon |prio=)/.test(messageOf(open)) && /\btid=0x/.test(messageOf(open));
}

/** Returns evidence in the lines below a first line without a head. Only signatures count there. */
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
  const patterns = [word];
  if (open.traced && word !== 'stack trace') patterns.push('stack trace');
  addShownWords(record.text, patterns);
  const headRead = open.headed && !open.json && open.lines === 1;
  const parts = partsOf(record.text, headRead ? open.bodyAt : undefined);
  return { record, tier, patterns, summary: summaryOf(parts), parts };
}
