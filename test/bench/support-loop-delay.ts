/** Preloaded into the agent (`node --import`): logs every second the longest delay of its event loop. */
import { LOOP_DELAY } from './support-agent.ts';

const EVERY_MS = 10;
const LOG_EVERY_MS = 1_000;

let last = performance.now();
let loggedAt = last;
let latest = 0;
setInterval(() => {
  const now = performance.now();
  latest = Math.max(latest, now - last - EVERY_MS);
  last = now;
  if (now - loggedAt < LOG_EVERY_MS) return;
  console.log(JSON.stringify({ msg: LOOP_DELAY, ms: latest }));
  loggedAt = now;
  latest = 0;
}, EVERY_MS).unref();
