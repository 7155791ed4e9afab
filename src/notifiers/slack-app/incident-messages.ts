/**
 * One message for each incident, edited as the incident goes on. What happens is told in its thread; the channel is
 * notified again only if it becomes worse, or if a person has to decide.
 */
import type { Alert } from '../../domain/alert.ts';
import { SEVERITIES } from '../../domain/diagnosis.ts';
import type { Incident } from '../../domain/incident.ts';
import { createKeyedMutex } from '../../lib/mutex.ts';
import type { RestartRequest } from '../../pipeline/ports/people.ts';
import type { SendResult } from '../../pipeline/ports/receiver.ts';
import { incidentUrl } from '../receiver-module.ts';
import { sendResultOf } from './failures.ts';
import type { Kept, KeptIncidents } from './kept.ts';
import { renderDetails, renderEvent, renderMessage } from './message.ts';
import type { ApiResult, WebApi } from './web-api.ts';

export interface IncidentMessagesDeps {
  readonly kept: KeptIncidents;
  readonly now: () => number;
  /** Whether clicks arrive and somebody may click. */
  readonly buttons: boolean;
  /** Distinguishes this agent from others with the same app; undefined if that cannot be read now. Never rejects. */
  agent(): Promise<string | undefined>;
  /** See ReceiverDeps. */
  readonly publicUrl?: string;
  /** Of an incident, oldest first. */
  requestsOf(incidentId: string): Promise<readonly RestartRequest[]>;
}

export interface IncidentMessages {
  /** Shows an alert. Never rejects. */
  show(api: WebApi, alert: Alert): Promise<SendResult>;
  /** Shows what has changed about the request, or what a person did in Slack. Never rejects. */
  refresh(api: WebApi, incident: Pick<Incident, 'id'>, change?: Pick<Kept, 'snooze' | 'verdict'>): Promise<SendResult>;
  /** Refreshes the messages whose request no longer waits: it has expired, or it was answered elsewhere. Never rejects. */
  refreshAnswered(api: WebApi): Promise<void>;
}

/** A problem that comes back within this time continues its thread. */
const SAME_THREAD_MS = 24 * 3_600_000;

type Result = ApiResult<Kept>;

const SENT: SendResult = { kind: 'sent', status: 200 };

