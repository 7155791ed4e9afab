/**
 * `container-doctor scan --redacted` and `--prompt`: show what would leave the machine, so that users can check it on
 * their own logs. Nothing is sent anywhere.
 */
import { createReadStream } from 'node:fs';
import { parseArgs } from 'node:util';
import { EXIT_WRONG_USAGE } from '../commands/exit-codes.ts';
import type { Incident, Signal } from '../domain/incident.ts';
import { renderPrompt } from '../models/question/prompt.ts';
import { compileRules } from '../pipeline/detect/log-detector.ts';
import { createCollector } from '../pipeline/diagnose/collect.ts';
import type { Redactor } from '../pipeline/ports/model.ts';
import { createRedactor } from '../redact/redactor.ts';
import { chunksOf, createLineSplitter } from './lines.ts';
import type { ScanIo } from './scan.ts';
import { createScan, type ScannedIncident } from './session.ts';

const USAGE = `Usage: container-doctor scan --redacted [--personal] [FILE...]
       container-doctor scan --prompt [--personal] [--log-lines N] [FILE]

  --redacted      print the text of the files (standard input without a FILE, or for -) without its secrets
  --prompt        print the question that Claude would get about the first incident in the file
  --personal      as with REDACT_PERSONAL=true: hide card numbers, IBANs, phone numbers and IP addresses too
  --log-lines N   lines of log context in the question, as LOG_LINES (default 50)
`;

/** Characters that are redacted together: a secret may span lines. */
const WINDOW = 196_608;
/** Lines and characters that are redacted again with the next window, for secrets that span both. */
const OVERLAP_LINES = 64;
const OVERLAP = 16_384;
/** Characters. The agent does not send longer text. */
const LONGEST_TEXT = 65_536;
const DEFAULT_LOG_LINES = 50;

/** Exit codes: 0 done; 1 a file could not be read, or no incident was found; 64 wrong usage. */
export async function runRedacted(argv: readonly string[], io: ScanIo): Promise<number> {
  let options: ReturnType<typeof readOptions>;
  try {
    options = readOptions(argv);
  } catch (error) {
    io.stderr.write(`container-doctor scan: ${messageOf(error)}\n\n${USAGE}`);
    return EXIT_WRONG_USAGE;
  }
  const redactor = createRedactor({ personal: options.personal, sameNumbers: true });
  let code = 0;
  for (const file of options.files) {
    try {
      const done = options.prompt
        ? await printPrompt(file, redactor, options.logLines, io)
        : await printRedacted(file, redactor, io);
      if (!done) code = 1;
    } catch (error) {
      io.stderr.write(`container-doctor scan: ${file}: ${messageOf(error)}\n`);
      code = 1;
    }
  }
  return code;
}

function readOptions(argv: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      redacted: { type: 'boolean', default: false },
      prompt: { type: 'boolean', default: false },
      personal: { type: 'boolean', default: false },
      'log-lines': { type: 'string', default: String(DEFAULT_LOG_LINES) },
    },
  });
  if (values.redacted && values.prompt) throw new Error('--redacted and --prompt exclude each other');
  const logLines = Number(values['log-lines']);
  if (!Number.isInteger(logLines) || logLines < 1 || logLines > 1000)
    throw new Error(`--log-lines ${values['log-lines']}: allowed is a whole number, 1 to 1000`);
  return {
    prompt: values.prompt,
    personal: values.personal,
    logLines,
    files: positionals.length === 0 ? ['-'] : positionals,
  };
}

async function printRedacted(file: string, redactor: Redactor, io: ScanIo): Promise<boolean> {
  let before: string[] = [];
  let window: string[] = [];
  let size = 0;
  const flush = async (): Promise<void> => {
    const { texts } = await redactor.redact([...before, ...window], []);
    const shown = texts.slice(before.length);
    before = tail(window);
    window = [];
    size = 0;
    if (shown.length > 0) await write(io.stdout, `${shown.join('\n')}\n`);
  };
  await readLines(file, io, async (lines) => {
    for (const line of lines) {
      window.push(line);
      size += line.length + 1;
      if (size >= WINDOW) await flush();
    }
  });
  await flush();
  return true;
}

