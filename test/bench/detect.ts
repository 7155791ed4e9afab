/** Detection and grouping: precision, recall, bounds and speed. */
import { createLogDetector } from '../../src/pipeline/detect/log-detector.ts';
import { createGrouper } from '../../src/pipeline/group/grouper.ts';
import { createLineSplitter } from '../../src/scan/lines.ts';
import {
  aContainer,
  detectOne,
  errorBounds,
  levelLines,
  ownTraces,
  type Score,
  score,
  sharedFile,
  wordLines,
} from '../support/detect.ts';
import { groupTrainticket, readTrainticket } from '../support/trainticket.ts';

const CHUNK = 64 * 1024;

export async function run(): Promise<void> {
  throughput();
  console.log();
  accuracy();
  grouped();
  hostile();
}

function row(what: string, goal: string, got: string): void {
  console.log(`${what.padEnd(58)} ${goal.padEnd(22)} ${got}`);
}

function fixed({ precision, recall }: Score): string {
  return `P ${precision.toFixed(3)}, R ${recall.toFixed(3)}`;
}

function isLoud(level: string): boolean {
  return level === 'error' || level === 'fatal';
}

function accuracy(): void {
  row('accuracy', 'goal', 'reached');
  for (const set of ['tuning', 'held-out'] as const) {
    const lines = levelLines(set);
    const results = lines.map(({ level, text }) => ({
      wanted: isLoud(level),
      got: detectOne(text).trouble !== undefined,
    }));
    row(`level known, ${lines.length} own lines (${set})`, 'P and R ≥ .998', fixed(score(results)));
  }
  for (const set of ['tuning', 'held_out'] as const) {
    const { trouble, quiet } = wordLines(set);
    const results = [trouble, quiet].flatMap((lines, at) =>
      lines.map((text) => ({ wanted: at === 0, got: detectOne(text).trouble !== undefined })),
    );
    row(`no level stated, ${results.length} own lines (${set})`, '–', fixed(score(results)));
  }
  const events = sharedFile('severity.json');
  if (events !== undefined) {
    const all = JSON.parse(String(events)) as { text: string; severity: string }[];
    const results = all
      .filter(({ severity }) => severity !== 'DEFAULT')
      .map(({ text, severity }) => ({
        wanted: severity === 'ERROR',
        got: detectOne(...text.split('\n')).trouble !== undefined,
      }));
    row('severity.json, ERROR and above', 'P ≥ .95, R ≥ .95', fixed(score(results)));
    const unlabelled = all.filter(({ text, severity }) => severity === 'DEFAULT' && /\bERROR\b/.test(text));
    const found = unlabelled.filter(({ text }) => detectOne(...text.split('\n')).trouble !== undefined).length;
    row('severity.json, ERROR lines without a severity', '–', `${found} of ${unlabelled.length}`);
  }
  const shared = sharedFile('traces.json');
  const sets = {
    'own, tuning': ownTraces('tuning').map(({ lines }) => lines),
    'own, held out': ownTraces('held-out').map(({ lines }) => lines),
    'traces.json': Object.values(JSON.parse(String(shared ?? '{}')) as Record<string, string>).map((text) =>
      text.replace(/\n$/, '').split('\n'),
    ),
  };
  const plain = ['Server listening on port 8080', 'Request served in 12 ms'];
  const timed = plain.map((text) => `2024-05-01T10:00:00.000Z INFO  [main] app - ${text}`);
  for (const [name, traces] of Object.entries(sets)) {
    for (const [neighbours, around] of Object.entries({ plain, 'timestamped INFO': timed })) {
      const exact = traces.filter(
        (lines) =>
          String(errorBounds([...around, ...lines, ...around])) ===
          String([around.length + 1, around.length + lines.length]),
      ).length;
      row(`traces between ${neighbours} lines (${name})`, 'all, exactly bounded', `${exact} of ${traces.length}`);
    }
  }
}

function grouped(): void {
  const file = sharedFile('trainticket.jsonl.gz');
  if (file === undefined) return;
  for (const hidden of [true, false]) {
    const result = groupTrainticket(file, hidden);
    const name = `trainticket, statement ${hidden ? 'hidden' : 'left in'}`;
    row(`${name}: F1 over groups`, hidden ? '≥ .80' : '≥ .95', result.f1.toFixed(2));
    row(
      `${name}: incidents`,
      `≤ 1.3 × ${result.problems}`,
      `${result.incidents}, ${result.problemsMissing} problems missing`,
    );
    row(`${name}: false incidents`, '0', `${result.falseTroubles}`);
  }
}

