/**
 * Runs as a process: the simulated engine with COUNT healthy containers that print a line every EVERY_MS (0: none). With
 * FAIL_MS, one container after the other prints an error, one every FAIL_MS. Prints its DOCKER_HOST when it listens; exits
 * when standard input ends.
 *
 *     node test/bench/support-quiet-engine.ts SOCKET COUNT EVERY_MS [FAIL_MS]
 */
import { createSimulatedEngine } from '../../src/demo/simulated-engine.ts';

const [socketPath = '', count = '0', every = '0', fail = '0'] = process.argv.slice(2);
const everyMs = Number(every);
const engine = createSimulatedEngine({ socketPath });
const containers: ReturnType<typeof engine.addContainer>[] = [];
for (let i = 0; i < Number(count); i++) {
  const container = engine.addContainer({ name: `quiet-${i}-app`, health: 'healthy' });
  containers.push(container);
  if (everyMs === 0) continue;
  let served = 0;
  // Containers do not print at the same moment.
  setTimeout(
    () => setInterval(() => container.log(`INFO served ${++served} requests, 0 errors`), everyMs),
    Math.random() * everyMs,
  );
}
if (Number(fail) > 0) {
  let failed = 0;
  setInterval(() => {
    const container = containers[failed++ % containers.length];
    container?.log('ERROR cannot open the orders file: permission denied', { stream: 'stderr' });
  }, Number(fail));
}
console.log(await engine.listen());
process.stdin.on('end', () => process.exit(0)).resume();
