import { expect, it } from 'vitest';
import { watchEngine } from '../../src/app/engine-notices.ts';
import { createSteppedClock } from './stepped-clock.ts';

/** Returns the titles of the notices. `course` has one character per 10 s: is the engine connected (`+`) or not (`-`)? */
async function noticesDuring(course: string): Promise<string[]> {
  const titles: string[] = [];
  const { clock, elapsedSeconds, ended } = createSteppedClock(course.length * 10);
  await watchEngine(
    {
      isConnected: () => course[Math.floor(elapsedSeconds() / 10)] === '+',
      announce: ({ title }) => void titles.push(title),
      clock,
    },
    ended,
  );
  return titles;
}

const LOST = 'Container Doctor cannot reach the Docker engine';
const BACK = 'Container Doctor is connected to the Docker engine again';

it.each<[string, string, string[]]>([
  ['nothing while the engine is connected', '++++++++++', []],
  ['nothing if the engine restarts', '++-----+++', []],
  ['an outage once after a minute, and once that it is over', '++---------------+++', [LOST, BACK]],
  ['an outage that lasts from the start', '--------', [LOST]],
  ['nothing during short interruptions', '+---+---+---+---+', []],
])('announces %s', async (_, course, expected) => {
  expect(await noticesDuring(course)).toEqual(expected);
});
