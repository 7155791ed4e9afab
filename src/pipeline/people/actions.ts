/** What people ask of the agent. Every call is audited, whatever comes of it. */
import type { ServiceRef } from '../../domain/containers.ts';
import { DECISION_REASONS, type Decision } from '../../domain/decision.ts';
import type { Logger } from '../../lib/log.ts';
import { createKeyedMutex } from '../../lib/mutex.ts';
import { cutEnd } from '../../lib/text.ts';
import { type Clock, waitAtMost } from '../../lib/time.ts';
import type { LiveIncident } from '../incident/open-incidents.ts';
import type { Approval } from '../incident/round.ts';
import type { Workflow } from '../incident/workflow.ts';
import type { Observer } from '../observer.ts';
import type {
  ActionResult,
  Actor,
  AuditEntry,
  PeopleActions,
  PeopleRecords,
  RestartRequest,
  Snooze,
  Snoozed,
} from '../ports/people.ts';
import type { ReviewStore } from '../ports/store.ts';
import { SPANS, type Tracing } from '../tracing.ts';
import { describeActor, describeRound, utc, whyNotOpen } from './describe.ts';
import type { Requests } from './requests.ts';
import { matches, type Snoozes } from './snoozes.ts';

export interface ActionsDeps {
  readonly store: PeopleRecords & Pick<ReviewStore, 'saveVerdict'>;
  readonly requests: Pick<Requests, 'answer' | 'withdraw'>;
  readonly snoozes: Pick<Snoozes, 'add' | 'end' | 'of' | 'count'>;
  readonly workflow: Pick<Workflow, 'approve' | 'handleAgain'>;
  readonly open: () => readonly LiveIncident[];
  readonly observer: Pick<Observer, 'approval'>;
  readonly tracing: Pick<Tracing, 'span'>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Runs background work that the agent waits for when it stops. */
  start(work: Promise<void>): void;
}

/** A request is shown before its incident is settled. This is longer than that takes. */
const BUSY_WAIT_MS = 10_000;
/** An answer takes a second, unless another restart of the container or many other restarts are in progress. */
const ANSWER_WITHIN_MS = 15_000;
const BUSY = 'the incident or its container is being handled right now; try again in a minute';
const SHORTEST_SNOOZE_MS = 60_000;
const LONGEST_SNOOZE_MS = 30 * 24 * 3_600_000;
/** More than anybody can keep track of. Limits memory. */
const MAX_SNOOZES = 1_000;
/** Characters of a user id, an address or a channel, and of a note. */
const MAX_NAME = 200;
const MAX_NOTE = 2_000;

const NOT_FOUND = { kind: 'not_found' } as const;
const DENIED: Decision = { kind: 'notify', reason: 'denied_by_person' };

type About = Pick<AuditEntry, 'action' | 'incidentId' | 'service' | 'fingerprint'>;

