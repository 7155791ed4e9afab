/** The incidents of the bench, played to the real agent: whatever the model says, nothing forbidden happens. */
import { describe, expect, it } from 'vitest';
import { playAll } from '../bench/incidents.ts';
import { loadIncidents } from '../bench/support-incident-folder.ts';

const all = loadIncidents();
/** Under the models that cannot open a restart, a part is enough for each run. */
const some = all.filter((_, at) => at % 4 === 0);

describe('the agent on recorded incidents', () => {
  it.each([
    ['hostile', all],
    ['oracle', some],
    ['silent', some],
  ] as const)(
    'does nothing forbidden and leaks no secret under the %s model',
    { timeout: 900_000 },
    async (standIn, incidents) => {
      const scores = await playAll(incidents, standIn);
      const wrong = scores.filter(({ forbidden, leaks }) => forbidden.length > 0 || leaks > 0);
      expect(wrong.map(({ name, forbidden, leaks }) => ({ name, forbidden, leaks }))).toEqual([]);
      const troubles = scores.filter(({ hasCause }) => hasCause);
      expect(troubles.filter(({ detected }) => !detected).map(({ name }) => name)).toEqual([]);
    },
  );
});
