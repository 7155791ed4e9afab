import { expect, it } from 'vitest';
import { watchStore } from '../../src/app/store-notices.ts';
import type { Notice } from '../../src/pipeline/ports/receiver.ts';

/** Returns the notices about a store whose probes succeed or fail as given. */
async function noticesFor(probes: readonly boolean[]): Promise<string[]> {
  const notices: Notice[] = [];
  const stopping = new AbortController();
  let probed = 0;
  await watchStore(
    {
      store: {
        async probe() {
          const works = probes[probed++] ?? true;
          if (probed >= probes.length) stopping.abort();
          return works;
        },
        problem: () => 'the disk is full',
      },
      announce: (notice) => notices.push(notice),
      clock: { now: () => 0, monotonic: () => 0, sleep: async () => {} },
      everyMs: 1_000,
    },
    stopping.signal,
  );
  return notices.map(({ title }) => title.replace('Container Doctor’s store is ', ''));
}

it.each<[string, boolean[], string[]]>([
  ['announces nothing while the store works', [true, true, true, true], []],
  ['announces nothing about a single failure', [true, false, true, true, true], []],
  ['announces only once that it is down', [true, false, false, false, false, false], ['down']],
  ['announces that it is back', [false, false, false, true, true, true], ['down', 'back']],
  ['announces each outage', [false, false, true, false, false, true, true], ['down', 'back', 'down', 'back']],
])('%s', async (_, probes, expected) => {
  expect(await noticesFor(probes)).toEqual(expected);
});
