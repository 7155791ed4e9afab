/**
 * From lines to records, from records to errors: one detector per container.
 *
 * A record whose level is INFO or below is settled by its first line: it costs one look at the head.
 */
import type { LogLine, StreamName } from '../../domain.ts';
import { type Bursts, createBursts, type FoundError } from './bursts.ts';
import { classify, type Finding, logErrorOf } from './classify.ts';
import { cleanLine } from './clean.ts';
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
   * Completes records that have waited; call it from a timer while `pending`. `now`: epoch ms of the caller's
   * clock; Infinity completes all.
   */
  flush(now: number): void;
  /** A record is open that more lines could still change. */
  readonly pending: boolean;
}

/** What belongs together is written together: after this silence a record is complete. */
export const SETTLE_MS = 200;
/** A trace that its syntax has not ended: frames may come slowly, up to a second apart. */
export const TRACE_WAIT_MS = 1_050;
/** Frames that come at once come to an end at once. */
const FAST_GAP_MS = 50;
/** A trace that never ends is complete after this time. */
const MAX_OPEN_MS = 15_000;

export function createLogDetector(options: {
  readonly rules?: CompiledRules;
  /** `first` and `last`: its lines, counted from 1. */
  emit(error: LogError, first: number, last: number): void;
  /**
   * Every record, quiet ones too; costs what keeping them costs. `held`: what it would be an error by, if it came
   * more often.
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

  function isNotable(text: string, bodyAt: number): boolean {
    const code = text.charCodeAt(bodyAt);
    return (ordinal >= quiet.lookFrom || code === 0x65 || code === 0x67) && quiet.isNotable(text, bodyAt, ordinal);
  }

  function push(line: LogLine): void {
    ordinal++;
    const stream = streams[line.stream];
    const { text } = line;
    const isJson = text.charCodeAt(0) === 0x7b;
    const level = isJson ? levelOfJson(text) : head.quick(text);
    if (level !== NO_LEVEL && level < WARN && !isNotable(text, isJson ? 0 : head.bodyAt)) {
      // A quiet record before this one is complete as it is.
      if (stream.open && (stream.used || keepsAll)) assembler.release(stream);
      else stream.streak++;
      if (burstOpen) flushBurst(line.stream);
      beginRecord(stream, text, line.time, ordinal, level, 0, true);
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
    const finding = isQuiet && rules === undefined ? undefined : classify(stream, rules);
    const burst = bursts[stream.stream];
    if (finding !== undefined && (finding.gate === undefined || gates.admit(finding.gate, stream.time, ordinal))) {
      burstOpen = true;
      burst.push({ error: logErrorOf(stream, finding), first: stream.firstLine, last: stream.lastLine });
      return;
    }
    if (burst.pending) {
      const record = placed(stream, undefined);
      const { text, lines, first, last } = record;
      const alone = (): void => onRecord?.(record, undefined, finding);
      const mayBridge = stream.level === NO_LEVEL || stream.level === WARN;
      if (mayBridge && burst.bridge({ text, lines, first, last, alone })) return;
      burst.flush();
    }
    onRecord?.(placed(stream, undefined), undefined, finding);
  }

  const isPending = (stream: OpenRecord): boolean =>
    bursts[stream.stream].pending ||
    (stream.open &&
      (keepsAll ||
        stream.held.length > 0 ||
        stream.trace !== undefined ||
        stream.level === NO_LEVEL ||
        stream.level >= ERROR ||
        stream.notable));

  function isDue(stream: OpenRecord, until: number): boolean {
    if (until === Number.POSITIVE_INFINITY) return true;
    if (!stream.open) return true;
    if (!isPending(stream)) return false;
    const silence = until - stream.arrived;
    if (silence <= SETTLE_MS) return false;
    const slow =
      stream.trace !== undefined &&
      !isEnded(stream.trace) &&
      (stream.lines + stream.held.length < 2 || stream.gap > FAST_GAP_MS);
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
