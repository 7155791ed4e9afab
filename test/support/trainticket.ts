/** Runs detection and grouping on trainticket.jsonl.gz, and compares the result with its labels. */
import { gunzipSync } from 'node:zlib';
import type { StreamName } from '../../src/domain/containers.ts';
import { createLogDetector } from '../../src/pipeline/detect/log-detector.ts';
import type { LogError } from '../../src/pipeline/detect/log-error.ts';
import { createGrouper } from '../../src/pipeline/group/grouper.ts';
import { aContainer } from './detect.ts';

interface TrainticketLine {
  readonly time: number;
  readonly container: string;
  readonly stream: StreamName;
  readonly text: string;
}

export function readTrainticket(file: Buffer): TrainticketLine[] {
  return String(gunzipSync(file))
    .trimEnd()
    .split('\n')
    .map((line) => {
      const { t, container, stream, log } = JSON.parse(line) as Record<'t' | 'container' | 'log', string> & {
        stream: StreamName;
      };
      return { time: Number(t.slice(0, 13)), container, stream, text: log };
    });
}

const HEAD = /^\S+ (\w+)\s+(\S+#\d+)/;
const EXCEPTION = /[\w.]+(?:Exception|Error)\b/g;

/** `hidden`: `Class#line` of the log statement is removed from the lines before detection. */
export function groupTrainticket(file: Buffer, hidden: boolean) {
  const grouper = createGrouper();
  const detectors = new Map<string, { push(line: TrainticketLine): LogError | undefined }>();
  const truth = new Map<string, number[]>();
  const found = new Map<string, number[]>();
  let records = 0;
  let falseTroubles = 0;
  let missedRecords = 0;
  for (const line of readTrainticket(file)) {
    const [, level, statement] = HEAD.exec(line.text) ?? [];
    const isError = level === 'ERROR';
    let detector = detectors.get(line.container);
    if (detector === undefined) {
      detector = oneByOne();
      detectors.set(line.container, detector);
    }
    const error = detector.push(hidden ? { ...line, text: line.text.replace(/ \S+#\d+/, '') } : line);
    if (error === undefined) {
      if (isError) missedRecords++;
      continue;
    }
    if (!isError) falseTroubles++;
    const record = records++;
    const problem = `${line.container} ${statement} ${line.text.match(EXCEPTION)?.at(-1) ?? ''}`;
    add(truth, problem, record);
    add(found, grouper.assign(aContainer(line.container), error, line.time).fingerprint, record);
  }
  const foundGroups = new Set([...found.values()].map(String));
  const exact = [...truth.values()].filter((group) => foundGroups.has(String(group))).length;
  const precision = exact / found.size;
  const recall = exact / truth.size;
  // A problem is missing if every group with records of it begins with a record of another problem.
  const openers = new Set([...found.values()].map(([first]) => first));
  return {
    records,
    falseTroubles,
    missedRecords,
    problems: truth.size,
    incidents: found.size,
    problemsMissing: [...truth.values()].filter((group) => !group.some((record) => openers.has(record))).length,
    f1: exact === 0 ? 0 : (2 * precision * recall) / (precision + recall),
  };
}

function add(groups: Map<string, number[]>, key: string, record: number): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [record]);
  else group.push(record);
}

/** In this data, each line is a record. */
function oneByOne(): { push(line: TrainticketLine): LogError | undefined } {
  let last: LogError | undefined;
  const detector = createLogDetector({
    emit(error) {
      last = error;
    },
    now: () => 0,
  });
  return {
    push({ time, stream, text }) {
      last = undefined;
      detector.push({ time, stream, text });
      detector.flush(Number.POSITIVE_INFINITY);
      return last;
    },
  };
}
