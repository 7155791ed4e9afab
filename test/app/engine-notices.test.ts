import { expect, it } from 'vitest';
import { watchEngine } from '../../src/app/engine-notices.ts';

/** The notices while the engine is connected (`+`) or not (`-`); each character is 10 s. */
async function noticesDuring(course: string): Promise<string[]> {
  const titles: string[] = [];
  const end = new AbortController();
  let seconds = 0;
  await watchEngine(
    {
      isConnected: () => course[Math.floor(seconds / 10)] === '+',
      announce: ({ title }) => void titles.push(title),
      clock: {
        now: () => 0,
        monotonic: () => seconds * 1_000,
        async sleep() {
          seconds += 1;
          if (seconds >= course.length * 10) end.abort();
        },
      },
    },
    end.signal,
  );
  return titles;
}

const LOST = 'Container Doctor cannot reach the Docker engine';
const BACK = 'Container Doctor is connected to the Docker engine again';

it.each<[string, string, string[]]>([
  ['nothing while it is connected', '++++++++++', []],
  ['nothing about a restart of the engine', '++-----+++', []],
  ['once after a minute without it, and once when it is back', '++---------------+++', [LOST, BACK]],
  ['that it is missing from the start', '--------', [LOST]],
  ['nothing about short interruptions', '+---+---+---+---+', []],
])('a notice says %s', async (_, course, expected) => {
  expect(await noticesDuring(course)).toEqual(expected);
});
