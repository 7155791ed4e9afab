import { expect, it } from 'vitest';
import { watchStore } from '../../src/app/store-notices.ts';
import type { Notice } from '../../src/pipeline/ports.ts';

/** Looks at a store that is well or ill as `looks` says, one after the other; returns what was told. */
async function told(looks: readonly boolean[]): Promise<string[]> {
  const notices: Notice[] = [];
  const stopping = new AbortController();
  let look = 0;
  await watchStore(
    {
      store: {
        async probe() {
          const well = looks[look++] ?? true;
          if (look >= looks.length) stopping.abort();
          return well;
        },
        problem: () => 'the disk is full',
      },
      say: (notice) => notices.push(notice),
      clock: { now: () => 0, monotonic: () => 0, sleep: async () => {} },
      everyMs: 1_000,
    },
    stopping.signal,
  );
  return notices.map(({ title }) => title.replace('The doctor’s store is ', ''));
}

it.each<[string, boolean[], string[]]>([
  ['says nothing of a store that is well', [true, true, true, true], []],
  ['says nothing of a moment’s failure', [true, false, true, true, true], []],
  ['tells once that it is down, however long', [true, false, false, false, false, false], ['down']],
  ['tells that it is back', [false, false, false, true, true, true], ['down', 'back']],
  ['tells of each outage', [false, false, true, false, false, true, true], ['down', 'back', 'down', 'back']],
])('%s', async (_, looks, expected) => {
  expect(await told(looks)).toEqual(expected);
});
