/**
 * A process of its own: the simulated engine with so many containers that are well and print a line every so many
 * milliseconds (0: none). Prints its DOCKER_HOST when it listens; ends with its standard input.
 *
 *     node test/bench/support-quiet-engine.ts SOCKET COUNT EVERY_MS
 */
import { createSimulatedEngine } from '../../src/demo/simulated-engine.ts';

const [socketPath = '', count = '0', every = '0'] = process.argv.slice(2);
const everyMs = Number(every);
const engine = createSimulatedEngine({ socketPath });
for (let i = 0; i < Number(count); i++) {
  const container = engine.addContainer({ name: `quiet-${i}-app`, health: 'healthy' });
  if (everyMs === 0) continue;
  let served = 0;
  // Spread over the time: containers do not print in step.
  setTimeout(
    () => setInterval(() => container.log(`INFO served ${++served} requests, 0 errors`), everyMs),
    Math.random() * everyMs,
  );
}
console.log(await engine.listen());
process.stdin.on('end', () => process.exit(0)).resume();
