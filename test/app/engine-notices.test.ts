import { expect, it } from 'vitest';
import { watchEngine } from '../../src/app/engine-notices.ts';

/** What is said while the engine is connected (`+`) or not (`-`), a character each 10 s. */
async function saidDuring(course: string): Promise<string[]> {
  const said: string[] = [];
  const end = new AbortController();
  let seconds = 0;
  await watchEngine(
    {
      isConnected: () => course[Math.floor(seconds / 10)] === '+',
      say: ({ title }) => void said.push(title),
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
  return said;
}

const AWAY = 'The doctor cannot see the Docker engine';
const BACK = 'The doctor sees the Docker engine again';

it.each<[string, string, string[]]>([
  ['nothing while it is there', '++++++++++', []],
  ['nothing of a restart of it', '++-----+++', []],
  ['once that it is away for a minute, and once that it is back', '++---------------+++', [AWAY, BACK]],
  ['also where it was never there', '--------', [AWAY]],
  ['nothing where it comes and goes', '+---+---+---+---+', []],
])('people are told %s', async (_, course, expected) => {
  expect(await saidDuring(course)).toEqual(expected);
});
