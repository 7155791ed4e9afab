/**
 * This version against another one, in one run: `npm run bench -- against CHECKOUT`. CHECKOUT is a work tree of the
 * other version with its packages installed. The two take turns, so that other load on the machine affects both alike.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { sharedFile } from '../support/detect.ts';
import { readTrainticket } from '../support/trainticket.ts';
import { percentile } from './support.ts';

const PAIRS = 7;
const HERE = fileURLToPath(new URL('../../', import.meta.url));
const WORKER = fileURLToPath(new URL('support-against-worker.ts', import.meta.url));

export async function run(other?: string): Promise<void> {
  if (other === undefined) {
    console.log('skipped: needs the folder of a work tree of the other version');
    return;
  }
  const checkout = path.resolve(other);
  const directory = mkdtempSync(path.join(tmpdir(), 'doctor-against-'));
  try {
    console.log(`lines per second of CPU time, medians of ${PAIRS} turns; the ratio is this version to the other`);
    for (const { name, mode, lines } of workloads()) {
      const file = path.join(directory, 'lines.log');
      writeFileSync(file, `${lines.join('\n')}\n`);
      const pairs = Array.from({ length: PAIRS }, (_, turn) => {
        // Who starts alternates: the second of a pair may find the machine warmer.
        const first = turn % 2 === 0;
        const early = measure(first ? HERE : checkout, mode, file);
        const late = measure(first ? checkout : HERE, mode, file);
        return first ? { here: early, there: late } : { here: late, there: early };
      });
      const median = (values: readonly number[]) => percentile(values, 0.5);
      const ratios = pairs.map(({ here, there }) => here / there);
      const range = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`;
      console.log(
        `${name.padEnd(44)} before ${thousands(median(pairs.map(({ there }) => there)))}  now ${thousands(median(pairs.map(({ here }) => here)))}  ratio ${median(ratios).toFixed(2)} (${range})`,
      );
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function measure(checkout: string, mode: string, file: string): number {
  return Number(execFileSync(process.execPath, [WORKER, checkout, mode, file], { encoding: 'utf8' }));
}

function thousands(value: number): string {
  return `${Math.round(value / 1000).toLocaleString('en-US')}k`.padStart(7);
}

function workloads(): { readonly name: string; readonly mode: string; readonly lines: readonly string[] }[] {
  const file = sharedFile('trainticket.jsonl.gz');
  const real = file === undefined ? [] : readTrainticket(file).map(({ text }) => text);
  const quiet = real.filter((text) => !/^\S+ (?:ERROR|WARN) /.test(text));
  const info = Array.from(
    { length: 20_000 },
    (_, at) =>
      `2024-05-01T10:00:${String(at % 60).padStart(2, '0')}.123Z INFO  [http-${at % 8}] app.Orders - order ${at} accepted`,
  );
  const mixed = info.map((text, at) => (at % 25 === 0 ? text.replace('INFO ', 'WARN ') : text));
  const storm = info.map((text, at) =>
    text.replace('INFO ', 'ERROR').replace('accepted', `failed: ${word(at)} ${word(at * 7)}`),
  );
  return [
    ...(real.length === 0
      ? []
      : [
          { name: 'real text, quiet', mode: 'detect', lines: quiet },
          { name: 'real text with its errors, grouped', mode: 'grouped', lines: real },
          {
            name: 'JSON around real text',
            mode: 'detect',
            lines: quiet.map((msg) => JSON.stringify({ level: 'info', time: 1_700_000_000_000, msg })),
          },
        ]),
    { name: 'text, INFO only', mode: 'detect', lines: info },
    { name: 'text, 4 % WARN', mode: 'detect', lines: mixed },
    { name: 'every line a new error, grouped', mode: 'grouped', lines: storm },
  ];
}

/** A word of letters, another one for each number. */
function word(seed: number): string {
  let state = Math.imul(seed + 1, 2_654_435_761) >>> 0;
  let letters = '';
  for (let i = 0; i < 7; i++) {
    letters += String.fromCharCode(97 + (state % 26));
    state = Math.floor(state / 26);
  }
  return letters;
}
