/** One run of `scan`: lines in, incidents out, through the very detector and grouper of the agent. */
import type { ContainerRef, Level, LogRecord, StreamName } from '../domain.ts';
import type { Finding } from '../pipeline/detect/classify.ts';
import { type CompiledRules, createLogDetector, type LogDetector } from '../pipeline/detect/log-detector.ts';
import type { LogError } from '../pipeline/detect/log-error.ts';
import { createGrouper } from '../pipeline/group/grouper.ts';
import { statedTime, unwrap } from './envelope.ts';
import type { ExplainedRecord } from './explain.ts';

export interface ScannedIncident {
  readonly fingerprint: string;
  readonly container: string;
  readonly tier: string;
  readonly level?: Level;
  readonly patterns: readonly string[];
  readonly summary: string;
  /** The record that told it first. */
  readonly record: string;
  /** Where that begins, from 1. */
  readonly line: number;
  readonly occurrences: number;
  /** Epoch ms; absent where the lines state no time. */
  readonly firstAt?: number;
  readonly lastAt?: number;
  /** Of a storm: some of what went into it. */
  readonly samples?: readonly string[];
}

export interface ScanResult {
  readonly lines: number;
  readonly troubles: number;
  readonly incidents: readonly ScannedIncident[];
}

/** A line of `--records`. */
export interface ScannedRecord {
  readonly first: number;
  readonly last: number;
  readonly time: string | null;
  readonly level: Level | null;
  readonly trouble: boolean;
  readonly tier: string | null;
  readonly fingerprint: string | null;
  /** Only where the file holds the lines of several containers. */
  readonly container?: string;
}

export interface Scan {
  /** Begins a file; line numbers begin at 1 again. */
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
  /** Every record with what is known of it; costs as much as `onRecord`. */
  readonly onExplained?: ((found: ExplainedRecord) => void) | undefined;
}

/** As many incidents are kept; a log that has more is told by its storms. */
const MAX_INCIDENTS = 10_000;
/** Lines without a time are taken to come one a second, so that the limit a minute means something. */
const PRETENDED_MS = 1_000;
/** More of a line that the engine cut is not joined. */
const MAX_JOINED = 1 << 20;

export function createScan(options: Options): Scan {
  const grouper = createGrouper();
  const incidents = new Map<string, Mutable<ScannedIncident>>();
  let lines = 0;
  let troubles = 0;

  function group(container: ContainerRef, trouble: LogError, line: number): string {
    troubles++;
    const time = trouble.record.time > 0 ? trouble.record.time : undefined;
    const grouped = grouper.assign(container, trouble, time ?? line * PRETENDED_MS);
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
        tier: storm ? 'storm' : trouble.tier,
        ...(trouble.record.level === undefined ? {} : { level: trouble.record.level }),
        patterns: storm ? ['log storm'] : trouble.patterns,
        summary: storm ? 'log storm: more new problems a minute than are told one by one' : trouble.summary,
        record: trouble.record.text,
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
    result: () => ({ lines, troubles, incidents: [...incidents.values()] }),
  };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Watched {
  readonly detector: LogDetector;
  /** Undefined where the detector's lines are the file's. */
  readonly places: Places | undefined;
  /** The begun line of each stream that the engine cut. */
  readonly begun: Map<StreamName, { text: string; readonly line: number }>;
}

/** Which lines of the file the latest of a detector's lines came from. */
interface Places {
  push(first: number, last: number): void;
  firstOf(ordinal: number): number;
  lastOf(ordinal: number): number;
}

/** More than the lines of any record that is still open. */
const PLACES_KEPT = 100_000;

function createPlaces(): Places {
  let firsts: number[] = [];
  let lasts: number[] = [];
  let forgotten = 0;
  const at = (lines: number[], ordinal: number): number => lines[Math.max(0, ordinal - 1 - forgotten)] ?? ordinal;
  return {
    push(first, last) {
      if (firsts.length >= 2 * PLACES_KEPT) {
        firsts = firsts.slice(PLACES_KEPT);
        lasts = lasts.slice(PLACES_KEPT);
        forgotten += PLACES_KEPT;
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
  group: (container: ContainerRef, trouble: LogError, line: number) => string,
  countLine: () => void,
): FileScan {
  const watched = new Map<string, Watched>();
  let at = 0;
  let time = 0;

  /** `named`: the line names its container; `wrapped`: a line of the file may be less than a line of the log. */
  function watch(name: string, named: boolean, wrapped: boolean): Watched {
    const known = watched.get(name);
    if (known !== undefined) return known;
    const service = options.service ?? name.replace(/[-_]\d+$/, '');
    const container: ContainerRef = { id: name, name, image: '', service, labels: {} };
    const places = wrapped ? createPlaces() : undefined;
    const { onRecord, onExplained } = options;
    const report = (
      record: LogRecord,
      first: number,
      last: number,
      trouble: LogError | undefined,
      held?: Finding,
    ): void => {
      const line = places?.firstOf(first) ?? first;
      const print = trouble === undefined ? null : group(container, trouble, line);
      const end = places?.lastOf(last) ?? last;
      onExplained?.({ record, first: line, last: end, error: trouble, held, fingerprint: print });
      onRecord?.({
        first: line,
        last: end,
        time: record.time > 0 ? new Date(record.time).toISOString() : null,
        level: record.level ?? null,
        trouble: trouble !== undefined,
        tier: trouble?.tier ?? null,
        fingerprint: print,
        ...(named ? { container: name } : {}),
      });
    };
    const detector = createLogDetector({
      rules: options.rules,
      // A file has no arrival times: what is a record depends on its lines alone.
      now: () => 0,
      ...(onRecord === undefined && onExplained === undefined
        ? { emit: (error, first, last) => report(error.record, first, last, error) }
        : { emit() {}, onRecord: (record, error, held) => report(record, record.first, record.last, error, held) }),
    });
    const made: Watched = { detector, places, begun: new Map() };
    watched.set(name, made);
    return made;
  }

  function push(target: Watched, stream: StreamName, text: string, lineTime: number, firstLine: number): void {
    target.places?.push(firstLine, at);
    target.detector.push({ time: lineTime, stream, text });
  }

  return {
    line(text) {
      at++;
      countLine();
      const inner = unwrap(text);
      if (inner === undefined) {
        time = statedTime(text) ?? time;
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
