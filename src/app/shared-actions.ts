import type { ClaimedAction, FleetStore, HostAction } from '../pipeline/ports/fleet.ts';
import type { ActionResult, Actor, PeopleActions, PeopleStore } from '../pipeline/ports/people.ts';

/**
 * Each agent acts on its own engine only, so it passes on what is asked about another host to the agent there. Verdicts
 * are stored with the incident of any host, and snoozes hold for all hosts.
 */
export function passingOn(
  actions: PeopleActions,
  deps: {
    readonly store: Pick<FleetStore, 'hostOf'>;
    readonly self: string;
    ask(host: string, action: HostAction): Promise<ActionResult>;
  },
): PeopleActions {
  const orElsewhere =
    (kind: HostAction['kind'], here: PeopleActions['approve']): PeopleActions['approve'] =>
    async (id, actor) => {
      // If the database cannot be read, there is only what this agent knows.
      const host = await deps.store.hostOf(id).catch(() => undefined);
      return host === undefined || host === deps.self ? here(id, actor) : deps.ask(host, { kind, id, actor });
    };
  return {
    ...actions,
    approve: orElsewhere('approve', actions.approve),
    deny: orElsewhere('deny', actions.deny),
    endSnooze: orElsewhere('end_snooze', actions.endSnooze),
    askAgain: orElsewhere('ask_again', actions.askAgain),
  };
}

/** The clocks of two hosts may differ. */
const CLOCKS_DIFFER_MS = 10_000;

/**
 * Does what another agent asks. If this agent was killed between an earlier claim and the result, it does nothing a
 * second time: what was stored shows whether it was done.
 */
export async function carryOut(
  { action, askedBy, askedAt, isRepeat }: ClaimedAction & { readonly action: HostAction },
  { actions, store }: { readonly actions: PeopleActions; readonly store: Pick<PeopleStore, 'findRequest' | 'auditOf'> },
): Promise<ActionResult> {
  const { kind, id } = action;
  const { from } = action.actor;
  const actor = { ...action.actor, from: from === undefined ? `through ${askedBy}` : `${from} through ${askedBy}` };
  switch (kind) {
    case 'approve':
    case 'deny': {
      const request = isRepeat ? await store.findRequest(id) : undefined;
      const state = kind === 'approve' ? 'approved' : 'denied';
      if (request?.state !== state || !isSame(request.answeredBy, actor)) return actions[kind](id, actor);
      return { kind: 'done', what: `it is ${state}: ${request.containerName}` };
    }
    case 'end_snooze': {
      const result = await actions.endSnooze(id, actor);
      return isRepeat && result.kind === 'not_found' ? { kind: 'done', what: 'the snooze has ended' } : result;
    }
    case 'ask_again': {
      const audit = isRepeat ? await store.auditOf(id) : [];
      const isAsked = audit.some(
        (entry) => entry.action === 'ask_again' && isSame(entry.actor, actor) && entry.at > askedAt - CLOCKS_DIFFER_MS,
      );
      if (!isAsked) return actions.askAgain(id, actor);
      return { kind: 'done', what: 'it was asked again; the agent was restarted meanwhile' };
    }
    default:
      return kind satisfies never;
  }
}

function isSame(one: Actor | undefined, other: Actor): boolean {
  return one?.via === other.via && one.who === other.who && one.from === other.from;
}
