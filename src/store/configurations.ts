import type { ConfigurationStore } from '../pipeline/ports/store.ts';
import type { CurrentDatabase } from './current-database.ts';
import { createMetadata } from './metadata.ts';
import type { QueryRunner } from './query-runner.ts';

const CONFIGURATIONS = 'configurations';

/** Some 1 KB per service, written only when one has changed: one named value. */
export function createConfigurationStore(current: CurrentDatabase, queries: QueryRunner): ConfigurationStore {
  const metadata = createMetadata(current);
  return {
    loadConfigurations: () => queries.read('read the known configurations', () => metadata.get(CONFIGURATIONS)),

    async saveConfigurations(json) {
      await queries.write('save the known configurations', () => metadata.set(CONFIGURATIONS, json));
    },
  };
}
