/** What connects the agents of one database: actions on each other's hosts, and the session that wakes them. */
import { randomUUID } from 'node:crypto';
import type { Config } from '../config/config.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../lib/time.ts';
import type { SharedClicks } from '../pipeline/ports/fleet.ts';
import type { PeopleActions } from '../pipeline/ports/people.ts';
import { createDatabaseSession } from '../store/engines/postgres-session.ts';
import { WAKE_CHANNEL } from '../store/fleet-actions.ts';
import type { Store } from '../store/store.ts';
import type { Fleet } from './fleet.ts';
import { createHostActions, type HostActions } from './host-actions.ts';
import { carryOut } from './shared-actions.ts';

export interface Hosts extends Pick<HostActions, 'ask'> {
  /** The name of this agent's host. */
  readonly self: string;
  readonly clicks: SharedClicks;
  /** Until `signal` aborts. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

/** Undefined if no other agent can share the database. */
export function connectHosts(
  config: Config,
  deps: {
    readonly store: Store;
    /** Of this host. */
    actions(): PeopleActions;
    fleet(): Pick<Fleet, 'members'> | undefined;
    readonly clock: Clock;
    readonly logger: Logger;
  },
): Hosts | undefined {
  if (config.database === undefined) return undefined;
  const { url, agent: self } = config.database;
  const { store, clock, logger } = deps;
  let onClick: Parameters<SharedClicks['onClick']>[0] = async () => `the agent on ${self} has no Slack app`;
  const actions = createHostActions({
    ...deps,
    members: () => deps.fleet()?.members() ?? [],
    async carryOut(claimed) {
      const { action, isRepeat } = claimed;
      if (action.kind !== 'click') return carryOut({ ...claimed, action }, { actions: deps.actions(), store });
      const why = await onClick(action.payload, isRepeat);
      return why === undefined ? { kind: 'done', what: 'the click was handled' } : { kind: 'refused', why };
    },
    newId: randomUUID,
  });
  const session = createDatabaseSession({
    url,
    agent: self,
    channel: WAKE_CHANNEL,
    onWoken: actions.wake,
    clock,
    logger,
  });
  return {
    self,
    ask: actions.ask,
    clicks: {
      whileAlone: session.whileLocked,
      hostOf: store.hostOf,
      async pass(host, { id, payload }, onStored) {
        const result = await actions.askOnce(host, { id, action: { kind: 'click', payload } }, onStored);
        return result?.kind === 'refused' ? result.why : undefined;
      },
      onClick(handle) {
        onClick = handle;
      },
      problem: session.problem,
    },
    async run(signal) {
      await Promise.all([session.run(signal), actions.run(signal)]);
    },
  };
}
