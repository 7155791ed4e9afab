import type { Alert } from '../../domain/alert.ts';
import type { Receiver, SendResult } from '../../pipeline/ports/receiver.ts';
import { atPath, type HttpResult, request } from '../post.ts';
import { type CheckResult, type IncidentMemory, incidentUrl } from '../receiver-module.ts';
import { type AlertmanagerAlert, renderAlertmanager, renderAlertmanagerNotice } from './payload.ts';

export interface AlertmanagerOptions {
  /** Without user name and password. */
  readonly url: string;
  /** The value of the header. A secret. */
  readonly authorization?: string;
  readonly timeoutMs?: number;
  now(): number;
  readonly memory: IncidentMemory;
  readonly publicUrl?: string;
}

/** As Prometheus does. */
const REPEAT_MS = 60_000;
/**
 * An alert that is not repeated ends by then: four repeats, as with Prometheus. A restart of the agent takes less; if
 * the agent is gone for good, its alerts must not stay.
 */
const VALID_MS = 5 * REPEAT_MS;
/** Longer than the usual `group_interval`, so that a notice is sent even if its group was notified a moment ago. */
const NOTICE_MS = 10 * REPEAT_MS;
/** Alerts in one request; each has a few KB. */
const BATCH = 50;

export function createAlertmanager(options: AlertmanagerOptions): Omit<Receiver, 'name'> {
  const { memory, now, publicUrl } = options;

  const until = (alert: AlertmanagerAlert, end: number) => ({
    ...alert,
    // It must not end before it starts, also if the clock was set back.
    endsAt: new Date(Math.max(end, Date.parse(alert.startsAt) + 1)).toISOString(),
  });

  const post = (alerts: readonly object[], signal: AbortSignal): Promise<SendResult> =>
    call(options, '/api/v2/alerts', { body: JSON.stringify(alerts), signal }).then(({ result }) => result);

  const send = async (alert: Alert, signal: AbortSignal): Promise<SendResult> => {
    const { incident, kind } = alert;
    const current = renderAlertmanager(alert, incidentUrl(publicUrl, incident.id));
    const known = parse(await memory.recall(incident.id).catch(() => undefined));
    if (kind === 'resolved')
      return post([until(known ? { ...current, ...identityOf(known) } : current, now())], signal);
    const next = known && sameLabels(known, current) ? { ...current, startsAt: known.startsAt } : current;
    const replaced = known && !sameLabels(known, current) ? [until(known, now())] : [];
    const result = await post([...replaced, until(next, now() + VALID_MS)], signal);
    // If it cannot be remembered, it is not repeated, and ends too early. That is better than sending it twice.
    if (result.kind === 'sent') await memory.remember(incident, JSON.stringify(next)).catch(() => undefined);
    return result;
  };

  return {
    paceMs: 0,
    send,
    sendNotice: (notice, signal) => post([until(renderAlertmanagerNotice(notice, now()), now() + NOTICE_MS)], signal),
    repeat: {
      everyMs: REPEAT_MS,
      async send(signal) {
        const open = (await memory.recallOpen().catch(() => [])).flatMap(({ value }) => parse(value) ?? []);
        for (let at = 0; at < open.length; at += BATCH) {
          const result = await post(
            open.slice(at, at + BATCH).map((alert) => until(alert, now() + VALID_MS)),
            signal,
          );
          if (result.kind !== 'sent') return result;
        }
        return { kind: 'sent' };
      },
    },
  };
}

/** Never rejects. Sends no alert. */
export async function checkAlertmanager(
  options: Pick<AlertmanagerOptions, 'url' | 'authorization' | 'timeoutMs'>,
): Promise<CheckResult> {
  const { result, answer } = await call({ ...options, now: Date.now }, '/api/v2/status', {
    method: 'GET',
    signal: new AbortController().signal,
  });
  if (result.kind !== 'sent') return { ok: false, why: hint(result) };
  const version = versionOf(answer);
  if (version === undefined) return { ok: false, why: 'the server answers, but it is no Alertmanager' };
  return { ok: true, detail: `Alertmanager ${version} answers` };
}

async function call(
  options: Pick<AlertmanagerOptions, 'url' | 'authorization' | 'timeoutMs' | 'now'>,
  path: string,
  what: { readonly method?: 'GET'; readonly body?: string; readonly signal: AbortSignal },
): Promise<HttpResult> {
  const { url, authorization, timeoutMs, now } = options;
  const { result, answer } = await request({
    service: 'Alertmanager',
    url: atPath(url, path),
    headers: authorization === undefined ? {} : { authorization },
    timeoutMs,
    now,
    ...what,
  });
  return { result: result.kind === 'dropped' ? { ...result, why: hint(result) } : result, answer };
}

function hint(result: Exclude<SendResult, { kind: 'sent' }>): string {
  const { status, why } = result;
  if (why.includes(':')) return why;
  if (status === 401 || status === 403) return `${why}: it refuses the user name, password or token`;
  if (status === 404) return `${why}: ALERTMANAGER_URL must be its address, without /api or /#/alerts`;
  return why;
}

function versionOf(answer: string): string | undefined {
  try {
    const { version } = (JSON.parse(answer) as { versionInfo?: { version?: unknown } }).versionInfo ?? {};
    return typeof version === 'string' && /^[\w.+~-]{1,40}$/.test(version) ? version : undefined;
  } catch {
    return undefined;
  }
}

function parse(value: string | undefined): AlertmanagerAlert | undefined {
  return value === undefined ? undefined : (JSON.parse(value) as AlertmanagerAlert);
}

function identityOf({ labels, startsAt }: AlertmanagerAlert) {
  return { labels, startsAt };
}

function sameLabels(one: AlertmanagerAlert, other: AlertmanagerAlert): boolean {
  const sorted = ({ labels }: AlertmanagerAlert) => JSON.stringify(Object.entries(labels).sort());
  return sorted(one) === sorted(other);
}
