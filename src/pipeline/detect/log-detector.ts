/**
 * Joins the lines of one container into records and finds the errors among them.
 *
 * A record at INFO or below is settled by its first line, at the cost of reading its head.
 */
import type { LogLine, StreamName } from '../../domain/containers.ts';
import { type Bursts, createBursts, type FoundError } from './bursts.ts';
import { classify, type Finding, logErrorOf } from './classify.ts';
import { CONTROL, cleanLine } from './clean.ts';
import { createHeadReader } from './head-reader.ts';
import { createJsonReader } from './json.ts';
import { ERROR, NO_LEVEL, WARN } from './levels.ts';
import type { LogError } from './log-error.ts';
import { beginRecord, noRecord, type OpenRecord, type PlacedRecord, placed } from './open-record.ts';
import { createQuietLines } from './quiet-lines.ts';
import { createRateGates } from './rate-gates.ts';
import { createAssembler } from './record-assembler.ts';
import type { CompiledRules } from './rules.ts';
import { isEnded } from './traces.ts';

export type { PlacedRecord } from './open-record.ts';
export { type CompiledRules, compileRules, type DetectRules } from './rules.ts';

export interface LogDetector {
  push(line: LogLine): void;
  /**
   * Completes the records that have waited long enough; call it from a timer while `pending`. `now`: ms on the clock of
   * the option `now`; Infinity completes all.
   */
  flush(now: number): void;
  /** A record or burst is open that further lines could still change. */
  readonly pending: boolean;
}

/** After this many ms without a further line a record is complete: lines that belong together are written together. */
const SETTLE_MS = 200;
/** How long an unfinished trace waits for its next frame, in ms: slow programs write them up to a second apart. */
const TRACE_WAIT_MS = 1_050;
/** A trace whose lines are at most this far apart, in ms, waits only SETTLE_MS. */
const FAST_GAP_MS = 50;
/** A trace that has been open for this many ms waits only SETTLE_MS, too. */
const MAX_OPEN_MS = 15_000;
/** Control characters, and names of supervisors. */
const SPECIAL = new RegExp(String.raw`${CONTROL}|PM2|\[(?:cont-|services|fix-attrs)`);

