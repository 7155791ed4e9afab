import type { Logger } from '../lib/log.ts';
import type { FleetStore } from '../pipeline/ports/fleet.ts';
import type { OnRequestChanged, PeopleAccess, PeopleActions } from '../pipeline/ports/people.ts';
import type { Hosts } from './hosts.ts';
import { passingOn } from './shared-actions.ts';

/** `actions` and `changed` connect it with the pipeline, which is created later. `hosts`: with a shared database. */
export function createPeopleAccess(
  store: PeopleAccess['store'] & Pick<FleetStore, 'hostOf'>,
  actions: () => PeopleActions,
  logger: Logger,
  hosts?: Pick<Hosts, 'self' | 'ask'>,
): { readonly access: PeopleAccess; readonly changed: OnRequestChanged } {
  const listeners = new Set<OnRequestChanged>();
  const ownActions: PeopleActions = {
    approve: (...args) => actions().approve(...args),
    deny: (...args) => actions().deny(...args),
    snooze: (...args) => actions().snooze(...args),
    endSnooze: (...args) => actions().endSnooze(...args),
    askAgain: (...args) => actions().askAgain(...args),
    judge: (...args) => actions().judge(...args),
  };
  const access: PeopleAccess = {
    store,
    actions: hosts === undefined ? ownActions : passingOn(ownActions, { ...hosts, store }),
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