export function createIncidentMessages(deps: IncidentMessagesDeps): IncidentMessages {
  const { kept, now } = deps;
  const exclusively = createKeyedMutex();

  const latestRequest = async (incidentId: string): Promise<RestartRequest | undefined> =>
    (await deps.requestsOf(incidentId).catch(() => [])).at(-1);

  const render = async (state: Omit<Kept, 'request'>, request: RestartRequest | undefined) =>
    renderMessage({
      ...state,
      request,
      buttons: deps.buttons,
      agent: await deps.agent(),
      now: now(),
      url: incidentUrl(deps.publicUrl, state.alert.incident.id),
    });

  const withRequest = (state: Kept, request: RestartRequest | undefined): Kept => ({
    ...state,
    request: request && { id: request.id, state: request.state },
  });

  /** Posts the message of an incident that has none. Resolves to the failure, if any. */
  const post = async (api: WebApi, state: Omit<Kept, 'ts'>): Promise<Result> => {
    const request = await latestRequest(state.alert.incident.id);
    const result = await api.post(await render({ ...state, ts: '' }, request));
    if (result.kind === 'failed') return result;
    return { kind: 'ok', value: await keep({ ...withRequest({ ...state, ts: result.value }, request) }) };
  };

  const edit = async (api: WebApi, state: Kept): Promise<Result> => {
    const request = await latestRequest(state.alert.incident.id);
    const result = await api.edit(state.ts, await render(state, request));
    return result.kind === 'failed' ? result : { kind: 'ok', value: await keep(withRequest(state, request)) };
  };

  const keep = async (state: Kept): Promise<Kept> => {
    await kept.put(state.alert.incident, state);
    return state;
  };

  /** Adds the reply that the thread does not have yet. */
  const reply = async (api: WebApi, state: Kept, alert: Alert): Promise<Result> => {
    const { owed, ts, times } = state;
    if (owed === undefined) return { kind: 'ok', value: state };
    const message = owed.isFirst ? renderDetails(alert) : renderEvent(alert, times);
    const result = await api.post(message, { ts, broadcast: owed.broadcast });
    // A reply that Slack does not accept must not block the others.
    if (result.kind === 'failed' && result.failure.kind !== 'message') return result;
    return { kind: 'ok', value: await keep({ ...state, owed: undefined, replies: [...state.replies, owed.id] }) };
  };

  /** The message was deleted or can no longer be edited. A new one takes its place, unless the problem is over. */
  const replace = (api: WebApi, alert: Alert, times: number): Promise<Result> | undefined =>
    alert.kind === 'resolved' ? undefined : post(api, { alert, times, replies: [alert.id] });

  const showNow = async (api: WebApi, alert: Alert): Promise<SendResult> => {
    const own = await kept.get(alert.incident.id);
    if (own?.replies.includes(alert.id)) return SENT;
    const before = own ?? (await kept.earlier(alert.incident, now() - SAME_THREAD_MS));
    // Nobody was told about the problem.
    if (before === undefined && alert.kind === 'resolved') return SENT;
    const next = before === undefined ? firstState(alert) : nextState(before, alert);
    let shown: Result;
    if (own?.owed?.id === alert.id) shown = { kind: 'ok', value: own };
    else if (before === undefined) shown = await post(api, next);
    else if (next.alert === before.alert) shown = { kind: 'ok', value: { ...next, ts: before.ts } };
    else shown = await edit(api, { ...next, ts: before.ts });
    const done = shown.kind === 'ok' ? await reply(api, shown.value, alert) : shown;
    if (done.kind === 'ok') return SENT;
    if (done.failure.kind !== 'missing') return sendResultOf(done.failure);
    const replaced = await replace(api, alert, next.times);
    return replaced?.kind === 'failed' ? sendResultOf(replaced.failure) : SENT;
  };

  const guarded = async (work: () => Promise<SendResult>): Promise<SendResult> =>
    work().catch(() => ({
      kind: 'retry',
      why: 'the store cannot be read, so the message of the incident is not known',
    }));

  const refresh: IncidentMessages['refresh'] = (api, { id }, change = {}) =>
    guarded(() =>
      exclusively(id, async () => {
        const state = await kept.get(id);
        if (!state) return SENT;
        const request = await latestRequest(id);
        if (!change.snooze && !change.verdict && isShown(request, state)) return SENT;
        // What a person did is kept even if the message cannot be edited now.
        const changed = { ...state, ...change };
        if (change.snooze || change.verdict) await kept.put(state.alert.incident, changed);
        const result = await edit(api, changed);
        return result.kind === 'failed' && result.failure.kind === 'wait' ? sendResultOf(result.failure) : SENT;
      }),
    );

  return {
    show: (api, alert) => guarded(() => exclusively(alert.incident.id, () => showNow(api, alert))),
    refresh,
    async refreshAnswered(api) {
      for (const id of await kept.waiting().catch(() => [])) {
        const request = await latestRequest(id);
        if (request !== undefined && request.state !== 'waiting') await refresh(api, { id });
      }
    },
  };
}

function firstState(alert: Alert): Omit<Kept, 'ts'> {
  return { alert, times: 1, replies: [], owed: { id: alert.id, isFirst: true, broadcast: false } };
}

/** `before`: of the incident, or of the same problem earlier. */
function nextState(before: Kept, alert: Alert): Omit<Kept, 'ts'> {
  const { ts: _, ...rest } = before;
  if (before.alert.incident.id !== alert.incident.id) {
    const times = before.times + 1;
    return { alert, times, replies: before.replies, owed: { id: alert.id, isFirst: false, broadcast: true } };
  }
  // While a problem is snoozed, only its end is told.
  const { snooze } = before;
  const isSnoozeOver = snooze !== undefined && alert.kind !== 'resolved' && alert.at > snooze.at;
  const owed = { id: alert.id, isFirst: false, broadcast: isSnoozeOver || needsNotice(alert, before.alert) };
  // Alerts come in order, unless one had to be skipped.
  if (alert.at < before.alert.at) return { ...rest, owed };
  return { ...rest, alert, owed, snooze: isSnoozeOver ? undefined : snooze };
}

/** It has become worse, or a person has to decide. */
function needsNotice(alert: Alert, before: Alert): boolean {
  const { kind, attempt, request, diagnosis } = alert;
  if (request !== undefined && request.id !== before.request?.id) return true;
  if (SEVERITIES.indexOf(diagnosis.severity) > SEVERITIES.indexOf(before.diagnosis.severity)) return true;
  if (kind === 'outcome') return attempt?.outcome === 'failed' || attempt?.outcome === 'error';
  return kind === 'repeated_failure' || kind === 'crash_loop' || kind === 'engine_gave_up';
}

function isShown(request: RestartRequest | undefined, { request: shown }: Kept): boolean {
  return request?.id === shown?.id && request?.state === shown?.state;
}
