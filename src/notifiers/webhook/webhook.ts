import { createHash } from 'node:crypto';
import { httpUrl, type SettingTable, text, type ValuesOf } from '../../config/setting.ts';
import type { Receiver, SendResult } from '../../pipeline/ports/receiver.ts';
import { request, withoutCredentials } from '../post.ts';
import {
  type CheckResult,
  incidentUrl,
  minSeveritySetting,
  onlySetting,
  type ReceiverDeps,
  type ReceiverModule,
  type ReceiverSettings,
} from '../receiver-module.ts';
import { alertEvent, noticeEvent, summaryEvent } from './event.ts';
import { sign } from './signature.ts';

const MIN_SECRET = 16;

const SETTINGS = {
  WEBHOOK_URL: {
    schema: httpUrl(),
    allowed: 'an http or https URL',
    about: 'an address of your own that gets each alert as JSON',
    details: 'See [receivers.md](receivers.md#webhook).',
    secret: true,
  },
  WEBHOOK_SECRET: {
    schema: text().refine(
      (secret) =>
        secret.length >= MIN_SECRET && (!secret.startsWith('whsec_') || /^whsec_[A-Za-z0-9+/]+=*$/.test(secret)),
    ),
    allowed: `at least ${MIN_SECRET} characters; after whsec_, base64`,
    about: 'the key that signs each request to WEBHOOK_URL; required with it',
    secret: true,
  },
  WEBHOOK_MIN_SEVERITY: minSeveritySetting('the webhook'),
  WEBHOOK_ONLY: onlySetting('the webhook'),
} as const satisfies SettingTable;

interface WebhookSettings extends ReceiverSettings {
  readonly url: string;
  readonly authorization?: string;
  readonly secret: string;
}

type WebhookDeps = Pick<ReceiverDeps, 'now' | 'timeoutMs' | 'publicUrl'>;

/** Posts alerts as signed JSON. */
export const webhook: ReceiverModule<typeof SETTINGS, WebhookSettings> = {
  name: 'webhook',
  title: 'Webhook',
  follows: true,
  settings: SETTINGS,
  configure(values: ValuesOf<typeof SETTINGS>, refuse) {
    const { WEBHOOK_URL: given, WEBHOOK_SECRET: secret } = values;
    if (given === undefined) {
      if (secret !== undefined) refuse('WEBHOOK_SECRET', 'has no effect without WEBHOOK_URL');
      return undefined;
    }
    if (secret === undefined) {
      refuse('WEBHOOK_SECRET', `is required with WEBHOOK_URL; must be ${SETTINGS.WEBHOOK_SECRET.allowed}`);
      return undefined;
    }
    return {
      ...withoutCredentials(given),
      secret,
      minSeverity: values.WEBHOOK_MIN_SEVERITY,
      only: values.WEBHOOK_ONLY,
    };
  },
  create: createWebhook,
  check: checkWebhook,
};

export function createWebhook(settings: WebhookSettings, deps: WebhookDeps): Omit<Receiver, 'name'> {
  const { now, publicUrl } = deps;
  const post = (event: object, signal: AbortSignal) => postEvent(settings, deps, event, signal);
  return {
    paceMs: 0,
    send: (alert, signal) => post(alertEvent(alert, incidentUrl(publicUrl, alert.incident.id)), signal),
    sendNotice(notice, signal) {
      // Equal for a second try, so that the receiver can recognise it.
      const id = createHash('sha256').update(JSON.stringify(notice)).digest('hex').slice(0, 24);
      return post(noticeEvent(notice, `notice/${id}`, now()), signal);
    },
    sendSummary: (summary, signal) => post(summaryEvent(summary, publicUrl, now()), signal),
  };
}

async function postEvent(
  { url, authorization, secret }: WebhookSettings,
  { now, timeoutMs }: WebhookDeps,
  event: object,
  signal: AbortSignal,
): Promise<SendResult> {
  // JSON in which no text can end a script element, wherever it is pasted.
  const body = JSON.stringify(event).replaceAll('<', '\\u003c').replaceAll('>', '\\u003e');
  const { id } = event as { id: string };
  const headers = {
    ...sign(secret, { id: headerText(id), body, now: now() }),
    'user-agent': 'container-doctor',
    ...(authorization !== undefined && { authorization }),
  };
  const { result } = await request({ service: 'the webhook', url, headers, body, timeoutMs, now, signal });
  return result;
}

/** Checks whether a server listens. `OPTIONS` or `HEAD` would say no more, and a post would be an event. */
async function checkWebhook({ url }: WebhookSettings): Promise<CheckResult> {
  const { result } = await request({
    service: 'the webhook',
    url,
    method: 'GET',
    signal: new AbortController().signal,
    now: Date.now,
  });
  return result.status === undefined && result.kind !== 'sent'
    ? { ok: false, why: result.why }
    : { ok: true, detail: 'the server answers; container-doctor check --send posts a test alert' };
}

function headerText(id: string): string {
  return id.replace(/[^\x21-\x7e]/g, '_').slice(0, 200);
}
