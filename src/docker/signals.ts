import { constants } from 'node:os';

/** The first and last real-time signal of Linux with the GNU C library, which is what the engine counts from. */
const RTMIN = 34;
const RTMAX = 64;

/**
 * The number of a signal as `Config.StopSignal` and `docker kill --signal` spell it: `SIGTERM`, `TERM`, `15`,
 * `RTMIN+3`, `SIGRTMAX-1`. Undefined if there is no such signal.
 */
export function parseSignal(text: string): number | undefined {
  const name = text.trim().toUpperCase();
  if (/^\d{1,2}$/.test(name)) return inRange(Number(name));
  const bare = name.replace(/^SIG/, '');
  const realTime = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(bare);
  if (realTime) {
    const offset = Number(realTime[3] ?? 0) * (realTime[2] === '-' ? -1 : 1);
    const signal = (realTime[1] === 'MIN' ? RTMIN : RTMAX) + offset;
    return signal >= RTMIN ? inRange(signal) : undefined;
  }
  return (constants.signals as Readonly<Record<string, number>>)[`SIG${bare}`];
}

function inRange(signal: number): number | undefined {
  return signal >= 1 && signal <= RTMAX ? signal : undefined;
}
