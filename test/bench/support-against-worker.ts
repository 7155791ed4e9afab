/**
 * One measurement of one version, for against.ts: `node support-against-worker.ts CHECKOUT WORKLOAD LINES-FILE`. Prints
 * lines per second of CPU time. It imports detection and grouping from the given checkout.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { createLogDetector } from '../../src/pipeline/detect/log-detector.ts';
import type { createGrouper } from '../../src/pipeline/group/grouper.ts';
import { aContainer } from '../support/detect.ts';

const MEASURED_SECONDS = 2;

async function main(checkout: string, grouped: boolean, file: string): Promise<void> {
  const load = (module: string) => import(pathToFileURL(path.join(checkout, 'src/pipeline', module)).href);
  const detection = (await load('detect/log-detector.ts')) as { createLogDetector: typeof createLogDetector };
  const grouping = (await load('group/grouper.ts')) as { createGrouper: typeof createGrouper };
  const grouper = grouping.createGrouper();
  const container = aContainer();
  let errors = 0;
  const detector = detection.createLogDetector({
    emit: (error) => {
      errors += 1;
      if (grouped) grouper.assign(container, error, errors / 100);
    },
    now: () => 0,
  });
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  const round = (): void => {
    for (const text of lines) detector.push({ time: 0, stream: 'stdout', text });
    detector.flush(Number.POSITIVE_INFINITY);
  };
  // The first round is a warm-up.
  round();
  const started = process.cpuUsage();
  let rounds = 0;
  let seconds = 0;
  while (seconds < MEASURED_SECONDS) {
    round();
    rounds += 1;
    const { user, system } = process.cpuUsage(started);
    seconds = (user + system) / 1e6;
  }
  console.log(String((rounds * lines.length) / seconds));
}

const [checkout, mode, file] = process.argv.slice(2);
if (checkout === undefined || mode === undefined || file === undefined) throw new Error('three arguments are required');
await main(checkout, mode === 'grouped', file);