export function createLogDetector(options: {
  readonly rules?: CompiledRules;
  /** `first` and `last`: the lines of the record, counted from 1, inclusive. */
  emit(error: LogError, first: number, last: number): void;
  /**
   * Called for every record, including quiet ones, which are otherwise not kept. `held`: why the record would be an
   * error at a higher rate.
   */
  onRecord?(record: PlacedRecord, error: LogError | undefined, held: Finding | undefined): void;
  now?(): number;
}): LogDetector {
  const rules = options.rules?.empty === false ? options.rules : undefined;
  const { emit, onRecord } = options;
  const now = options.now ?? Date.now;
  const keepsAll = onRecord !== undefined || rules !== undefined;
  const head = createHeadReader();
  const json = createJsonReader();
  const quiet = createQuietLines();
  const gates = createRateGates();
  const streams: Record<StreamName, OpenRecord> = { stdout: noRecord('stdout'), stderr: noRecord('stderr') };
  const found = ({ error, first, last }: FoundError): void => {
    onRecord?.({ ...error.record, first, last }, error, undefined);
    emit(error, first, last);
  };
  const bursts: Record<StreamName, Bursts> = { stdout: createBursts(found), stderr: createBursts(found) };
  let ordinal = 0;
  /** A burst may be open. */
  let burstOpen = false;

  const assembler = createAssembler({
    head,
    json,
    quiet,
    keeps: (stream) => keepsAll || stream.level === NO_LEVEL || stream.level >= WARN,
    complete,
  });

  function levelOfJson(text: string): number {
    const level = json.level(text, 0);
    return level === NO_LEVEL && json.messageAt > 0 ? head.quick(text, json.messageAt) : level;
  }

  /**
   * Returns the level of a line that begins with it, at a fifth of the cost of reading its head. NO_LEVEL if the line may
   * belong to the record above it, or may be an exit that a supervisor reports.
   */
  function bareLevel(above: OpenRecord, text: string): number {
    const mayJoin = above.level === NO_LEVEL || above.level >= WARN || above.trace !== undefined;
    if (above.open && (mayJoin || above.held.length > 0)) return NO_LEVEL;
    const level = head.unprefixed(text);
    return level === NO_LEVEL || SPECIAL.test(text) ? NO_LEVEL : level;
  }

  function isNotable(text: string, bodyAt: number): boolean {
    const code = text.charCodeAt(bodyAt);
    return (ordinal >= quiet.examineFrom || code === 0x65 || code === 0x67) && quiet.isNotable(text, bodyAt, ordinal);
  }

  function push(line: LogLine): void {
    ordinal++;
    const stream = streams[line.stream];
    const { text } = line;
    const isJson = text.charCodeAt(0) === 0x7b;
    const level = isJson ? levelOfJson(text) : head.quick(text) || bareLevel(stream, text);
    if (level !== NO_LEVEL && level < WARN && !isNotable(text, isJson ? 0 : head.bodyAt)) {
      // An open quiet record needs no completing unless its text was kept.
      if (stream.open && (stream.used || keepsAll)) assembler.release(stream);
      else if (stream.open) stream.streak++;
      if (burstOpen) flushBurst(line.stream);
      beginRecord(stream, keepsAll ? cleanLine(text) : text, line.time, ordinal, level, 0, true);
      if (keepsAll) stream.arrived = now();
      return;
    }
    assembler.accept(stream, { text: cleanLine(text), time: line.time, ordinal, arrived: now() });
  }

  function flushBurst(stream: StreamName): void {
    bursts[stream].flush();
    burstOpen = bursts.stdout.pending || bursts.stderr.pending;
  }

  function complete(stream: OpenRecord): void {
    const isQuiet = stream.level !== NO_LEVEL && stream.level < WARN && !stream.notable;
    if (isQuiet && !keepsAll) return;
    const finding =
      isQuiet && rules === undefined
        ? undefined
        : classify(stream, rules, stream.level >= ERROR && gates.isFlood(stream.time));
    const burst = bursts[stream.stream];
    if (finding !== undefined && (finding.gate === undefined || gates.admit(finding.gate, stream.time, ordinal))) {
      burstOpen = true;
      burst.push({ error: logErrorOf(stream, finding), first: stream.firstLine, last: stream.lastLine });
      return;
    }
    if (burst.pending) {
      const record = placed(stream);
      const { text, lines, first, last } = record;
      const reportAlone = (): void => onRecord?.(record, undefined, finding);
      const mayBridge = stream.level === NO_LEVEL || stream.level === WARN;
      if (mayBridge && burst.bridge({ text, lines, first, last, reportAlone })) return;
      burst.flush();
    }
    onRecord?.(placed(stream), undefined, finding);
  }

  const isPending = (stream: OpenRecord): boolean =>
    bursts[stream.stream].pending ||
    (stream.open &&
      (keepsAll ||
        stream.held.length > 0 ||
        stream.trace !== undefined ||
        stream.level === NO_LEVEL ||
        stream.level >= ERROR ||
        stream.notable ||
        (stream.level === WARN && classify(stream, rules, false) !== undefined)));

  function isDue(stream: OpenRecord, until: number): boolean {
    if (until === Number.POSITIVE_INFINITY) return true;
    if (!stream.open) return true;
    if (!isPending(stream)) return false;
    const silence = until - stream.arrived;
    if (silence <= SETTLE_MS) return false;
    // A trace that begins up to a second later belongs to a warning.
    const slow =
      stream.trace === undefined
        ? stream.level === WARN
        : !isEnded(stream.trace) && (stream.lines + stream.held.length < 2 || stream.gap > FAST_GAP_MS);
    return !slow || silence > TRACE_WAIT_MS || until - stream.began > MAX_OPEN_MS;
  }

  return {
    push,
    flush(until) {
      for (const stream of [streams.stdout, streams.stderr]) {
        if (!isDue(stream, until)) continue;
        if (stream.open) assembler.release(stream);
        flushBurst(stream.stream);
      }
    },
    get pending() {
      return isPending(streams.stdout) || isPending(streams.stderr);
    },
  };
}
