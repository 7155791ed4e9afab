import { systemClock } from '../../src/lib/time.ts';
import type { ReceiverDeps } from '../../src/notifiers/receiver-module.ts';

const nothing = () => {};
const nobody = async () => ({ kind: 'not_found' }) as const;

/** What most receivers do not use. */
export const unusedDeps: Pick<ReceiverDeps, 'clock' | 'logger' | 'people'> = {
  clock: systemClock,
  logger: { debug: nothing, info: nothing, warn: nothing, error: nothing },
  people: {
    actions: { approve: nobody, deny: nobody, snooze: nobody, endSnooze: nobody, askAgain: nobody, judge: nobody },
    store: {
      waitingRequests: async () => [],
      findRequest: async () => undefined,
      requestsOf: async () => [],
      snoozes: async () => [],
      auditOf: async () => [],
      recentAudit: async () => [],
      saveAudit: async () => {},
    },
    onRequestChanged: () => nothing,
  },
};
