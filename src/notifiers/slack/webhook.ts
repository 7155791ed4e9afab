import { retryAfterMs } from '../../lib/retry-after.ts';
import type { Receiver, SendResult } from '../../pipeline/ports/receiver.ts';
import { type CheckResult, incidentUrl } from '../receiver-module.ts';
import { renderSlack } from './message.ts';
import { renderSlackNotice } from './notice.ts';

export interface SlackWebhookOptions {
  /** A secret: whoever has it can post. It must not appear in an error, a log or a result. */
  readonly webhookUrl: string;
  /** Timeout of one request. Default: 8 s. */
  readonly timeoutMs?: number;
  readonly now?: () => number;
  readonly publicUrl?: string;
}

/** Slack accepts about one message per second from a webhook. */
const PACE_MS = 1_000;
/** Slack requests pauses of seconds or minutes. A longer one is a mistake of a proxy. */
const MAX_PAUSE_MS = 3_600_000;
/** Characters read of a response. Slack's own responses are a few words. */
const MAX_ANSWER = 256;

export function createSlackWebhook(options: SlackWebhookOptions): Omit<Receiver, 'name'> {
  const now = options.now ?? Date.now;
  return {
    paceMs: PACE_MS,
    async send(alert, signal) {
      const message = renderSlack(alert, now(), incidentUrl(options.publicUrl, alert.incident.id));
      const { answer, ...result } = await post(options, message, signal);
      if (result.kind !== 'dropped' || !answer?.startsWith('invalid_blocks')) return result;
      // An alert without a layout is better than none.
      const { blocks: _, ...textOnly } = message;
      return withoutAnswer(await post(options, textOnly, signal));
    },
    async sendNotice(notice, signal) {
      return withoutAnswer(await post(options, renderSlackNotice(notice), signal));
    },
  };
}

/**
 * Checks the webhook without posting a message. It sends an empty one: a working webhook rejects that with status 400,
 * a revoked one with 403, 404 or 410. Never rejects.
 */
export async function checkSlackWebhook(
  options: Pick<SlackWebhookOptions, 'webhookUrl' | 'timeoutMs'>,
): Promise<CheckResult> {
  const result = await post(options, {}, new AbortController().signal);
  if (result.kind === 'sent' || result.status === 400) return { ok: true, detail: 'the webhook answers' };
  return { ok: false, why: result.why };
}

type PostResult = SendResult & { readonly answer?: string };

/** Never rejects. */
async function post(options: SlackWebhookOptions, payload: unknown, signal: AbortSignal): Promise<PostResult> {
  const timeout = AbortSignal.timeout(options.timeoutMs ?? 8_000);
  try {
    const response = await fetch(options.webhookUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify(payload),
      redirect: 'manual',
      signal: AbortSignal.any([signal, timeout]),
    });
    // If the body is cut off, the status still counts, so that a message that Slack accepted is not sent again.
    const answer = await readStart(response).catch(() => '');
    return { ...resultOf(response, answer, (options.now ?? Date.now)()), answer };
  } catch (error) {
    if (signal.aborted) return { kind: 'retry', why: 'sending was aborted' };
    return {
      kind: 'retry',
      why: timeout.aborted ? 'Slack did not answer in time' : `no connection (${codeOf(error)})`,
    };
  }
}

function resultOf(response: Response, answer: string, now: number): SendResult {
  const { status } = response;
  // Slack answers with codes such as `no_service`. Other text is not quoted.
  const why = `Slack answered ${status}${/^[a-z_]{1,60}$/.test(answer) ? ` ${answer}` : ''}`;
  if (response.ok) {
    return answer.startsWith('<')
      ? { kind: 'retry', status, why: `${why} with a web page, which Slack does not` }
      : { kind: 'sent', status };
  }
  if (status === 429) return { kind: 'retry', status, why, afterMs: pauseMs(response.headers, now) };
  if (status >= 500 || status === 408 || status < 400) return { kind: 'retry', status, why };
  return { kind: 'dropped', status, why };
}

/** The pause that the response requests, limited to the range from PACE_MS to MAX_PAUSE_MS. */
function pauseMs(headers: Headers, now: number): number {
  return Math.min(Math.max(retryAfterMs(headers, now) ?? PACE_MS, PACE_MS), MAX_PAUSE_MS);
}

/** Reads at most MAX_ANSWER characters of the body. */
async function readStart(response: Response): Promise<string> {
  if (!response.body) return '';
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length >= MAX_ANSWER) break;
  }
  return text.trim().slice(0, MAX_ANSWER);
}

/** The error's code, because its message may contain the URL. */
function codeOf(error: unknown): string {
  const { cause, name } = error as { cause?: { code?: unknown }; name?: unknown };
  const code = cause?.code ?? name;
  return typeof code === 'string' && /^[A-Za-z_]{1,40}$/.test(code) ? code : 'error';
}

function withoutAnswer({ answer: _, ...result }: PostResult): SendResult {
  return result;
}
