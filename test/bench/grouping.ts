/**
 * `npm run bench -- grouping DIR`: how well messages of the same log statement are grouped. DIR has one file per
 * system: `*_structured.csv` of the public template sets (columns Content and EventId), or `*.jsonl` with `message` and
 * `template`. GA: the share of messages whose group is exactly that of their template. FGA: F1 over groups.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LogError } from '../../src/pipeline/detect/log-error.ts';
import { createGrouper } from '../../src/pipeline/group/grouper.ts';
import { aContainer } from '../support/detect.ts';

interface Labelled {
  readonly message: string;
  readonly template: string;
}

/** One system's score. */
interface Result {
  readonly ga: number;
  readonly fga: number;
  readonly templates: number;
  readonly groups: number;
}

/** Long enough that no message counts as a follow-up of the previous one. */
const APART_MS = 60_000;

export async function run(dir?: string): Promise<void> {
  if (dir === undefined || !existsSync(dir)) {
    console.log(
      `no folder of labelled messages${dir === undefined ? '' : ` at ${dir}`}: npm run bench -- grouping DIR`,
    );
    return;
  }
  const results: Result[] = [];
  console.log(
    `${'system'.padEnd(28)} ${'messages'.padStart(8)} ${'GA'.padStart(6)} ${'FGA'.padStart(6)}  templates, groups`,
  );
  for (const file of readdirSync(dir).sort()) {
    const labelled = read(join(dir, file));
    if (labelled.length === 0) continue;
    const result = score(labelled);
    results.push(result);
    const name = file.replace(/(?:_2k)?(?:\.log)?(?:_structured)?\.\w+$/, '');
    console.log(
      `${name.padEnd(28)} ${String(labelled.length).padStart(8)} ${result.ga.toFixed(3).padStart(6)} ${result.fga.toFixed(3).padStart(6)}  ${result.templates}, ${result.groups}`,
    );
  }
  const mean = (of: (result: Result) => number): string =>
    (results.reduce((sum, result) => sum + of(result), 0) / results.length).toFixed(3);
  console.log(
    `${'mean'.padEnd(37)} ${mean(({ ga }) => ga).padStart(6)} ${mean(({ fga }) => fga).padStart(6)}  (goal ≥ .85, ≥ .88)`,
  );
}

function read(file: string): Labelled[] {
  const text = readFileSync(file, 'utf8');
  if (file.endsWith('.jsonl')) {
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .map((line) => ({
        message: String(line.message ?? line.content),
        template: String(line.template ?? line.event),
      }));
  }
  if (!file.endsWith('.csv')) return [];
  const [header = [], ...rows] = parseCsv(text);
  const message = header.indexOf('Content');
  const template = header.indexOf('EventId') === -1 ? header.indexOf('EventTemplate') : header.indexOf('EventId');
  if (message === -1 || template === -1) return [];
  return rows.map((row) => ({ message: row[message] ?? '', template: row[template] ?? '' }));
}

/** RFC 4180. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const match of text.matchAll(/(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r?\n|$)/g)) {
    if (match[0] === '' && row.length === 0) break;
    row.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] === ',') continue;
    rows.push(row);
    row = [];
    if (match[3] === '') break;
  }
  return rows;
}

function score(labelled: readonly Labelled[]): Result {
  const into = new Map<string, string>();
  const grouper = createGrouper({
    maxGroups: 100_000,
    newGroupsPerMinute: 1_000_000,
    onMerge: ({ from, into: target }) => into.set(from, target),
  });
  const container = aContainer();
  const found = labelled.map(
    ({ message }, at) => grouper.assign(container, errorOf(message), at * APART_MS).fingerprint,
  );
  const rootOf = (print: string): string => {
    let root = print;
    for (let next = into.get(root); next !== undefined && next !== root; next = into.get(root)) root = next;
    return root;
  };
  const groups = countBy(found.map(rootOf));
  const templates = countBy(labelled.map(({ template }) => template));
  const both = countBy(labelled.map(({ template }, at) => `${template}\u0000${rootOf(found[at] as string)}`));
  let messages = 0;
  let correct = 0;
  for (const [pair, size] of both) {
    const [template, group] = pair.split('\u0000') as [string, string];
    if (templates.get(template) !== size || groups.get(group) !== size) continue;
    messages += size;
    correct++;
  }
  return {
    ga: messages / labelled.length,
    fga: (2 * correct) / (groups.size + templates.size),
    templates: templates.size,
    groups: groups.size,
  };
}

function countBy(keys: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

function errorOf(message: string): LogError {
  return {
    record: { time: 0, stream: 'stdout', text: message, lines: 1, level: 'error' },
    tier: 'level',
    patterns: ['level=error'],
    summary: message,
  };
}
