/** One run of `scan`: turns lines into incidents with the agent's own detector and grouper. */
import type { ContainerRef, StreamName } from '../domain/containers.ts';
import type { Level, LogRecord } from '../domain/incident.ts';
import type { Finding } from '../pipeline/detect/classify.ts';
import { type CompiledRules, createLogDetector, type LogDetector } from '../pipeline/detect/log-detector.ts';
import type { LogError } from '../pipeline/detect/log-error.ts';
import { createGrouper } from '../pipeline/group/grouper.ts';
import { timeInLine, unwrap } from './envelope.ts';
import type { ExplainedRecord } from './explain.ts';

export interface ScannedIncident {
  readonly fingerprint: string;
  readonly container: string;
  readonly tier: string;
  readonly level?: Level;
  readonly patterns: readonly string[];
  readonly summary: string;
  /** Its first record. */
  readonly record: string;
  /** Line at which that record begins, from 1. */
  readonly line: number;
  readonly occurrences: number;
  /** Epoch ms; absent if the lines have no time. */
  readonly firstAt?: number;
  readonly lastAt?: number;
  /** Set for a storm: summaries of some of its errors. */
  readonly samples?: readonly string[];
}

export interface ScanResult {
  readonly lines: number;
  readonly errors: number;
  readonly incidents: readonly ScannedIncident[];
}

/** One line of `--records`. */
export interface ScannedRecord {
  readonly first: number;
  readonly last: number;
  readonly time: string | null;
  readonly level: Level | null;
  readonly trouble: boolean;
  readonly tier: string | null;
  readonly fingerprint: string | null;
  /** Only if the lines name their containers. */
  readonly container?: string;
}

export interface Scan {
  /** Starts a file; line numbers start at 1 again. */
  open(name: string): FileScan;
  result(): ScanResult;
}

export interface FileScan {
  line(text: string): void;
  end(): void;
}

interface Options {
  readonly rules: CompiledRules;
  /** Default: the container's name without its replica number, or the file's. */
  readonly service: string | undefined;
  readonly onRecord: ((record: ScannedRecord) => void) | undefined;
  /** Called for every record with what `--explain` prints; as expensive as `onRecord`. */
  readonly onExplained?: ((found: ExplainedRecord) => void) | undefined;
}

/** The most incidents kept; a log with more is described by its storms. */
const MAX_INCIDENTS = 10_000;
/** Lines without a time count as one per second, so that the limit of new problems per minute can be applied. */
const ASSUMED_INTERVAL_MS = 1_000;
/** Characters. Parts of a cut line are not joined beyond this. */
const MAX_JOINED = 1 << 20;

