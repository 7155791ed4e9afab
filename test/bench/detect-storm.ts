/** A storm: ten million error lines, no two of which are alike. Measures speed and memory. */
import { setFlagsFromString } from 'node:v8';
import { createLogDetector } from '../../src/pipeline/detect/log-detector.ts';
import { createGrouper } from '../../src/pipeline/group/grouper.ts';
import { aContainer } from '../support/detect.ts';

const LINES = 10_000_000;
const PARTS = 10;

const SYLLABLES =
  'alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau'.split(' ');

/** Returns a generator of lines, no two of which have the same template. */
function createNoise(): () => string {
  let state = 1;
  const word = (): string => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return `${SYLLABLES[state % SYLLABLES.length]}${String.fromCharCode(97 + ((state >> 8) % 26), 97 + ((state >> 12) % 26))}`;
  };
  return () =>
    `2024-05-01T10:00:00.123Z ERROR [main] app.Service - failed to process ${word()} ${word()} ${word()} ${word()} ${word()} for order ${state}`;
}

export async function run(): Promise<void> {
  // As `scan` does, and as the agent should be started: see docs/detection.md.
  setFlagsFromString('--max-semi-space-size=4');
  setFlagsFromString('--semi-space-growth-factor=1');
  const noise = createNoise();
  const container = aContainer();
  const grouper = createGrouper();
  let errors = 0;
  const detector = createLogDetector({
    emit: (error) => void grouper.assign(container, error, errors++ / 100),
    now: () => 0,
  });
  print(
    `every line a new error, ${(LINES / 1e6).toFixed(0)} million`,
    '≥ 100,000 lines/s',
    'lines/s and resident memory after each tenth',
  );
  const rates: number[] = [];
  const resident: number[] = [];
  for (let part = 0; part < PARTS; part++) {
    const started = process.cpuUsage();
    for (let i = 0; i < LINES / PARTS; i++) detector.push({ time: 0, stream: 'stdout', text: noise() });
    const { user, system } = process.cpuUsage(started);
    rates.push(LINES / PARTS / ((user + system) / 1e6));
    resident.push(process.memoryUsage().rss / 1e6);
  }
  detector.flush(Number.POSITIVE_INFINITY);
  print('lines/s (including generation)', '≥ 100,000', rates.map((rate) => `${Math.round(rate / 1000)}k`).join(' '));
  print('resident memory, MB', '≤ 150, flat', resident.map(Math.round).join(' '));
  print('errors reported, groups kept', '–', `${errors.toLocaleString('en-US')}, ${grouper.groups}`);
}

function print(what: string, goal: string, got: string): void {
  console.log(`${what.padEnd(40)} ${goal.padEnd(18)} ${got}`);
}
