/**
 * Runs as a process: the simulated engine with one container. For each number N on standard input, the container prints
 * N lines as fast as they are read, and then an error that is different each time. Prints its DOCKER_HOST when it
 * listens; exits when standard input ends.
 *
 *     node test/bench/support-chatty-engine.ts SOCKET
 */
import { createInterface } from 'node:readline';
import { setImmediate as turn } from 'node:timers/promises';
import { createSimulatedEngine } from '../../src/demo/simulated-engine.ts';

/** Lines per turn of the event loop, so that the sockets are served in between. */
const AT_ONCE = 200;
/** Without digits, because numbers are masked and the errors would be the same problem. */
const WORDS = ['anchor', 'bottle', 'candle', 'dragon', 'engine', 'falcon', 'garden', 'harbor', 'island', 'jacket'];

const [socketPath = ''] = process.argv.slice(2);
const engine = createSimulatedEngine({ socketPath });
const container = engine.addContainer({ name: 'chatty' });
console.log(await engine.listen());
let errors = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const count = Number(line);
  for (let i = 0; i < count; i += AT_ONCE) {
    const lines = Array.from({ length: Math.min(AT_ONCE, count - i) }, (_, n) => served(i + n));
    container.log(lines.join('\n'));
    await turn();
  }
  container.log(`ERROR cannot open the ${WORDS[errors++ % WORDS.length]}`, { stream: 'stderr' });
}
process.exit(0);

function served(n: number): string {
  return `172.18.0.1 - - "GET /orders/${n} HTTP/1.1" 200 ${500 + (n % 900)} "-" "curl/8.5.0" took=${n % 97}ms`;
}
