/** What Slack's error codes mean, and whether trying again can help. */
import type { SendResult } from '../../pipeline/ports/receiver.ts';

/**
 * `wait`: it may pass, or a person can correct it; the message is kept and tried again. `missing`: the message that it
 * is about no longer exists or can no longer be edited. `message`: Slack does not accept this message.
 */
export type FailureKind = 'wait' | 'missing' | 'message';

export interface ApiFailure {
  readonly kind: FailureKind;
  /** Slack's code, such as `channel_not_found`; absent if there was no answer of Slack. */
  readonly code?: string;
  /** For people. */
  readonly why: string;
  readonly afterMs?: number;
  readonly status?: number;
}

const CODES: Readonly<Record<string, readonly [kind: FailureKind, why: string]>> = {
  invalid_auth: ['wait', 'the token is not valid; set SLACK_BOT_TOKEN to a token of the installed app'],
  not_authed: ['wait', 'no token was sent'],
  token_revoked: ['wait', 'the token was revoked; install the app again and set SLACK_BOT_TOKEN'],
  token_expired: ['wait', 'the token has expired; turn token rotation off in the app and set SLACK_BOT_TOKEN'],
  account_inactive: ['wait', 'the app was removed from the workspace, or the workspace was deleted'],
  team_disabled: ['wait', 'the workspace is disabled'],
  user_removed_from_team: ['wait', 'the app was removed from the workspace'],
  not_allowed_token_type: ['wait', 'it is a token of another kind'],
  missing_scope: ['wait', 'the app lacks a permission; add it under "OAuth & Permissions" and install the app again'],
  no_permission: ['wait', 'the app is not allowed to do this; is it a member of the channel?'],
  channel_not_found: [
    'wait',
    'the channel of SLACK_CHANNEL was deleted, does not exist in this workspace, or is private and the app was not invited',
  ],
  not_in_channel: ['wait', 'the app is not in the channel of SLACK_CHANNEL; invite it there with /invite'],
  is_archived: ['wait', 'the channel of SLACK_CHANNEL is archived'],
  is_inactive: ['wait', 'the channel of SLACK_CHANNEL is archived, frozen or deleted'],
  restricted_action: ['wait', 'the workspace does not allow the app to post in this channel'],
  restricted_action_read_only_channel: ['wait', 'the channel of SLACK_CHANNEL is read-only'],
  restricted_action_thread_only_channel: ['wait', 'the channel of SLACK_CHANNEL accepts only replies'],
  ekm_access_denied: ['wait', 'an administrator has suspended posting'],
  org_login_required: ['wait', 'the workspace is being migrated'],
  team_added_to_org: ['wait', 'the workspace is being migrated'],
  ratelimited: ['wait', "Slack's rate limit is reached"],
  rate_limited: ['wait', "Slack's rate limit is reached"],
  message_not_found: ['missing', 'the message was deleted'],
  thread_not_found: ['missing', 'the message of the thread was deleted'],
  cant_update_message: ['missing', 'the message belongs to another app'],
  edit_window_closed: ['missing', 'the workspace no longer allows this message to be edited'],
  invalid_blocks: ['message', 'Slack does not accept the layout of the message'],
  invalid_blocks_format: ['message', 'Slack does not accept the layout of the message'],
  msg_blocks_too_long: ['message', 'the message is too long'],
  msg_too_long: ['message', 'the message is too long'],
  no_text: ['message', 'the message has no text'],
  invalid_arguments: ['message', 'Slack does not accept the arguments'],
};

/** Slack asks for pauses of seconds or minutes. A longer one is a mistake of a proxy. */
const MAX_PAUSE_MS = 3_600_000;
const MIN_PAUSE_MS = 1_000;

/** Converts an error of Slack's clients. No text of the error is quoted, except codes. `token`: the one that was used. */
export function failureOf(
  error: unknown,
  token: 'SLACK_BOT_TOKEN' | 'SLACK_APP_TOKEN' = 'SLACK_BOT_TOKEN',
): ApiFailure {
  const { code, data, statusCode, retryAfter, original } = error as {
    code?: unknown;
    data?: { error?: unknown; needed?: unknown };
    statusCode?: unknown;
    retryAfter?: unknown;
    original?: unknown;
  };
  switch (code) {
    case 'slack_webapi_platform_error':
      return platformFailure(data?.error, data?.needed, token);
    case 'slack_webapi_rate_limited_error': {
      const afterMs = Math.min(Math.max(Number(retryAfter) * 1000 || MIN_PAUSE_MS, MIN_PAUSE_MS), MAX_PAUSE_MS);
      return { kind: 'wait', code: 'ratelimited', why: "Slack's rate limit is reached", afterMs, status: 429 };
    }
    case 'slack_webapi_http_error': {
      const status = Number(statusCode);
      return { kind: 'wait', why: `Slack answered ${status}`, status };
    }
    case 'slack_webapi_request_error':
      return { kind: 'wait', why: connectionProblem(original) };
    default:
      // The client has no code for a 429 without a valid Retry-After.
      return { kind: 'wait', why: 'the request to Slack failed' };
  }
}

function platformFailure(error: unknown, needed: unknown, token: string): ApiFailure {
  // Other text, such as the page of a proxy, is not quoted.
  if (typeof error !== 'string' || !/^[a-z_]{1,60}$/.test(error)) {
    return { kind: 'wait', why: "the answer is not Slack's; is SLACK_API_URL right?" };
  }
  const [kind, why] = CODES[error] ?? (['wait', 'Slack refused the request'] as const);
  const scope = typeof needed === 'string' && /^[a-z:._,]{1,60}$/.test(needed) ? `, needed: ${needed}` : '';
  return { kind, code: error, why: `${why.replaceAll('SLACK_BOT_TOKEN', token)} (${error}${scope})` };
}

/** The code of the cause, because the message may contain an address. */
function connectionProblem(error: unknown): string {
  const { name, cause } = (error ?? {}) as { name?: unknown; cause?: { code?: unknown } };
  if (name === 'TimeoutError') return 'Slack did not answer in time';
  const code = cause?.code;
  return `no connection to Slack (${typeof code === 'string' && /^[A-Z_]{1,40}$/.test(code) ? code : 'error'})`;
}

/** For the outbox: what can be corrected by waiting or by a person is tried again, and nothing is lost. */
export function sendResultOf(failure: ApiFailure): SendResult {
  const { kind, why, afterMs, status } = failure;
  return kind === 'wait' ? { kind: 'retry', why, afterMs, status } : { kind: 'dropped', why, status };
}
