/** Restarts that wait for a person: one request per incident at most. */
import type { ContainerFacts, EngineEvent } from '../../domain/containers.ts';
import type { Decision } from '../../domain/decision.ts';
import type { Incident } from '../../domain/incident.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../lib/time.ts';
import type { Lifecycle } from '../lifecycle/lifecycle.ts';
import type { Observer } from '../observer.ts';
import type { OnRequestChanged, PeopleRecords, RequestEnd, RestartRequest } from '../ports/people.ts';

interface RequestsDeps {
  readonly store: Pick<PeopleRecords, 'saveRequest' | 'endRequest' | 'waitingRequests'>;
  readonly lifecycle: Pick<Lifecycle, 'of'>;
  readonly observer: Pick<Observer, 'approval' | 'decision'>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly stopping: AbortSignal;
  /** Runs background work that the agent waits for when it stops. */
  start(work: Promise<void>): void;
  readonly onChanged?: OnRequestChanged;
}

export interface Requests {
  /** The request that waits for the incident, made now if there is none. Undefined if it could not be stored. */
  open(incident: Incident, facts: ContainerFacts): Promise<RestartRequest | undefined>;
  /** Ends a request with a person's answer. False if it does not wait any more. */
  answer(request: RestartRequest, end: RequestEnd): Promise<boolean>;
  /** The incident has ended, or its restart no longer waits for a person. */
  withdraw(incidentId: string): Promise<void>;
  /** Must be called after the lifecycle has observed the event. */
  observe(event: EngineEvent): void;
  /** Takes up the requests of an earlier run of the agent. `isOpen`: whether the incident is open. */
  load(isOpen: (incidentId: string) => boolean): Promise<void>;
  waiting(): number;
}

/** Longer, and the approval would be of a situation that nobody has looked at. */
const EXPIRES_AFTER_MS = 15 * 60_000;
/** The clock may be set while a request waits. */
const CHECK_AT_LEAST_EVERY_MS = 60_000;

const EXPIRED: Decision = { kind: 'notify', reason: 'approval_expired' };

interface Waiting {
  readonly request: RestartRequest;
  /** When a person had last stopped the container at the time of the request. */
  readonly stoppedByPersonAt?: number;
  readonly over: AbortController;
}

export function createRequests(deps: RequestsDeps): Requests {
  const { store, lifecycle, observer, logger, clock } = deps;
  const byIncident = new Map<string, Waiting>();

  const forget = ({ id, incidentId }: RestartRequest): void => {
    const waiting = byIncident.get(incidentId);
    if (waiting?.request.id !== id) return;
    waiting.over.abort();
    byIncident.delete(incidentId);
  };

  const answer: Requests['answer'] = async (request, end) => {
    const ended = await store.endRequest(request.id, end);
    if (!ended) return false;
    forget(request);
    if (end.decision?.kind === 'notify') observer.decision(end.decision);
    observer.approval({
      outcome: end.state === 'approved' || end.state === 'denied' ? end.state : 'expired',
      source: end.by?.via ?? 'none',
    });
    deps.onChanged?.({ ...request, state: end.state, answeredAt: end.at, ...(end.by && { answeredBy: end.by }) });
    return true;
  };

  const end = async (request: RestartRequest, state: 'expired' | 'withdrawn'): Promise<void> => {
    forget(request);
    const decision = state === 'expired' ? EXPIRED : undefined;
    await answer(request, { state, at: clock.now(), decision }).catch((error: unknown) => {
      logger.error('the end of a request for a restart could not be stored', { error: String(error) });
    });
    logger.info(`a request for a restart has ${state === 'expired' ? 'expired' : 'been withdrawn'}`, {
      incident: request.incidentId,
      container: request.containerName,
    });
  };

  const expireInTime = async ({ request, over }: Waiting): Promise<void> => {
    const ended = AbortSignal.any([over.signal, deps.stopping]);
    while (!ended.aborted && clock.now() < request.expiresAt) {
      await clock.sleep(Math.min(request.expiresAt - clock.now(), CHECK_AT_LEAST_EVERY_MS), ended);
    }
    if (!ended.aborted) await end(request, 'expired');
  };

  const watch = (request: RestartRequest): void => {
    const { stoppedByPersonAt } = lifecycle.of(request.containerId);
    const waiting = { request, stoppedByPersonAt, over: new AbortController() };
    byIncident.set(request.incidentId, waiting);
    deps.start(expireInTime(waiting));
  };

  const withdraw: Requests['withdraw'] = async (incidentId) => {
    const waiting = byIncident.get(incidentId);
    if (waiting !== undefined) await end(waiting.request, 'withdrawn');
  };

  return {
    async open({ id: incidentId, container }, { startedAt }) {
      const now = clock.now();
      const known = byIncident.get(incidentId)?.request;
      const isSame = known?.containerId === container.id && known.containerStartedAt === startedAt;
      if (known !== undefined && isSame && now < known.expiresAt) return known;
      await withdraw(incidentId);
      const request: RestartRequest = {
        id: deps.newId(),
        incidentId,
        containerId: container.id,
        containerName: container.name,
        containerStartedAt: startedAt,
        requestedAt: now,
        expiresAt: now + EXPIRES_AFTER_MS,
        state: 'waiting',
      };
      try {
        await store.saveRequest(request);
      } catch (error) {
        logger.error('a request for a restart could not be stored, so nobody can approve it', { error: String(error) });
        return undefined;
      }
      watch(request);
      deps.onChanged?.(request);
      return request;
    },

    answer,
    withdraw,

    observe({ containerId, action }) {
      if (byIncident.size === 0) return;
      const { stoppedByPersonAt } = lifecycle.of(containerId);
      for (const { request, stoppedByPersonAt: before } of [...byIncident.values()]) {
        if (request.containerId !== containerId) continue;
        const isStopped = stoppedByPersonAt !== undefined && stoppedByPersonAt !== before;
        if (isStopped || action.kind === 'start' || action.kind === 'destroy') deps.start(end(request, 'withdrawn'));
      }
    },

    async load(isOpen) {
      const left = await store.waitingRequests().catch((error: unknown) => {
        logger.error('requests for restarts could not be read', { error: String(error) });
        return [];
      });
      for (const request of left) {
        if (isOpen(request.incidentId)) watch(request);
        else await end(request, 'withdrawn');
      }
    },

    waiting: () => byIncident.size,
  };
}
