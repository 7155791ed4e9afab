/**
 * A process of its own: the simulated engine with so many containers that print a line every ten seconds and are
 * well. Prints its DOCKER_HOST when it listens; ends with its standard input.
 *
 *     node test/bench/support-quiet-engine.ts SOCKET COUNT
 */
import { createSimulatedEngine } from '../../src/demo/simulated-engine.ts';

const EVERY_MS = 10_000;

const [socketPath = '', count = '0'] = process.argv.slice(2);
const engine = createSimulatedEngine({ socketPath });
for (let i = 0; i < Number(count); i++) {
  const container = engine.addContainer({ name: `quiet-${i}-app`, health: 'healthy' });
  let served = 0;
  // Spread over the ten seconds: containers do not print in step.
  setTimeout(
    () => setInterval(() => container.log(`INFO served ${++served} requests, 0 errors`), EVERY_MS),
    Math.random() * EVERY_MS,
  );
}
console.log(await engine.listen());
process.stdin.on('end', () => process.exit(0)).resume();
