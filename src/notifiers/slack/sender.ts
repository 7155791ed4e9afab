import { retryAfterMs } from '../../lib/retry-after.ts';
import type { AlertSender, SendResult } from '../../pipeline/ports.ts';
import { renderSlack, type SlackOptions } from './message.ts';
import { renderSlackNotice } from './notice.ts';

export interface SlackSenderOptions extends Omit<SlackOptions, 'now'> {
  /** A secret: who has it can post. Never in an error, a log or a result. */
  readonly webhookUrl: string;
  /** For one post; default 8 s. */
  readonly timeoutMs?: number;
  readonly now?: () => number;
  readonly fetch?: typeof fetch;
}

/** What Slack takes from a webhook: one message a second. */
const PACE_MS = 1_000;

/** Slack never asks for more than minutes; a longer pause is a mistake of somebody in between. */
const LONGEST_PAUSE_MS = 3_600_000;

export function createSlackSender(options: SlackSenderOptions): AlertSender {
  const now = options.now ?? Date.now;
  return {
    integration: 'slack',
    paceMs: PACE_MS,
    async send(alert, signal) {
      const message = renderSlack(alert, { ...options, now: now() });
      const result = await post(options, message, signal);
      // Better an alert without a layout than none.
      if (result.kind === 'dropped' && result.answer?.startsWith('invalid_blocks')) {
        const { blocks: _, ...text } = message;
        return withoutAnswer(await post(options, text, signal));
      }
      return withoutAnswer(result);
    },
    async sendNotice(notice, signal) {
      return withoutAnswer(await post(options, renderSlackNotice(notice), signal));
    },
  };
}

export type PostResult = SendResult & { readonly answer?: string };

/** Posts one payload to the webhook. Never rejects. */
export async function post(options: SlackSenderOptions, payload: unknown, signal: AbortSignal): Promise<PostResult> {
  const timeout = AbortSignal.timeout(options.timeoutMs ?? 8_000);
  try {
    const response = await (options.fetch ?? fetch)(options.webhookUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify(payload),
      redirect: 'manual',
      signal: AbortSignal.any([signal, timeout]),
    });
    // Its status is known: where the rest is cut off, a message that Slack took must not be sent again.
    const answer = await readStart(response).catch(() => '');
    return { ...judge(response, answer, (options.now ?? Date.now)()), answer };
  } catch (error) {
    if (signal.aborted) return { kind: 'retry', why: 'sending was stopped' };
    return {
      kind: 'retry',
      why: timeout.aborted ? 'Slack did not answer in time' : `no connection (${codeOf(error)})`,
    };
  }
}

function judge(response: Response, answer: string, now: number): SendResult {
  const { status } = response;
  // Slack's answers are words like `no_service`; anything else is not repeated.
  const why = `Slack answered ${status}${/^[a-z_]{1,60}$/.test(answer) ? ` ${answer}` : ''}`;
  if (response.ok) {
    return answer.startsWith('<')
      ? { kind: 'retry', status, why: `${why} with a page, not as Slack does` }
      : { kind: 'sent', status };
  }
  if (status === 429) return { kind: 'retry', status, why, afterMs: pauseMs(response.headers, now) };
  if (status >= 500 || status === 408 || status < 400) return { kind: 'retry', status, why };
  return { kind: 'dropped', status, why };
}

/** Within bounds: at least the ordinary pace, at most LONGEST_PAUSE_MS. */
function pauseMs(headers: Headers, now: number): number {
  return Math.min(Math.max(retryAfterMs(headers, now) ?? PACE_MS, PACE_MS), LONGEST_PAUSE_MS);
}

/** As much as an answer of Slack's can be; the rest is not read. */
async function readStart(response: Response): Promise<string> {
  if (!response.body) return '';
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length >= 256) break;
  }
  return text.trim().slice(0, 256);
}

/** Messages of fetch's errors may hold the address; their codes do not. */
function codeOf(error: unknown): string {
  const { cause, name } = error as { cause?: { code?: unknown }; name?: unknown };
  const code = cause?.code ?? name;
  return typeof code === 'string' && /^[A-Za-z_]{1,40}$/.test(code) ? code : 'error';
}

function withoutAnswer({ answer: _, ...result }: PostResult): SendResult {
  return result;
}
