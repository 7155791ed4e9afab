/** What a click asks for, whether the person may ask for it, and what comes of it. */
import { createHash, randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Logger } from '../../lib/log.ts';
import type { ActionResult, Actor, AuditEntry, PeopleAccess, RestartRequest } from '../../pipeline/ports/people.ts';
import { type Asked, agentOf, askedBy } from './buttons.ts';
import type { IncidentMessages } from './incident-messages.ts';
import type { Kept, KeptIncidents } from './kept.ts';
import { renderAnswer, renderReplaced } from './message.ts';
import type { WebApi } from './web-api.ts';

export interface ClickDeps {
  readonly channel: string;
  /** User ids of those who may click. */
  readonly approvers: ReadonlySet<string>;
  readonly kept: Pick<KeptIncidents, 'get'>;
  readonly messages: Pick<IncidentMessages, 'refresh'>;
  readonly people: Pick<PeopleAccess, 'actions' | 'store'>;
  /** See IncidentMessagesDeps. */
  agent(): Promise<string | undefined>;
  /** A click for another agent arrived. */
  onForeignClick(): void;
  readonly logger: Logger;
  readonly now: () => number;
  readonly newId: () => string;
}

/** Everything else in the payload is ignored: it is read from the store. */
const payloadSchema = z.object({
  type: z.literal('block_actions'),
  user: z.object({ id: z.string().max(40) }),
  team: z.object({ id: z.string().max(40) }).nullish(),
  container: z.object({ message_ts: z.string().max(40), channel_id: z.string().max(40) }),
  actions: z.tuple([
    z.object({
      action_id: z.string().max(255),
      block_id: z.string().max(255).nullish(),
      value: z.string().max(100),
      action_ts: z.string().max(40).nullish(),
    }),
  ]),
});

type Click = z.output<typeof payloadSchema>;

const REFUSED = {
  stranger: 'You are not in SLACK_APPROVERS, so you cannot decide about this container. Nothing was done.',
  elsewhere: 'This button belongs to another workspace or channel. Nothing was done.',
  replaced: 'There is a newer message about this incident; its buttons work. Nothing was done.',
  foreign:
    'Nothing was done, and the question is still open: Slack gave this click to the wrong agent, because several agents use the same Slack app. Press the button again. To mend it, give each agent an app of its own.',
  failed: 'The agent could not do it; its log says why. Look at the message, and try again if nothing has changed.',
  unknown: 'This agent does not know this question any more. Nothing was done.',
} as const;

const AUDITED: Readonly<Record<Asked['kind'], AuditEntry['action']>> = {
  approve: 'approve',
  deny: 'deny',
  snooze: 'snooze',
  judge: 'verdict',
};

export interface ClickContext {
  readonly api: WebApi;
  /** Of the app. */
  readonly team: string;
  /** An earlier run of the agent may have handled this click. */
  readonly isRepeat?: boolean;
}

