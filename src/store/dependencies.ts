import type { DependencyStore, KnownAddress, ObservedDependency } from '../pipeline/ports/store.ts';
import type { CurrentDatabase } from './current-database.ts';
import { createMetadata } from './metadata.ts';
import type { QueryRunner } from './query-runner.ts';

const DEPENDENCIES = 'dependencies';
const ADDRESSES = 'addresses';

/** Each list is one named value: it is a few KB in most cases, and always read and written as a whole. */
export function createDependencyStore(current: CurrentDatabase, queries: QueryRunner): DependencyStore {
  const metadata = createMetadata(current);

  const load = async <T>(name: string): Promise<readonly T[]> => {
    const json = await queries.read(`read the known ${name}`, () => metadata.get(name));
    return json === undefined ? [] : (JSON.parse(json) as T[]);
  };
  const save = async (name: string, values: readonly unknown[]): Promise<void> => {
    await queries.write(`save the known ${name}`, () => metadata.set(name, JSON.stringify(values)));
  };

  return {
    loadDependencies: () => load<ObservedDependency>(DEPENDENCIES),
    saveDependencies: (dependencies) => save(DEPENDENCIES, dependencies),
    loadAddresses: () => load<KnownAddress>(ADDRESSES),
    saveAddresses: (addresses) => save(ADDRESSES, addresses),
  };
}
