import { expect, it } from 'vitest';
import { watchStore } from '../../src/app/store-notices.ts';
import type { Notice } from '../../src/pipeline/ports/receiver.ts';

type Probed = true | false | 'away';

/** Returns the notices about a store whose probes succeed or fail as given. */
async function noticesFor(probes: readonly Probed[], reports: string[] = []): Promise<string[]> {
  const notices: Notice[] = [];
  const stopping = new AbortController();
  let probed = 0;
  let now: Probed = true;
  await watchStore(
    {
      store: {
        async probe() {
          now = probes[probed++] ?? true;
          if (probed >= probes.length) stopping.abort();
          return now !== false;
        },
        problem: () => 'the disk is full',
        databaseAway: () => (now === 'away' ? { since: 0, why: 'it was shut down' } : undefined),
        takeReport: () => reports.shift(),
      },
      announce: (notice) => notices.push(notice),
      clock: { now: () => 0, monotonic: () => 0, sleep: async () => {} },
      everyMs: 1_000,
    },
    stopping.signal,
  );
  return notices.map(({ title }) => title.replace(/^Container Doctor(’s store is )?/, ''));
}

it.each<[string, Probed[], string[]]>([
  ['announces nothing while the store works', [true, true, true, true], []],
  ['announces nothing about a single failure', [true, false, true, true, true], []],
  ['announces only once that it is down', [true, false, false, false, false, false], ['down']],
  ['announces that it is back', [false, false, false, true, true, true], ['down', 'back']],
  ['announces each outage', [false, false, true, false, false, true, true], ['down', 'back', 'down', 'back']],
  [
    'announces that the database is away, and that it is back',
    ['away', 'away', 'away', true, true],
    ['’s database is away', '’s database is back'],
  ],
  ['announces nothing if the database is back at the second probe', [true, 'away', true, true], []],
  [
    'announces that the standby file fails too',
    ['away', 'away', false, false, false, true, true],
    ['’s database is away', 'down', 'back'],
  ],
])('%s', async (_, probes, expected) => {
  expect(await noticesFor(probes)).toEqual(expected);
});

it('announces each report once', async () => {
  expect(await noticesFor([true, true], ['a file was kept', 'another'])).toEqual([
    ' has not copied a file to its database',
    ' has not copied a file to its database',
  ]);
});
