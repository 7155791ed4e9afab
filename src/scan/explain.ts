/** `scan --explain LINE`: explains why a line was read as it was, in the terms of docs/detection.md. */
import type { LogRecord } from '../domain/incident.ts';
import type { Finding } from '../pipeline/detect/classify.ts';
import { readHead } from '../pipeline/detect/head.ts';
import { emptyHead } from '../pipeline/detect/head-formats.ts';
import { LEVEL_KEYS } from '../pipeline/detect/json-scales.ts';
import type { LogError } from '../pipeline/detect/log-error.ts';
import { problemKey } from '../pipeline/group/fingerprint.ts';

export interface ExplainedRecord {
  readonly record: LogRecord;
  /** Lines of the file, inclusive. */
  readonly first: number;
  readonly last: number;
  readonly error: LogError | undefined;
  /** Why it would be an error at a higher rate. */
  readonly held: Finding | undefined;
  /** Fingerprint of the error's problem; null if the record is not an error. */
  readonly fingerprint: string | null;
}

const GATES: Readonly<Record<string, string>> = {
  client: "a client's mistake: reported only when 30 come within a minute",
  http: 'a 5xx response: reported when three come within a minute, or when they are one in five lines',
  transient: 'a program that starts or stops: reported when it lasts for a minute',
};

/** For a terminal; ends without a line break. */
export function printExplanation(line: number, found: ExplainedRecord): string {
  const { record, first, last, error, held, fingerprint } = found;
  const rows: [string, string][] = [
    ['record', first === last ? `line ${first}` : `lines ${first} to ${last}`],
    ['level', levelRow(record)],
  ];
  if (error !== undefined) {
    const key = problemKey(error);
    rows.push(
      ['error', `yes: tier ${error.tier} (${error.patterns.join(', ')})`],
      ['summary', error.summary],
      ['fingerprint', `${fingerprint}, by ${KINDS[key.kind]}`],
      ['types', key.types.join(' > ') || 'none'],
      ...(key.site === '' ? [] : ([['site', key.site]] satisfies [string, string][])),
      [key.kind === 'stack' ? 'frames' : 'words', key.tokens.join(key.kind === 'stack' ? ' < ' : ' ')],
      ...(key.cause.length === 0 ? [] : ([['cause', key.cause.join(' ')]] satisfies [string, string][])),
    );
  } else if (held?.gate !== undefined) {
    rows.push(['error', `no: ${held.word} is ${GATES[held.gate]}`]);
  } else
    rows.push([
      'error',
      `no: ${record.level === undefined ? 'nothing in it points to an error' : 'its level is below ERROR and nothing in its text outweighs that'}`,
    ]);
  return [`line ${line}`, ...rows.map(([name, value]) => `  ${name.padEnd(12)} ${value}`)].join('\n');
}

const KINDS = {
  stack: 'the types and frames of its stack trace',
  site: 'its place in the code and its message',
  message: 'its message',
} as const;

function levelRow({ level, text }: LogRecord): string {
  if (level === undefined) return 'none';
  const end = text.indexOf('\n');
  const line = end === -1 ? text : text.slice(0, end);
  return `${level}, ${ruleOf(line)}`;
}

function ruleOf(line: string): string {
  const head = emptyHead();
  if (!line.startsWith('{') && readHead(line, 0, head) && !head.json) {
    return head.rule === '' ? 'by a line below the first' : `by its ${head.rule}`;
  }
  const key = jsonLevelKey(line.slice(head.json ? head.bodyAt : 0));
  return key === undefined ? 'by a level inside its JSON' : `by its JSON key "${key}"`;
}

function jsonLevelKey(text: string): string | undefined {
  try {
    return Object.keys(JSON.parse(text) as object).find((key) => LEVEL_KEYS.has(key) || key === 's');
  } catch {
    return undefined;
  }
}
