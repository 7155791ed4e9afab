import type { Logger } from '../../lib/log.ts';
import type { ConfigurationStore } from '../ports/store.ts';
import type { ConfigurationHistory } from './changes.ts';

export interface KeptConfigurations {
  /** Never rejects. */
  load(): Promise<void>;
  /** Does nothing if nothing has changed. Never rejects. */
  save(): Promise<void>;
}

/** Keeps the configurations of services over a restart of the agent. */
export function keepConfigurations(
  history: Pick<ConfigurationHistory, 'revision' | 'toJson' | 'restore'>,
  store: ConfigurationStore,
  logger: Logger,
): KeptConfigurations {
  let saved = 0;
  const warn = (message: string) => (error: unknown) => logger.warn(message, { error: String(error) });

  return {
    async load() {
      const read = async () => {
        const json = await store.loadConfigurations();
        if (json !== undefined) history.restore(json);
      };
      await read().catch(warn('known configurations could not be read'));
    },

    async save() {
      const revision = history.revision();
      if (revision === saved) return;
      saved = revision;
      await store.saveConfigurations(history.toJson()).catch(warn('configurations could not be stored'));
    },
  };
}