export function createPeopleActions(deps: ActionsDeps): PeopleActions {
  const { store, requests, snoozes, workflow, observer, tracing, logger, clock } = deps;
  /** Two answers to one request are handled one after the other. The store decides which one is the first. */
  const inTurn = createKeyedMutex();

  const entryOf = (actor: Actor, about: About, result: string, id = deps.newId()): AuditEntry => ({
    id,
    at: clock.now(),
    actor,
    ...about,
    result,
  });

  const audited = async (actor: Actor, about: About, result: ActionResult): Promise<ActionResult> => {
    await store.saveAudit(entryOf(actor, about, resultText(result)));
    logger.info('a person acted', { ...about, by: describeActor(actor), result: resultText(result) });
    return result;
  };

  const find = (incidentId: string): LiveIncident | undefined =>
    deps.open().find(({ incident }) => incident.id === incidentId);

  const refuse = (actor: Actor, about: About, why: string): Promise<ActionResult> => {
    if (about.action === 'approve' || about.action === 'deny') {
      observer.approval({ outcome: 'refused', source: actor.via });
    }
    return audited(actor, about, { kind: 'refused', why });
  };

  /** Undefined once the incident is settled, otherwise why it is not. */
  const whyBusy = async (live: LiveIncident): Promise<string | undefined> => {
    if (live.work) await waitAtMost(BUSY_WAIT_MS, live.work, clock);
    return live.phase === 'settled' ? undefined : BUSY;
  };

  const begin = (live: LiveIncident, request: RestartRequest, actor: Actor): Promise<ActionResult> => {
    const { incident } = live;
    const result = Promise.withResolvers<ActionResult>();
    let isOver = false;
    const refused = (why: string): false => {
      isOver = true;
      result.resolve({ kind: 'refused', why });
      return false;
    };
    const over = new AbortController();
    let isClaimed = false;
    // Another restart of the container may be verified for minutes, or the engine may hang. Nobody waits that long, and
    // nothing must be restarted after the answer was refused.
    void clock.sleep(ANSWER_WITHIN_MS, over.signal).then(() => isClaimed || isOver || refused(BUSY));
    const approval: Approval = {
      request,
      by: actor,
      async claim({ decision, because }) {
        if (isOver) return false;
        isClaimed = true;
        if (decision.kind === 'ask') {
          await requests.withdraw(incident.id);
          return refused('the container has been started again or replaced since; the request is void');
        }
        if (decision.kind !== 'restart') {
          return refused([DECISION_REASONS[decision.reason], because].filter((text) => text).join('; '));
        }
        const about = { action: 'approve', incidentId: incident.id } as const;
        const claimed = await requests.answer(request, {
          state: 'approved',
          at: clock.now(),
          by: actor,
          decision,
          reopens: true,
          audit: entryOf(actor, about, 'approved: the restart begins', request.id),
        });
        if (!claimed) return refused(await whyNot(request.id));
        live.phase = 'handling';
        return true;
      },
      begun: () => result.resolve({ kind: 'done', what: `the restart of ${request.containerName} has begun` }),
    };
    const work = tracing.span(
      SPANS.approval(request.containerName),
      () => workflow.approve(live, approval),
      (round) => ({
        approval: {
          incident,
          outcome: round === undefined ? 'refused' : 'approved',
          source: actor.via,
          by: actor.who,
        },
      }),
      { linkTo: incident.trace },
    );
    const ended = work.then((round) => {
      const why = live.cause === undefined ? 'the incident has changed' : DECISION_REASONS.dependency_down;
      refused(round === undefined ? why : describeRound(round));
      over.abort();
    });
    deps.start(ended);
    return result.promise;
  };

  const whyNot = async (requestId: string): Promise<string> => {
    const now = await store.findRequest(requestId);
    return (now && whyNotOpen(now, clock.now())) ?? 'the request does not wait any more';
  };

  const approve = async (requestId: string, actor: Actor): Promise<ActionResult> => {
    const request = await store.findRequest(requestId);
    if (request === undefined) return audited(actor, { action: 'approve' }, NOT_FOUND);
    const about = { action: 'approve', incidentId: request.incidentId } as const;
    const live = find(request.incidentId);
    const why = whyNotOpen(request, clock.now()) ?? (live ? await whyBusy(live) : 'the incident is over');
    if (why !== undefined || live === undefined) return refuse(actor, about, why ?? 'the incident is over');
    const result = await begin(live, request, actor);
    // An approval is audited in the transaction that stores it.
    return result.kind === 'refused' ? refuse(actor, about, result.why) : result;
  };

  const deny = async (requestId: string, actor: Actor): Promise<ActionResult> => {
    const request = await store.findRequest(requestId);
    if (request === undefined) return audited(actor, { action: 'deny' }, NOT_FOUND);
    const about = { action: 'deny', incidentId: request.incidentId } as const;
    const what = `${request.containerName} is not restarted`;
    const incident = find(request.incidentId)?.incident;
    const denied = await tracing.span(
      SPANS.approval(request.containerName),
      () =>
        requests.answer(request, {
          state: 'denied',
          at: clock.now(),
          by: actor,
          decision: DENIED,
          audit: entryOf(actor, about, what, request.id),
        }),
      (denied) =>
        incident === undefined
          ? {}
          : { approval: { incident, outcome: denied ? 'denied' : 'refused', source: actor.via, by: actor.who } },
      { linkTo: incident?.trace },
    );
    if (!denied) return refuse(actor, about, await whyNot(requestId));
    logger.info('a person acted', { ...about, by: describeActor(actor), result: what });
    return { kind: 'done', what };
  };

  const problemOf = (what: Snoozed): Problem | undefined => {
    if (!('incidentId' in what)) return { service: refOf(what.service), ...fingerprintOf(what) };
    const incident = find(what.incidentId)?.incident;
    return incident && { service: refOf(incident.container), fingerprint: incident.fingerprint };
  };

  const holdBack = async (problem: Problem, forMs: number, by: Actor): Promise<string> => {
    const { service, fingerprint } = problem;
    const since = clock.now();
    const snooze = { id: deps.newId(), ...problem, since, until: since + forMs, by, heldBack: 0 };
    await snoozes.add(snooze);
    for (const { incident } of deps.open()) {
      if (matches(snooze, incident)) await requests.withdraw(incident.id);
    }
    const what = fingerprint === undefined ? 'all problems' : 'this problem';
    return `${what} of ${service.service}: no alert, question or restart until ${utc(snooze.until)}`;
  };

  return {
    approve: (requestId, actor) => inTurn(requestId, () => approve(requestId, tidy(actor))),
    deny: (requestId, actor) => inTurn(requestId, () => deny(requestId, tidy(actor))),

    async snooze(what, from) {
      const actor = tidy(from);
      const problem = problemOf(what);
      if (problem === undefined) return audited(actor, { action: 'snooze', ...withIncident(what) }, NOT_FOUND);
      const about = { action: 'snooze', ...problem } as const;
      if (!(what.forMs >= SHORTEST_SNOOZE_MS && what.forMs <= LONGEST_SNOOZE_MS)) {
        return refuse(actor, about, 'a snooze lasts between a minute and 30 days');
      }
      if (snoozes.count() >= MAX_SNOOZES) return refuse(actor, about, `there are ${MAX_SNOOZES} snoozes already`);
      return audited(actor, about, { kind: 'done', what: await holdBack(problem, what.forMs, actor) });
    },

    async endSnooze(snoozeId, from) {
      const actor = tidy(from);
      const ended = await snoozes.end(snoozeId);
      if (ended === undefined) return audited(actor, { action: 'end_snooze' }, NOT_FOUND);
      const { service, fingerprint, heldBack } = ended;
      const about = { action: 'end_snooze', service, ...fingerprintOf({ fingerprint }) } as const;
      return audited(actor, about, {
        kind: 'done',
        what: `the snooze of ${service.service} has ended; held back: ${heldBack}`,
      });
    },

    async askAgain(incidentId, from) {
      const actor = tidy(from);
      const about = { action: 'ask_again', incidentId } as const;
      const live = find(incidentId);
      if (live === undefined) return audited(actor, about, NOT_FOUND);
      const { cause, incident } = live;
      if (cause !== undefined) return refuse(actor, about, 'it belongs to the incident of another container');
      const snooze = snoozes.of(incident);
      if (snooze !== undefined) return refuse(actor, about, `it is snoozed until ${utc(snooze.until)}`);
      const why = await whyBusy(live);
      if (why !== undefined) return refuse(actor, about, why);
      const what = `${incident.container.name} is being diagnosed again`;
      const entry = entryOf(actor, about, what);
      await store.saveAudit(entry);
      logger.info('a person acted', { ...about, by: describeActor(actor), result: what });
      const handled = workflow.handleAgain(live, { kind: 'asked', key: `asked/${entry.id}` });
      deps.start(
        handled.then((round) => store.saveAuditResult(entry.id, round ? describeRound(round) : what).catch(() => {})),
      );
      return { kind: 'done', what };
    },

    async judge(incidentId, verdict, note, from) {
      const actor = tidy(from);
      const about = { action: 'verdict', incidentId } as const;
      const given = { verdict, at: clock.now(), ...(note && { note: cutEnd(note, MAX_NOTE) }) };
      const known = await store.saveVerdict(incidentId, given);
      return audited(actor, about, known ? { kind: 'done', what: `the decision was ${verdict}` } : NOT_FOUND);
    },
  };
}

type Problem = Pick<Snooze, 'service' | 'fingerprint'>;

function refOf({ service, project }: ServiceRef): ServiceRef {
  return { service, ...(project !== undefined && { project }) };
}

function fingerprintOf({ fingerprint }: { readonly fingerprint?: string }): { readonly fingerprint?: string } {
  return fingerprint === undefined ? {} : { fingerprint };
}

function withIncident(what: Snoozed): { readonly incidentId?: string } {
  return 'incidentId' in what ? { incidentId: what.incidentId } : {};
}

function tidy({ via, who, from }: Actor): Actor {
  return { via, who: cutEnd(who, MAX_NAME), ...(from !== undefined && { from: cutEnd(from, MAX_NAME) }) };
}

function resultText(result: ActionResult): string {
  switch (result.kind) {
    case 'done':
      return result.what;
    case 'refused':
      return `refused: ${result.why}`;
    case 'not_found':
      return 'refused: there is no such request, snooze or incident';
    default:
      return result satisfies never;
  }
}