/** Lines and MB per second of CPU time, because the machine may be busy with other work. */
function timed(bytes: Buffer, lines: number, rounds: number, work: (chunk: Buffer) => void, end: () => void) {
  const started = process.cpuUsage();
  for (let round = 0; round < rounds; round++) {
    for (let from = 0; from < bytes.length; from += CHUNK) work(bytes.subarray(from, from + CHUNK));
  }
  end();
  const { user, system } = process.cpuUsage(started);
  const seconds = (user + system) / 1e6;
  return { lines: (lines * rounds) / seconds, megabytes: (bytes.length * rounds) / 1e6 / seconds };
}

function throughput(): void {
  const file = sharedFile('trainticket.jsonl.gz');
  if (file === undefined) return;
  const quiet = readTrainticket(file).filter(({ text }) => !/^\S+ ERROR /.test(text));
  const texts = quiet.map(({ text }) => text);
  const kinds: [string, string, string[], ((line: string) => void) | undefined][] = [
    ['text', '≥ 300,000 lines/s', texts, undefined],
    ['text without head', '–', texts.map((text) => text.replace(/^\S+ \w+ +\S+ /, '')), undefined],
    [
      'JSON, level first',
      '≥ 150 MB/s',
      texts.map((msg) => JSON.stringify({ level: 'info', time: 1_700_000_000_000, msg })),
      JSON.parse,
    ],
    [
      'JSON, level last',
      '≥ 150 MB/s',
      texts.map((msg) => JSON.stringify({ time: 1_700_000_000_000, msg, level: 'info' })),
      JSON.parse,
    ],
    [
      "JSON, Docker's own around text",
      '≥ 150 MB/s',
      quiet.map(({ text, stream }) =>
        JSON.stringify({ log: `${text}\n`, stream, time: '2023-01-29T09:12:09.991738443Z' }),
      ),
      JSON.parse,
    ],
  ];
  row('quiet logs through detect (by CPU time)', 'goal', 'reached, and the ceiling of the same run');
  for (const [name, goal, lines, parse] of kinds) {
    const bytes = Buffer.from(`${lines.join('\n')}\n`);
    const rounds = 6;
    const measure = (onLine: (text: string) => void, end: () => void) => {
      const splitter = createLineSplitter(onLine);
      return timed(bytes, lines.length, rounds, (chunk) => splitter.push(chunk), end);
    };
    const detector = createLogDetector({ emit() {}, now: () => 0 });
    const detecting = () =>
      measure(
        (text) => detector.push({ time: 0, stream: 'stdout', text }),
        () => detector.flush(Number.POSITIVE_INFINITY),
      );
    let length = 0;
    const decoding = () =>
      measure(
        (text) => {
          length += text.length;
          if (parse !== undefined) parse(text);
        },
        () => {},
      );
    // The first runs are a warm-up.
    detecting();
    decoding();
    const reached = detecting();
    const ceiling = decoding();
    const share = `${Math.round((100 * reached.lines) / ceiling.lines)} % of ${parse === undefined ? 'decoding alone' : 'decoding and JSON.parse'}`;
    row(name, goal, `${speed(reached)}; ${share} (${speed(ceiling)})`);
    if (length === 0) throw new Error('nothing was decoded');
  }
}

function speed({ lines, megabytes }: { lines: number; megabytes: number }): string {
  return `${Math.round(lines).toLocaleString('en-US')} lines/s, ${Math.round(megabytes)} MB/s`;
}

function hostile(): void {
  const units = [
    'a',
    ' ',
    '[',
    '{"a":',
    '"',
    'a.',
    'a:',
    '1-',
    'error ',
    'failed to ',
    "Error: a'",
    '  at a.',
    '\u001b[',
    '\r',
    'a\b',
    'a\u001b[2K',
    'é',
  ];
  let worst = { ms: 0, unit: '' };
  for (const head of ['', 'ERROR ', '2024-05-01T10:15:30.123Z ', '{"level":"error","msg":"']) {
    for (const unit of units) {
      const text = head + unit.repeat(Math.ceil(65_536 / unit.length)).slice(0, 65_536);
      let best = Number.POSITIVE_INFINITY;
      for (let i = 0; i < 3; i++) {
        const grouper = createGrouper();
        const detector = createLogDetector({
          emit: (error) => void grouper.assign(aContainer(), error, 0),
          now: () => 0,
        });
        const started = performance.now();
        detector.push({ time: 0, stream: 'stdout', text });
        detector.flush(Number.POSITIVE_INFINITY);
        best = Math.min(best, performance.now() - started);
      }
      if (best > worst.ms) worst = { ms: best, unit: head + unit };
    }
  }
  console.log();
  row(
    'one hostile 64 KB line, the worst kind',
    '< 5 ms',
    `${worst.ms.toFixed(2)} ms (${JSON.stringify(worst.unit)} …)`,
  );
}
