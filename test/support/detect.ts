/** Runs lines through the detector, and reads the labelled sets in test/fixtures/detect. */
import { existsSync, readFileSync } from 'node:fs';
import type { ContainerRef, StreamName } from '../../src/domain/containers.ts';
import {
  compileRules,
  createLogDetector,
  type DetectRules,
  type PlacedRecord,
} from '../../src/pipeline/detect/log-detector.ts';
import type { LogError } from '../../src/pipeline/detect/log-error.ts';

const FIXTURES = new URL('../fixtures/detect/', import.meta.url);
/** Next to the repository, if present; see its README. */
const SHARED = new URL('../../../shared/data/', import.meta.url);

export interface Detected {
  readonly record: PlacedRecord;
  readonly trouble: LogError | undefined;
}

export type Line = string | { readonly stream?: StreamName; readonly text: string; readonly time?: number };

/** The records of the lines, in the order of their first lines. */
export function detect(lines: readonly Line[], rules?: Partial<DetectRules>): Detected[] {
  const found: Detected[] = [];
  const detector = createLogDetector({
    ...(rules === undefined ? {} : { rules: compileRules({ match: [], ignore: [], ...rules }) }),
    emit() {},
    onRecord: (record, trouble) => found.push({ record, trouble }),
    now: () => 0,
  });
  for (const line of lines) {
    const { text, stream = 'stdout', time = 1_000 } = typeof line === 'string' ? { text: line } : line;
    detector.push({ text, stream, time });
  }
  detector.flush(Number.POSITIVE_INFINITY);
  return found.sort((a, b) => a.record.first - b.record.first);
}

export function detectOne(...lines: readonly string[]): Detected {
  const found = detect(lines);
  if (found.length !== 1) throw new Error(`${found.length} records instead of one: ${JSON.stringify(found)}`);
  return found[0] as Detected;
}

/** The first and last line of each record that is an error. */
export function errorBounds(lines: readonly Line[]): [number, number][] {
  return detect(lines)
    .filter(({ trouble }) => trouble !== undefined)
    .map(({ record }) => [record.first, record.last]);
}

export function errorOf(...lines: readonly string[]): LogError {
  const { trouble } = detectOne(...lines);
  if (trouble === undefined) throw new Error(`no error in ${JSON.stringify(lines)}`);
  return trouble;
}

export function aContainer(name = 'web', service = name): ContainerRef {
  return { id: name.padEnd(64, '0'), name, image: 'shop/web:1', service, labels: {} };
}

export interface Trace {
  readonly name: string;
  readonly lines: readonly string[];
}

export function ownTraces(set: 'tuning' | 'held-out'): Trace[] {
  return readFileSync(new URL(`traces-${set}.txt`, FIXTURES), 'utf8')
    .split(/^=== /m)
    .slice(1)
    .map((block) => {
      const breakAt = block.indexOf('\n');
      return {
        name: block.slice(0, breakAt),
        lines: block
          .slice(breakAt + 1)
          .replace(/\n$/, '')
          .split('\n'),
      };
    });
}

interface LevelLine {
  readonly format: string;
  readonly level: string;
  readonly text: string;
}

/** Every format at every level, each with three messages that rotate through messages.json. */
export function levelLines(set: 'tuning' | 'held-out'): LevelLine[] {
  const messages = json<{ quiet: string[]; loud: string[] }>('messages.json');
  const { formats } = json<{ formats: { format: string; line: string; levels: Record<string, string> }[] }>(
    `levels-${set}.json`,
  );
  const lines: LevelLine[] = [];
  for (const { format, line, levels } of formats) {
    for (const [level, word] of Object.entries(levels)) {
      const pool = level === 'error' || level === 'fatal' ? messages.loud : messages.quiet;
      for (let i = 0; i < 3; i++) {
        const message = pool[lines.length % pool.length] as string;
        const escaped = JSON.stringify(message).slice(1, -1);
        const text = line.replaceAll('{L}', word).replaceAll('{M}', message).replaceAll('{J}', escaped);
        lines.push({ format, level, text });
      }
    }
  }
  return lines;
}

export function wordLines(set: 'tuning' | 'held_out'): { trouble: string[]; quiet: string[] } {
  return json<Record<string, { trouble: string[]; quiet: string[] }>>('words.json')[set] as {
    trouble: string[];
    quiet: string[];
  };
}

function json<T>(file: string): T {
  return JSON.parse(readFileSync(new URL(file, FIXTURES), 'utf8')) as T;
}

/** Reads a file of the shared data; undefined if it is not on this machine. */
export function sharedFile(name: string): Buffer | undefined {
  const file = new URL(name, SHARED);
  return existsSync(file) ? readFileSync(file) : undefined;
}

export interface Score {
  readonly precision: number;
  readonly recall: number;
}

export function score(results: readonly { readonly wanted: boolean; readonly got: boolean }[]): Score {
  const both = results.filter(({ wanted, got }) => wanted && got).length;
  return {
    precision: both / results.filter(({ got }) => got).length,
    recall: both / results.filter(({ wanted }) => wanted).length,
  };
}
