/** Preloaded into the agent (`node --import`): says every second, as a line of its log, how late its event loop was at most. */
import { LOOP_DELAY } from './support-agent.ts';

const EVERY_MS = 10;
const TELL_EVERY_MS = 1_000;

let last = performance.now();
let toldAt = last;
let latest = 0;
setInterval(() => {
  const now = performance.now();
  latest = Math.max(latest, now - last - EVERY_MS);
  last = now;
  if (now - toldAt < TELL_EVERY_MS) return;
  console.log(JSON.stringify({ msg: LOOP_DELAY, ms: latest }));
  toldAt = now;
  latest = 0;
}, EVERY_MS).unref();
