/**
 * `container-doctor scan`: runs detection and grouping over log files, so that users can see on their own logs what the
 * doctor would see. Nothing is sent anywhere.
 */
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { EXIT_WRONG_USAGE } from '../commands/exit-codes.ts';
import { compileRules } from '../pipeline/detect/log-detector.ts';
import { type ExplainedRecord, printExplanation } from './explain.ts';
import { chunksOf, createLineSplitter } from './lines.ts';
import { printIncidents, printJson } from './print.ts';
import { createScan, type Scan } from './session.ts';

export interface ScanIo {
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
}

const USAGE = `Usage: container-doctor scan [options] [FILE...]

Reads logs (standard input without a FILE, or for -) and prints the incidents that the doctor would open.
Plain text, gzip, and the JSON lines that Docker writes (/var/lib/docker/containers/*/*-json.log) are read.

  --json              the incidents as one JSON document
  --records           every record as one JSON line: first, last (line numbers from 1), time, level,
                      trouble, tier, fingerprint
  --explain LINE      why this line of the (one) file is read as it is: what its level was read from, the lines
                      of its record, the tier and what the fingerprint is made of
  --match PATTERN     always an error (RE2 syntax; may be repeated)
  --ignore PATTERN    never an error (RE2 syntax; may be repeated)
  --service NAME      the service that the lines belong to; default: the file's name
  --redacted          print the text without its secrets, as it would leave the machine
  --prompt            print the question that Claude would get about the first incident
  --help
`;

/** Exit codes: 0 done, whatever was found; 1 a file could not be read; 64 wrong usage. */
export async function runScan(argv: string[], io: ScanIo): Promise<number> {
  if (argv.includes('--redacted') || argv.includes('--prompt'))
    return (await import('./redacted.ts')).runRedacted(argv, io);
  let options: ReturnType<typeof readOptions>;
  try {
    options = readOptions(argv);
  } catch (error) {
    io.stderr.write(`container-doctor scan: ${messageOf(error)}\n\n${USAGE}`);
    return EXIT_WRONG_USAGE;
  }
  if (options.help) {
    io.stdout.write(USAGE);
    return 0;
  }
  // Scanning creates many short-lived strings: a small young generation is as fast and halves resident memory.
  setFlagsFromString('--max-semi-space-size=4');
  setFlagsFromString('--semi-space-growth-factor=1');
  const out = createWriter(io.stdout);
  const explained: ExplainedRecord[] = [];
  const { explain } = options;
  const scan = createScan({
    rules: options.rules,
    service: options.service,
    onExplained:
      explain === undefined
        ? undefined
        : (found) => {
            if (found.first <= explain && explain <= found.last) explained.push(found);
          },
    onRecord: options.records ? (record) => out.line(JSON.stringify(record)) : undefined,
  });
  let failed = false;
  for (const file of options.files) {
    try {
      await readFile(file, scan, io, out);
    } catch (error) {
      if (out.closed()) return 0;
      failed = true;
      io.stderr.write(`container-doctor scan: ${file}: ${messageOf(error)}\n`);
    }
  }
  if (explain !== undefined) {
    if (explained.length === 0 && !failed) {
      failed = true;
      io.stderr.write(`container-doctor scan: --explain ${explain}: there is no such line\n`);
    }
    for (const found of explained) out.line(printExplanation(explain, found));
  } else if (options.json) out.line(printJson(scan.result()));
  else if (!options.records) out.line(printIncidents(scan.result()));
  await out.drained();
  return failed ? 1 : 0;
}

function readOptions(argv: string[]) {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      records: { type: 'boolean', default: false },
      match: { type: 'string', multiple: true, default: [] },
      ignore: { type: 'string', multiple: true, default: [] },
      service: { type: 'string' },
      explain: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.json && values.records)
    throw new Error('--json and --records exclude each other: --records is JSON already');
  if (values.explain !== undefined) {
    if (!/^[1-9]\d{0,14}$/.test(values.explain)) {
      throw new Error(`--explain: ${JSON.stringify(values.explain)} is no line number (allowed: 1 and above)`);
    }
    if (values.json || values.records) throw new Error('--explain prints text: it excludes --json and --records');
    if (positionals.length > 1) throw new Error(`--explain needs one file, not ${positionals.length}`);
  }
  return {
    explain: values.explain === undefined ? undefined : Number(values.explain),
    json: values.json,
    records: values.records,
    help: values.help,
    service: values.service,
    rules: compileRules({ match: values.match, ignore: values.ignore }),
    files: positionals.length === 0 ? ['-'] : positionals,
  };
}

async function readFile(file: string, scan: Scan, io: ScanIo, out: Writer): Promise<void> {
  const source = file === '-' ? io.stdin : createReadStream(file, { highWaterMark: 1 << 15 });
  const reading = scan.open(file === '-' ? 'stdin' : basename(file).replace(/\.(?:gz|log|txt|jsonl?)(?=\.|$)/g, ''));
  const splitter = createLineSplitter(reading.line);
  for await (const chunk of chunksOf(source as AsyncIterable<Buffer | string>)) {
    splitter.push(chunk);
    await out.drained();
    if (out.closed()) return;
  }
  splitter.end();
  reading.end();
}

interface Writer {
  line(text: string): void;
  drained(): Promise<void>;
  /** The reader is gone (`| head`). */
  closed(): boolean;
}

function createWriter(stream: NodeJS.WritableStream): Writer {
  let batch = '';
  let gone = false;
  stream.on('error', () => {
    gone = true;
  });
  stream.on('close', () => {
    gone = true;
  });
  return {
    line(text) {
      batch += `${text}\n`;
    },
    async drained() {
      if (batch === '' || gone) return;
      const text = batch;
      batch = '';
      await new Promise<void>((resolve) => {
        stream.write(text, () => resolve());
      });
    },
    closed: () => gone,
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
