/**
 * One measurement of read.ts: `node support-read-worker.ts SOCKET LINES`. Follows the log of one container with the
 * agent's modules, and prints the seconds of CPU time after the program was loaded.
 */

import { createDockerEngine } from '../../src/docker/engine.ts';
import { systemClock } from '../../src/lib/time.ts';
import { createContainerDetectors } from '../../src/pipeline/detect/container-detectors.ts';
import { aContainer } from '../support/detect.ts';

const [socket = '', expected = ''] = process.argv.slice(2);
const container = aContainer();
const stopped = new AbortController();
const patterns = { detectMatch: [], detectIgnore: [] };
const detectors = createContainerDetectors({
  emit() {},
  recorded() {},
  clock: systemClock,
  logger: { debug() {}, info() {}, warn() {}, error() {} },
  stopped: stopped.signal,
  patternsOf: () => patterns,
});
const engine = createDockerEngine({ host: `unix://${socket}`, tlsVerify: false });
let lines = 0;
const before = process.cpuUsage();
await engine.followLogs(container.id, {
  from: 0,
  clockStepBackMs: 0,
  signal: stopped.signal,
  onLines(batch) {
    lines += batch.length;
    detectors.push(container, batch);
  },
});
const { user, system } = process.cpuUsage(before);
stopped.abort();
if (lines !== Number(expected)) throw new Error(`${lines} lines were read`);
console.log(String((user + system) / 1e6));
