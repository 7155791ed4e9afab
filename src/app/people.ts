import type { Logger } from '../lib/log.ts';
import type { OnRequestChanged, PeopleAccess, PeopleActions, PeopleStore } from '../pipeline/ports/people.ts';

/** `actions` and `changed` connect it with the pipeline, which is created later. */
export function createPeopleAccess(
  store: PeopleStore,
  actions: () => PeopleActions,
  logger: Logger,
): { readonly access: PeopleAccess; readonly changed: OnRequestChanged } {
  const listeners = new Set<OnRequestChanged>();
  const access: PeopleAccess = {
    store,
    actions: {
      approve: (...args) => actions().approve(...args),
      deny: (...args) => actions().deny(...args),
      snooze: (...args) => actions().snooze(...args),
      endSnooze: (...args) => actions().endSnooze(...args),
      askAgain: (...args) => actions().askAgain(...args),
      judge: (...args) => actions().judge(...args),
    },
    onRequestChanged(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const changed: OnRequestChanged = (request) => {
    for (const listener of listeners) {
      try {
        listener(request);
      } catch (error) {
        logger.error('a change of a request for a restart could not be shown', { error: String(error) });
      }
    }
  };
  return { access, changed };
}
