/**
 * Runs as a process: the simulated engine with COUNT containers. For each line `RECREATED ERRORS` on standard input, so
 * many containers are removed and created anew, and so many print an error that none printed before. Prints its
 * DOCKER_HOST when it listens, and `done` after each line; exits when standard input ends.
 *
 *     node test/bench/support-week-engine.ts SOCKET COUNT
 */
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSimulatedEngine } from '../../src/demo/simulated-engine.ts';
import { letters } from '../support/letters.ts';

/** Between two changes, so that the agent follows each of them. */
const PAUSE_MS = 20;

const [socketPath = '', count = '0'] = process.argv.slice(2);
const engine = createSimulatedEngine({ socketPath });
const create = (n: number) => engine.addContainer({ name: `app-${letters(n)}-service` });
const containers = Array.from({ length: Number(count) }, (_, n) => create(n));
let recreated = 0;
let failed = 0;
console.log(await engine.listen());
for await (const line of createInterface({ input: process.stdin })) {
  const [toRecreate = 0, toFail = 0] = line.split(' ').map(Number);
  for (let step = 0; step < Math.max(toRecreate, toFail); step++) {
    if (step < toRecreate) {
      const n = recreated++ % containers.length;
      await containers[n]?.stop(0);
      containers[n]?.remove();
      containers[n] = create(n);
    }
    if (step < toFail) {
      const container = containers[(failed * 7) % containers.length];
      container?.log(`ERROR cannot read the ${letters(failed++ + 1_000)} table: it has no rows`, { stream: 'stderr' });
    }
    await sleep(PAUSE_MS);
  }
  console.log('done');
}
process.exit(0);
