/** Connects the parts of this folder with the pipeline. */
import type { LiveIncident } from '../incident/open-incidents.ts';
import type { Round } from '../incident/round.ts';
import type { Workflow, WorkflowDeps } from '../incident/workflow.ts';
import type { Lifecycle } from '../lifecycle/lifecycle.ts';
import type { OnRequestChanged, PeopleActions, RestartRequest, Snooze } from '../ports/people.ts';
import type { IncidentCase } from '../ports/store.ts';
import { type ActionsDeps, createPeopleActions } from './actions.ts';
import { describeActor, describeRound, utc } from './describe.ts';
import { createRequests, type Requests } from './requests.ts';
import { alertKeyOf, createSnoozes, matches, type Snoozes } from './snoozes.ts';

interface PeopleDeps extends Omit<ActionsDeps, 'requests' | 'snoozes' | 'workflow' | 'observer'> {
  readonly observer: ActionsDeps['observer'] & Parameters<typeof createRequests>[0]['observer'];
  readonly lifecycle: Pick<Lifecycle, 'of'>;
  readonly stopping: AbortSignal;
  /** Created later, since it uses the requests and the snoozes. */
  workflow(): Workflow;
  readonly onRequestChanged?: OnRequestChanged;
}

export interface People {
  readonly actions: PeopleActions;
  readonly requests: Requests;
  readonly snoozes: Snoozes;
  readonly forWorkflow: Pick<WorkflowDeps, 'requests' | 'snoozes' | 'people' | 'onApproved'>;
  /** Loads what an earlier run of the agent left. Call it before its open incidents are resumed. */
  load(left: readonly LeftIncident[]): Promise<void>;
  /** Handles what has ended since. Call it after the open incidents are resumed, because they come first. */
  resume(left: readonly LeftIncident[]): void;
}

/** An incident that an earlier run of the agent left open. */
interface LeftIncident {
  readonly live: LiveIncident;
  readonly left: IncidentCase;
}

/** The incident was held back, but the store has lost the snooze. */
const WITHOUT_SNOOZE = { kind: 'snooze_ended', key: 'snooze/lost', note: 'it was snoozed' } as const;

export function createPeople(deps: PeopleDeps): People {
  const { store, logger, start } = deps;
  const requests = createRequests({ ...deps, onChanged: deps.onRequestChanged });

  /** Handles what the snooze held back and still lasts. */
  const onEnded = async (snooze: Snooze): Promise<void> => {
    const note = `it was snoozed by ${describeActor(snooze.by)} until ${utc(snooze.until)}`;
    const lasting = deps.open().filter(({ incident }) => matches(snooze, incident));
    const again = { kind: 'snooze_ended', key: alertKeyOf(snooze), note } as const;
    await Promise.all(lasting.map((live) => deps.workflow().handleAgain(live, again)));
  };

  const snoozes = createSnoozes({ ...deps, onEnded });
  const actions = createPeopleActions({
    ...deps,
    requests,
    snoozes,
    workflow: {
      approve: (...args) => deps.workflow().approve(...args),
      handleAgain: (...args) => deps.workflow().handleAgain(...args),
    },
  });

  const onApproved = (request: RestartRequest, round: Round): void => {
    const saved = store.saveAuditResult(request.id, describeRound(round)).catch((error: unknown) => {
      logger.error('what came of an approval could not be stored', { error: String(error) });
    });
    start(saved);
  };

  return {
    actions,
    requests,
    snoozes,
    forWorkflow: { requests, snoozes, people: store, onApproved },

    async load(all) {
      await snoozes.load();
      const open = new Set(all.map(({ live }) => live.incident.id));
      await requests.load((id) => open.has(id));
    },

    resume(all) {
      for (const { live, left } of all) {
        const isHeld = left.settledAt !== undefined && left.decision?.reason === 'snoozed';
        if (!isHeld || snoozes.isPending(left.incident)) continue;
        start(
          deps
            .workflow()
            .handleAgain(live, WITHOUT_SNOOZE)
            .then(() => {}),
        );
      }
      snoozes.resume();
    },
  };
}
