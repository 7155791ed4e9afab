import type { FleetStore } from '../pipeline/ports/fleet.ts';
import type { ActionResult, PeopleActions } from '../pipeline/ports/people.ts';

/**
 * Each agent acts on its own engine only. What this one does not know may belong to another host: people are told which.
 * Verdicts are stored with the incident of any host, and snoozes hold for all hosts.
 */
export function refusingOtherHosts(
  actions: PeopleActions,
  { store, self }: { readonly store: Pick<FleetStore, 'hostOf'>; readonly self: string },
): PeopleActions {
  const orRefuse = async (id: string, result: Promise<ActionResult>): Promise<ActionResult> => {
    const known = await result;
    if (known.kind !== 'not_found') return known;
    const host = await store.hostOf(id);
    if (host === undefined || host === self) return known;
    return { kind: 'refused', why: `it belongs to host ${host}: only the agent there can do this, on its own page` };
  };
  return {
    ...actions,
    approve: (id, actor) => orRefuse(id, actions.approve(id, actor)),
    deny: (id, actor) => orRefuse(id, actions.deny(id, actor)),
    endSnooze: (id, actor) => orRefuse(id, actions.endSnooze(id, actor)),
    askAgain: (id, actor) => orRefuse(id, actions.askAgain(id, actor)),
  };
}