export function createScan(options: Options): Scan {
  const grouper = createGrouper();
  const incidents = new Map<string, Mutable<ScannedIncident>>();
  let lines = 0;
  let errors = 0;

  function group(container: ContainerRef, error: LogError, line: number): string {
    errors++;
    const time = error.record.time > 0 ? error.record.time : undefined;
    const grouped = grouper.assign(container, error, time ?? line * ASSUMED_INTERVAL_MS);
    const storm = grouped.kind === 'overflow';
    const key = `${container.name}\u0000${grouped.fingerprint}`;
    let incident = incidents.get(key);
    if (incident !== undefined) {
      incident.occurrences++;
      if (time !== undefined) incident.lastAt = time;
    } else if (incidents.size < MAX_INCIDENTS) {
      incident = {
        fingerprint: grouped.fingerprint,
        container: container.name,
        tier: storm ? 'storm' : error.tier,
        ...(error.record.level === undefined ? {} : { level: error.record.level }),
        patterns: storm ? ['log storm'] : error.patterns,
        summary: storm ? 'log storm: more new problems a minute than are reported one by one' : error.summary,
        record: error.record.text,
        line,
        occurrences: 1,
        ...(time === undefined ? {} : { firstAt: time, lastAt: time }),
      };
      incidents.set(key, incident);
    }
    if (storm && incident !== undefined) incident.samples = grouper.samples(container);
    return grouped.fingerprint;
  }

  return {
    open: (name) => openFile(name, options, group, () => lines++),
    result: () => ({ lines, errors, incidents: [...incidents.values()] }),
  };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Watched {
  readonly detector: LogDetector;
  /** Undefined if the detector's lines are the lines of the file. */
  readonly lineMap: LineMap | undefined;
  /** For each stream, the beginning of a line that the engine cut. */
  readonly begun: Map<StreamName, { text: string; readonly line: number }>;
}

/** Maps the latest lines of a detector to the lines of the file they came from. */
interface LineMap {
  push(first: number, last: number): void;
  firstOf(ordinal: number): number;
  lastOf(ordinal: number): number;
}

/** More than the lines of any open record. */
const LINES_KEPT = 100_000;

function createLineMap(): LineMap {
  let firsts: number[] = [];
  let lasts: number[] = [];
  let forgotten = 0;
  const at = (lines: number[], ordinal: number): number => lines[Math.max(0, ordinal - 1 - forgotten)] ?? ordinal;
  return {
    push(first, last) {
      if (firsts.length >= 2 * LINES_KEPT) {
        firsts = firsts.slice(LINES_KEPT);
        lasts = lasts.slice(LINES_KEPT);
        forgotten += LINES_KEPT;
      }
      firsts.push(first);
      lasts.push(last);
    },
    firstOf: (ordinal) => at(firsts, ordinal),
    lastOf: (ordinal) => at(lasts, ordinal),
  };
}

function openFile(
  fileName: string,
  options: Options,
  group: (container: ContainerRef, error: LogError, line: number) => string,
  countLine: () => void,
): FileScan {
  const watched = new Map<string, Watched>();
  let at = 0;
  let time = 0;

  /** `named`: the line names its container. `wrapped`: several lines of the file may be one line of the log. */
  function watch(name: string, named: boolean, wrapped: boolean): Watched {
    const known = watched.get(name);
    if (known !== undefined) return known;
    const service = options.service ?? name.replace(/[-_]\d+$/, '');
    const container: ContainerRef = { id: name, name, image: '', service, labels: {} };
    const lineMap = wrapped ? createLineMap() : undefined;
    const { onRecord, onExplained } = options;
    const report = (
      record: LogRecord,
      first: number,
      last: number,
      error: LogError | undefined,
      held?: Finding,
    ): void => {
      const line = lineMap?.firstOf(first) ?? first;
      const print = error === undefined ? null : group(container, error, line);
      const end = lineMap?.lastOf(last) ?? last;
      onExplained?.({ record, first: line, last: end, error, held, fingerprint: print });
      onRecord?.({
        first: line,
        last: end,
        time: record.time > 0 ? new Date(record.time).toISOString() : null,
        level: record.level ?? null,
        trouble: error !== undefined,
        tier: error?.tier ?? null,
        fingerprint: print,
        ...(named ? { container: name } : {}),
      });
    };
    const detector = createLogDetector({
      rules: options.rules,
      // A file has no arrival times: records depend only on the lines.
      now: () => 0,
      ...(onRecord === undefined && onExplained === undefined
        ? { emit: (error, first, last) => report(error.record, first, last, error) }
        : { emit() {}, onRecord: (record, error, held) => report(record, record.first, record.last, error, held) }),
    });
    const made: Watched = { detector, lineMap, begun: new Map() };
    watched.set(name, made);
    return made;
  }

  function push(target: Watched, stream: StreamName, text: string, lineTime: number, firstLine: number): void {
    target.lineMap?.push(firstLine, at);
    target.detector.push({ time: lineTime, stream, text });
  }

  return {
    line(text) {
      at++;
      countLine();
      const inner = unwrap(text);
      if (inner === undefined) {
        time = timeInLine(text) ?? time;
        push(watch(fileName, false, false), 'stdout', text, time, at);
        return;
      }
      const target = watch(inner.container ?? fileName, inner.container !== undefined, true);
      const begun = target.begun.get(inner.stream);
      if (inner.partial && (begun?.text.length ?? 0) < MAX_JOINED) {
        if (begun === undefined) target.begun.set(inner.stream, { text: inner.text, line: at });
        else begun.text += inner.text;
        return;
      }
      if (begun !== undefined) target.begun.delete(inner.stream);
      push(target, inner.stream, (begun?.text ?? '') + inner.text, inner.time ?? 0, begun?.line ?? at);
    },
    end() {
      for (const target of watched.values()) {
        for (const [stream, { text, line }] of target.begun) push(target, stream, text, time, line);
        target.detector.flush(Number.POSITIVE_INFINITY);
      }
      watched.clear();
    },
  };
}
