import type { DependencyStore, ObservedDependency } from '../pipeline/ports/store.ts';
import type { CurrentDatabase } from './current-database.ts';
import { createMetadata } from './metadata.ts';
import type { QueryRunner } from './query-runner.ts';

const DEPENDENCIES = 'dependencies';

/** Stored as one named value: the list is a few KB at most, and always read and written as a whole. */
export function createDependencyStore(current: CurrentDatabase, queries: QueryRunner): DependencyStore {
  const metadata = createMetadata(current);
  return {
    loadDependencies: () =>
      queries.read('read the known dependencies', async () => {
        const json = await metadata.get(DEPENDENCIES);
        return json === undefined ? [] : (JSON.parse(json) as ObservedDependency[]);
      }),

    async saveDependencies(dependencies) {
      await queries.write('save the known dependencies', () =>
        metadata.set(DEPENDENCIES, JSON.stringify(dependencies)),
      );
    },
  };
}
