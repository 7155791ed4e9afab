/**
 * Runs as a process: the simulated engine with COUNT containers. For each line on standard input, all crash at once: a
 * third out of memory, a third with the same error, a third each with a different error. Prints its DOCKER_HOST when it
 * listens, and the time of each crash, epoch ms. On the line `count`, it prints the number of requests by operation, as
 * JSON. Exits when standard input ends.
 *
 *     node test/bench/support-crashing-engine.ts SOCKET COUNT
 */
import { createInterface } from 'node:readline';
import type { EngineOperation } from '../../src/demo/engine/requests.ts';
import { createSimulatedEngine } from '../../src/demo/simulated-engine.ts';
import { letters } from '../support/letters.ts';

/** Like a small service on a real engine. */
const START_TAKES_MS = 300;

const [socketPath = '', count = '0'] = process.argv.slice(2);
const engine = createSimulatedEngine({ socketPath });
const containers = Array.from({ length: Number(count) }, (_, n) =>
  engine.addContainer({ name: `app-${letters(n)}-service`, startTakesMs: START_TAKES_MS }),
);
console.log(await engine.listen());
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'count') {
    const of = (operation: EngineOperation) => [operation, engine.count(operation)];
    console.log(JSON.stringify(Object.fromEntries([of('inspect'), of('list'), of('logs'), of('restart')])));
    continue;
  }
  for (const [n, container] of containers.entries()) {
    if (n % 3 === 0) {
      container.oom();
      continue;
    }
    const own = `the ${letters(n)} table has no column ${letters(7 * n)}`;
    container.log(`FATAL ${n % 3 === 1 ? 'cannot reach the broker: connection refused' : own}`, { stream: 'stderr' });
    container.exit(1);
  }
  console.log(Date.now());
}
process.exit(0);
