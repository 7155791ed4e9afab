import type { CheckResult } from '../receiver-module.ts';
import type { SlackAppSettings } from './settings.ts';
import type { ApiResult } from './web-api.ts';

/** No message has this timestamp. */
const NO_MESSAGE = '1000000000.000000';

/** Checks tokens, permissions and the channel. Posts nothing. Never rejects. */
export async function checkSlackApp(settings: SlackAppSettings, timeoutMs?: number): Promise<CheckResult> {
  const { appToken, approvers, channel } = settings;
  const { canConnect, createWebApi } = await import('./web-api.ts');
  const api = createWebApi({ ...settings, timeoutMs });
  const identity = await api.identify();
  if (identity.kind === 'failed') return { ok: false, why: identity.failure.why };
  const { scopes, botUser = 'a bot', teamName = 'a workspace' } = identity.value;
  if (scopes !== undefined && !scopes.includes('chat:write')) {
    return {
      ok: false,
      why: 'the app lacks the scope chat:write; add it under "OAuth & Permissions" and install it again',
    };
  }
  // Only a channel that the app may write to has messages that it could edit.
  const edit = await api.edit(NO_MESSAGE, { text: 'check', blocks: [] });
  const problem = edit.kind === 'failed' && edit.failure.kind !== 'missing' ? edit.failure.why : undefined;
  if (problem !== undefined) return { ok: false, why: `${problem}; SLACK_CHANNEL=${channel}` };
  const connect = appToken === undefined ? undefined : await canConnect({ ...settings, appToken, timeoutMs });
  if (connect?.kind === 'failed') return { ok: false, why: `the buttons would not work: ${connect.failure.why}` };
  const warnings = [
    ...excess('SLACK_BOT_TOKEN', scopes ?? [], 'chat:write'),
    ...excess('SLACK_APP_TOKEN', connect?.value ?? [], 'connections:write'),
  ];
  return {
    ok: true,
    detail: `${botUser} in ${teamName}, channel ${channel}; ${buttons(connect, approvers)}`,
    ...(warnings.length > 0 && { warnings }),
  };
}

/** A token that leaks can do what its scopes allow. */
function excess(token: string, scopes: readonly string[], needed: string): readonly string[] {
  const more = scopes.filter((scope) => scope !== needed && /^[a-z_:.-]{1,60}$/.test(scope));
  if (more.length === 0) return [];
  const remedy =
    token === 'SLACK_BOT_TOKEN'
      ? 'remove them under "OAuth & Permissions" and install the app again'
      : 'generate a token with that scope alone';
  return [`${token} needs only the scope ${needed}, but also has ${more.join(', ')}; ${remedy}`];
}

function buttons(connect: ApiResult<unknown> | undefined, approvers: readonly string[]): string {
  if (connect === undefined) return 'no buttons (SLACK_APP_TOKEN is not set)';
  if (approvers.length === 0) return 'no buttons (SLACK_APPROVERS is not set, so nobody could press them)';
  return `buttons for ${approvers.length === 1 ? '1 person' : `${approvers.length} people`}`;
}