/** Returns the handler of interaction payloads. It never rejects. */
export function createClicks(deps: ClickDeps): (context: ClickContext, payload: unknown) => Promise<void> {
  const { logger } = deps;

  const handle = async (context: ClickContext, payload: unknown): Promise<void> => {
    const parsed = payloadSchema.safeParse(payload);
    if (!parsed.success) return;
    const { user, container, actions } = parsed.data;
    const asked = askedBy(actions[0].action_id);
    if (!asked) return;
    const actor: Actor = { via: 'slack', who: user.id, from: container.channel_id };
    try {
      await decide(context, parsed.data, asked, actor);
    } catch (error) {
      logger.error('a click in Slack could not be handled', { error: String(error) });
      if (deps.approvers.has(user.id)) await answer(context.api, actor, REFUSED.failed);
    }
  };

  const decide = async (context: ClickContext, click: Click, asked: Asked, actor: Actor): Promise<void> => {
    const { api, team, isRepeat } = context;
    const { user, container, actions } = click;
    const [{ value }] = actions;
    const isOurs = click.team?.id === team && container.channel_id === deps.channel;
    const target = click.team?.id === team ? await findTarget(asked, value, container.message_ts) : undefined;
    if (click.team?.id === team && target === undefined && (await isForeign(click))) {
      logger.warn('a click in Slack was for another agent', { who: actor.who, from: actor.from, action: asked.kind });
      deps.onForeignClick();
      return answer(api, actor, REFUSED.foreign, container.channel_id);
    }
    const refusal = !isOurs
      ? 'elsewhere'
      : !deps.approvers.has(user.id)
        ? 'stranger'
        : target === 'replaced'
          ? 'replaced'
          : undefined;
    const found = typeof target === 'object' ? target : undefined;
    if (refusal) {
      await audit(asked, actor, REFUSED[refusal], found?.state);
      if (isOurs) await answer(api, actor, REFUSED[refusal]);
      // It was posted twice, because the agent was killed before it had stored where the first one is.
      if (refusal === 'replaced') await api.edit(container.message_ts, renderReplaced());
      return;
    }
    if (!found) {
      await audit(asked, actor, REFUSED.unknown, undefined);
      return answer(api, actor, REFUSED.unknown);
    }
    const wasDone = isRepeat && isAnsweredBy(found.request, actor);
    const result: ActionResult = wasDone ? { kind: 'done', what: asked.kind } : await act(asked, found, actor);
    await messageAfter(api, asked, found, actor, result);
  };

  /** Another agent posted the message. */
  const isForeign = async ({ actions: [{ block_id }] }: Click): Promise<boolean> => {
    const poster = agentOf(block_id ?? '');
    return poster !== undefined && poster !== (await deps.agent());
  };

  /** `replaced`: the id is known, but the message is another one. Undefined if it is unknown. */
  const findTarget = async (asked: Asked, id: string, ts: string): Promise<Target | 'replaced' | undefined> => {
    const request = asked.kind === 'judge' ? undefined : await deps.people.store.findRequest(id);
    if (asked.kind !== 'judge' && !request) return undefined;
    const state = await deps.kept.get(request?.incidentId ?? id);
    if (!state) return undefined;
    return state.ts === ts ? { state, request } : 'replaced';
  };

  const act = async (asked: Asked, { state, request }: Target, actor: Actor): Promise<ActionResult> => {
    const { id } = state.alert.incident;
    switch (asked.kind) {
      case 'approve':
        return deps.people.actions.approve(request?.id ?? '', actor);
      case 'deny':
        return deps.people.actions.deny(request?.id ?? '', actor);
      case 'snooze':
        return deps.people.actions.snooze({ incidentId: id, forMs: asked.forMs }, actor);
      case 'judge':
        return deps.people.actions.judge(id, asked.verdict, undefined, actor);
      default:
        return asked satisfies never;
    }
  };

  const messageAfter = async (
    api: WebApi,
    asked: Asked,
    { state }: Target,
    actor: Actor,
    result: ActionResult,
  ): Promise<void> => {
    const by = { who: actor.who, at: deps.now() };
    const isDone = result.kind === 'done';
    await deps.messages.refresh(api, state.alert.incident, {
      ...(isDone && asked.kind === 'snooze' && { snooze: { ...by, until: by.at + asked.forMs } }),
      ...(isDone && asked.kind === 'judge' && { verdict: { ...by, verdict: asked.verdict } }),
    });
    if (result.kind === 'refused') await answer(api, actor, `Nothing was done: ${result.why}.`);
    if (result.kind === 'not_found') await answer(api, actor, REFUSED.unknown);
  };

  const answer = async (api: WebApi, { who }: Actor, text: string, where?: string): Promise<void> => {
    const result = await api.whisper(
      who,
      renderAnswer(text, (word) => deps.approvers.has(word)),
      where,
    );
    if (result.kind === 'failed') logger.warn('a click could not be answered', { why: result.failure.why });
  };

  /** PeopleActions audits what it is asked; this is for what it is not asked. */
  const audit = async (asked: Asked, actor: Actor, result: string, state: Kept | undefined): Promise<void> => {
    logger.warn('a click in Slack was refused', { who: actor.who, from: actor.from, action: asked.kind, why: result });
    const incident = state?.alert.incident;
    await deps.people.store.saveAudit({
      id: deps.newId(),
      at: deps.now(),
      actor,
      action: AUDITED[asked.kind],
      incidentId: incident?.id,
      service: incident && { service: incident.container.service, project: incident.container.project },
      result,
    });
  };

  return (context, payload) =>
    handle(context, payload).catch((error: unknown) => {
      logger.error('a click in Slack could not be handled', { error: String(error) });
    });
}

export interface IdentifiedClick {
  /** The same if Slack sends it twice. */
  readonly id: string;
  /** The id of the incident or request. */
  readonly about: string;
  readonly user: string;
  readonly channel: string;
}

/** Undefined if it is none of ours. */
export function identifyClick(payload: unknown): IdentifiedClick | undefined {
  const parsed = payloadSchema.safeParse(payload);
  if (!parsed.success) return undefined;
  const { user, container, actions } = parsed.data;
  const [{ action_id, action_ts, value }] = actions;
  if (askedBy(action_id) === undefined) return undefined;
  const named = JSON.stringify([user.id, container.message_ts, action_id, value, action_ts ?? randomUUID()]);
  const id = createHash('sha256').update(named).digest('hex');
  return { id, about: value, user: user.id, channel: container.channel_id };
}

function isAnsweredBy(request: RestartRequest | undefined, { via, who }: Actor): boolean {
  return request?.answeredBy?.via === via && request.answeredBy.who === who;
}

interface Target {
  readonly state: Kept;
  readonly request?: RestartRequest;
}