/** Returns the last lines, which are redacted again with the next window. */
function tail(lines: readonly string[]): string[] {
  let size = 0;
  let from = lines.length;
  while (from > 0 && lines.length - from < OVERLAP_LINES) {
    size += (lines[from - 1] as string).length;
    if (size > OVERLAP) break;
    from -= 1;
  }
  return lines.slice(from);
}

async function printPrompt(file: string, redactor: Redactor, logLines: number, io: ScanIo): Promise<boolean> {
  const all: string[] = [];
  const scan = createScan({ rules: compileRules({ match: [], ignore: [] }), service: undefined, onRecord: undefined });
  const reading = scan.open(file === '-' ? 'stdin' : file);
  await readLines(file, io, async (lines) => {
    for (const line of lines) {
      reading.line(line);
      all.push(line);
    }
  });
  reading.end();
  const [first] = scan.result().incidents.toSorted((a, b) => a.line - b.line);
  if (first === undefined) {
    io.stderr.write(`container-doctor scan: ${file}: no incident was found, so Claude would not be asked\n`);
    return false;
  }
  const signal = toSignal(first);
  const until = first.line - 1 + first.record.split('\n').length;
  const shown = all.slice(Math.max(0, until - logLines), until);
  const now = first.lastAt ?? 0;
  const collector = createCollector({
    control: {
      inspect: async () => undefined,
      tailLogs: async () => shown.map((text) => ({ time: now, stream: 'stdout' as const, text })),
    },
    redactor,
    secretsOf: () => [],
    attempts: { attemptsSince: async () => [] },
    clock: { now: () => now, monotonic: () => now, sleep: async () => undefined },
    logLinesOf: () => logLines,
  });
  const context = await collector.context(toIncident(first, signal), [signal]);
  // A real request has a random fence.
  const { system, user } = renderPrompt(context, '0'.repeat(32));
  await write(io.stdout, `${system}\n\n${'─'.repeat(80)}\n\n${user}\n`);
  return true;
}

function toSignal(found: ScannedIncident): Signal {
  const at = found.firstAt ?? 0;
  return {
    container: { id: '', name: found.container, image: '', service: found.container, labels: {} },
    detector: found.tier === 'storm' ? 'storm' : 'log',
    at,
    fingerprint: found.fingerprint,
    summary: found.summary,
    patterns: found.patterns,
    record: {
      time: at,
      stream: 'stdout',
      text: found.record,
      lines: found.record.split('\n').length,
      ...(found.level === undefined ? {} : { level: found.level }),
    },
  };
}

function toIncident(found: ScannedIncident, signal: Signal): Incident {
  return {
    id: 'scan',
    container: signal.container,
    fingerprint: found.fingerprint,
    detector: signal.detector,
    detectors: [signal.detector],
    summary: found.summary,
    patterns: found.patterns,
    openedAt: signal.at,
    lastSeenAt: found.lastAt ?? signal.at,
    occurrences: found.occurrences,
    state: 'open',
  };
}

/** Passes the lines on in batches. A line that the agent would not send is replaced by its length. */
async function readLines(file: string, io: ScanIo, use: (lines: readonly string[]) => Promise<void>): Promise<void> {
  const source = file === '-' ? io.stdin : createReadStream(file, { highWaterMark: 1 << 16 });
  let lines: string[] = [];
  const splitter = createLineSplitter((line) =>
    lines.push(line.length <= LONGEST_TEXT ? line : `[a line of ${line.length} characters]`),
  );
  const pass = async (): Promise<void> => {
    const batch = lines;
    lines = [];
    await use(batch);
  };
  for await (const chunk of chunksOf(source as AsyncIterable<Buffer | string>)) {
    splitter.push(chunk);
    await pass();
  }
  splitter.end();
  await pass();
}

function write(stream: NodeJS.WritableStream, text: string): Promise<void> {
  return new Promise((resolve) => void stream.write(text, () => resolve()));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
