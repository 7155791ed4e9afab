import type { SlackApp } from './slack-app-server.ts';

export const JANE = 'U0JANE0001';
export const JOE = 'U0JOE00001';
export const STRANGER = 'U0STRANGER1';

/** The settings of an agent with the stand-in as its only receiver. Jane and Joe may press buttons. */
export function slackAppEnv(slack: SlackApp): Record<string, string> {
  return { SLACK_WEBHOOK_URL: '', ...slackAppBesideOthers(slack) };
}

/** The same, for an agent that has other receivers, too. */
export function slackAppBesideOthers(slack: SlackApp): Record<string, string> {
  return { ...slackAppMessages(slack), SLACK_APP_TOKEN: slack.appToken, SLACK_APPROVERS: `${JANE},${JOE}` };
}

/** Messages without buttons: the agent opens no WebSocket. */
export function slackAppMessages(slack: SlackApp): Record<string, string> {
  return {
    SLACK_BOT_TOKEN: slack.botToken,
    SLACK_CHANNEL: slack.channel,
    SLACK_API_URL: slack.apiUrl,
    SLACK_APP_MIN_SEVERITY: 'low',
  };
}
