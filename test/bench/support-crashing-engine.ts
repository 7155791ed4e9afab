/**
 * A process of its own: the simulated engine with so many containers, which all crash at once for each line on
 * standard input: a third is out of memory, a third dies of the same error, a third each of its own. Prints its
 * DOCKER_HOST when it listens, and after each crash when it was, epoch ms; after `count` it prints what it was asked
 * for, as JSON. Ends with its standard input.
 *
 *     node test/bench/support-crashing-engine.ts SOCKET COUNT
 */
import { createInterface } from 'node:readline';
import type { EngineOperation } from '../../src/demo/engine/requests.ts';
import { createSimulatedEngine } from '../../src/demo/simulated-engine.ts';

/** As a small service's on a real engine. */
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

/** Without digits: numbered containers are one service. */
function letters(n: number): string {
  return [n / 676, n / 26, n].map((digit) => String.fromCharCode(97 + (Math.floor(digit) % 26))).join('');
}
